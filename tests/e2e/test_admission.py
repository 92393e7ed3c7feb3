"""The wall on the hub: what its API server refuses before the broker sees it, who asks, and what the
broker does while the wall is not there."""

import calendar
import contextlib
import json
import time

import pytest

from fleet import API_MULTICLUSTER, PROFILES, TEAM, Fleet, eventually
from kube_api import path
from testbed import ROOT

FINALIZER = "credbroker.dev/revocation"
REQUESTS = path("authtokenrequests", TEAM)
READER = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]}
RBAC = "rbac.authorization.k8s.io"


@pytest.fixture(scope="module")
def fleet(own_name):
    member = own_name("m1")
    with Fleet(own_name("hub"), member) as fleet:
        fleet.member = member
        # alice owns all of her namespace, and has nothing beyond it but what a test gives her.
        fleet.hub.kubectl("create", "rolebinding", "alice", "-n", TEAM, "--user=alice",
                          "--clusterrole=cluster-admin")
        fleet.alice = fleet.hub_api.impersonating("alice")
        fleet.hub.kubectl("create", "clusterrole", "asks", "--verb=create",
                          "--resource=authtokenrequests.multicluster.x-k8s.io")
        for template in ("reads", "writes"):
            fleet.hub.apply({
                "apiVersion": "credbroker.dev/v1alpha1", "kind": "RBACTemplate",
                "metadata": {"name": template},
                "spec": {"clusterRoles": [{"name": template, "rules": [READER]}]}})
        yield fleet


def may(fleet, name, verb, resource, group, names, where=None, user="alice"):
    """USER may VERB the objects of NAMES, in the namespace WHERE or in the whole cluster."""
    kind = "Role" if where else "ClusterRole"
    metadata = {"name": name, **({"namespace": where} if where else {})}
    fleet.hub.apply(
        {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata,
         "rules": [{"apiGroups": [group], "resources": [resource], "verbs": [verb],
                    "resourceNames": names}]},
        {"apiVersion": f"{RBAC}/v1", "kind": f"{kind}Binding", "metadata": metadata,
         "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
         "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}]})


def may_request(fleet, *profiles, name="may-request", user="alice"):
    may(fleet, name, "request-token", "clusterprofiles", "multicluster.x-k8s.io", list(profiles),
        PROFILES, user)


def may_use(fleet, *templates, name="may-use", user="alice"):
    may(fleet, name, "use", "rbactemplates", "credbroker.dev", list(templates), user=user)


def request_object(profile, name="dry", **spec):
    return {"apiVersion": API_MULTICLUSTER, "kind": "AuthTokenRequest",
            "metadata": {"name": name, "namespace": TEAM},
            "spec": {"targetClusterProfile": {"name": profile, "namespace": PROFILES},
                     "serviceAccountName": name, **spec}}


def try_create(api, body, dry_run=True):
    return api.call("POST", REQUESTS + ("?dryRun=All" if dry_run else ""), body)


def check_refused(reply, policy, *words):
    message = reply.body["message"]
    assert reply.status == 403 and f"ValidatingAdmissionPolicy '{policy}'" in message, reply
    for word in words:
        assert word in message


def eventually_created(api, body):
    """An authorizer learns of a grant a moment after it was given."""
    return eventually(lambda: (reply := try_create(api, body)).status == 201 and reply).body


@pytest.fixture
def stored(fleet):
    """A request of alice, on the hub."""
    may_request(fleet, "m1")
    eventually_created(fleet.alice, request_object("m1"))
    yield fleet.alice.create(REQUESTS, request_object("m1", "asked"))
    fleet.hub_api.merge(f"{REQUESTS}/asked", {"metadata": {"finalizers": None}})
    fleet.hub_api.delete(f"{REQUESTS}/asked")


# Who may ask.


def test_who_may_not_request_token_on_the_profile_is_refused_until_granted(fleet):
    wanted = request_object("granted-later")
    check_refused(try_create(fleet.alice, wanted), "credbroker-requests", "request-token",
                  f"{PROFILES}/granted-later", "ask an administrator")
    may_request(fleet, "granted-later", name="granted-later")
    eventually_created(fleet.alice, wanted)
    check_refused(try_create(fleet.alice, request_object("another")), "credbroker-requests")


def test_a_profile_without_namespace_is_one_of_the_requests_namespace(fleet):
    unnamed = request_object("m1", targetClusterProfile={"name": "m1"})
    bob = fleet.hub_api.impersonating("bob")
    fleet.hub.kubectl("create", "rolebinding", "bob", "-n", TEAM, "--user=bob", "--clusterrole=asks")
    may_request(fleet, "m1", name="bob", user="bob")
    eventually_created(bob, request_object("m1"))
    check_refused(try_create(bob, unnamed), "credbroker-requests", f"{TEAM}/m1")
    eventually_created(fleet.alice, unnamed)  # who owns a namespace owns the profiles in it


def test_each_template_must_be_usable_wherever_it_stands(fleet):
    may_request(fleet, "m1")
    may_use(fleet, "reads")
    eventually_created(fleet.alice, request_object("m1", templates=[{"name": "reads"}]))
    for place in range(16):
        names = ["reads"] * 16
        names[place] = "writes"
        check_refused(try_create(fleet.alice, request_object(
            "m1", templates=[{"name": name} for name in names])), "credbroker-requests",
            "may not use RBACTemplate writes")
    eventually_created(fleet.alice, request_object("m1", templates=[{"name": "reads"}] * 16))


def test_a_change_of_the_spec_is_checked_like_a_new_one(fleet, stored):
    may_use(fleet, "reads")
    where = f"{REQUESTS}/asked"
    reply = fleet.alice.call("PATCH", where, {"spec": {"templates": [{"name": "writes"}]}},
                             "application/merge-patch+json")
    check_refused(reply, "credbroker-requests", "may not use")
    fleet.alice.merge(where, {"metadata": {"labels": {"a": "b"}}})
    fleet.hub.kubectl("delete", "role", "may-request", "-n", PROFILES)
    eventually(lambda: try_create(fleet.alice, request_object("m1")).status == 403)
    fleet.alice.merge(where, {"metadata": {"labels": {"a": "c"}}})  # changes nothing asked for
    reply = fleet.alice.call("PATCH", where, {"spec": {"credential": {"expirationSeconds": 1200}}},
                             "application/merge-patch+json")
    check_refused(reply, "credbroker-requests", "request-token")


# Who asks.


def test_a27_the_requester_is_stamped_and_cannot_be_forged(fleet, stored):
    where = f"{REQUESTS}/asked"
    assert stored["spec"]["requester"]["username"] == "alice"
    assert "system:authenticated" in stored["spec"]["requester"]["groups"]
    forged = try_create(fleet.alice, request_object(
        "m1", requester={"username": "root", "uid": "0", "groups": ["system:masters"]})).body
    assert forged["spec"]["requester"] == stored["spec"]["requester"]
    labelled = fleet.hub_api.merge(where, {"metadata": {"labels": {"a": "b"}}})
    assert labelled["spec"]["requester"] == stored["spec"]["requester"]
    changed = fleet.hub_api.merge(where, {"spec": {"credential": {"expirationSeconds": 1200}}})
    assert changed["spec"]["requester"]["username"] not in ("alice", "")
    pretended = fleet.hub_api.merge(where, {"spec": {"requester": {"username": "alice"}}})
    assert pretended["spec"]["requester"] == changed["spec"]["requester"]
    removed = fleet.alice.call("PATCH", where, {"spec": {"requester": None}},
                               "application/merge-patch+json").body
    assert removed["spec"]["requester"]["username"] == "alice"


def test_a27_without_stamps_only_the_truth_is_accepted(fleet, stored):
    binding = path("mutatingadmissionpolicybindings", name="credbroker-requester")
    kept = fleet.hub_api.get(binding)
    truth = stored["spec"]["requester"]
    try:
        fleet.hub_api.delete(binding)
        unstamped = eventually(lambda: "requester" not in (body := try_create(
            fleet.alice, request_object("m1")).body)["spec"] and body)
        assert "requester" not in unstamped["spec"]
        assert try_create(fleet.alice, request_object("m1", requester=truth)).status == 201
        for lie in ({"username": "root"}, {**truth, "uid": "7"},
                    {**truth, "groups": [*truth["groups"], "system:masters"]}):
            check_refused(try_create(fleet.alice, request_object("m1", requester=lie)),
                          "credbroker-requests", "spec.requester")
    finally:
        kept["metadata"] = {"name": "credbroker-requester"}
        fleet.hub_api.create(path("mutatingadmissionpolicybindings"), kept)
        fleet.wait_for_admission()


def test_whoever_is_in_too_many_groups_is_refused_and_no_list_is_cut(fleet):
    groups = [f"--as-group=g{index}" for index in range(257)]
    done = fleet.hub.run("--as=many", "--as-group=system:masters", *groups, "create", "-o", "json",
                         "--dry-run=server", "-f", "-",
                         stdin=json.dumps(request_object("m1")))
    assert done.returncode != 0 and "spec.requester.groups: Too many" in done.stderr


# What is the broker's.


def test_a30_tenants_write_neither_status_nor_finalizer(fleet, stored):
    where = f"{REQUESTS}/asked"
    status = {"status": {"tokenResponse": {"kind": "Secret", "name": "of-another-team"}}}
    reply = fleet.alice.call("PATCH", f"{where}/status", status, "application/merge-patch+json")
    check_refused(reply, "credbroker-own-fields", "status")
    guarded = request_object("m1", "guarded")
    guarded["metadata"]["finalizers"] = [FINALIZER]
    check_refused(try_create(fleet.alice, guarded), "credbroker-own-fields", "leave it out")
    finalizers = {"metadata": {"finalizers": [FINALIZER, "example.com/theirs"]}}
    reply = fleet.alice.call("PATCH", where, finalizers, "application/merge-patch+json")
    check_refused(reply, "credbroker-own-fields", "finalizer")
    fleet.hub_api.merge(where, finalizers)
    theirs_goes = {"metadata": {"finalizers": [FINALIZER]}}
    fleet.alice.merge(where, theirs_goes)
    reply = fleet.alice.call("PATCH", where, {"metadata": {"finalizers": []}},
                             "application/merge-patch+json")
    check_refused(reply, "credbroker-own-fields", "finalizer")


# What the broker does.


@pytest.fixture(scope="module")
def broker(fleet):
    """Runs while fleet.current does; there is no policy but those of the tests."""
    fleet.policy.withdraw()
    fleet.current = fleet.broker()
    yield
    fleet.current.stop()


@pytest.fixture
def policy(fleet):
    """Makes an AccessPolicy for a subject; it goes when the test is over."""
    made = []

    def make(name, subject):
        made.append(name)
        fleet.hub.apply({
            "apiVersion": "credbroker.dev/v1alpha1", "kind": "AccessPolicy",
            "metadata": {"name": name},
            "spec": {"subjects": [subject], "clusterProfiles": [{"selector": {}}],
                     "allow": {"clusterRules": [{"apiGroups": ["batch"], "resources": ["jobs"],
                                                 "verbs": ["get", "list"]}]}}})

    yield make
    for name in made:
        fleet.hub.run("delete", "accesspolicy", name)


def wanted_object(fleet, name, **spec):
    role = {"name": "jobs", "rules": [READER]}
    return request_object(fleet.member, name, clusterRoles=[role], **spec)


def ask(fleet, name, api=None, **spec):
    may_request(fleet, fleet.member)
    eventually_created(api or fleet.alice, wanted_object(fleet, "dry", **spec))
    return (api or fleet.alice).create(REQUESTS, wanted_object(fleet, name, **spec))


def wait_until_requesters_are_known(fleet):
    """A request has to be ten seconds younger than the policies."""
    def is_old():
        made = [fleet.hub_api.get(path(kind, name="credbroker-requests"))["metadata"]
                for kind in ("validatingadmissionpolicies", "validatingadmissionpolicybindings")]
        now = try_create(fleet.hub_api, request_object("any")).body["metadata"]
        return all(seconds(now) >= seconds(item) + 10 for item in made)

    eventually(is_old)


def seconds(metadata):
    return calendar.timegm(time.strptime(metadata["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ"))


@pytest.mark.parametrize("subject", [
    {"users": ["alice"]}, {"groups": ["system:authenticated"]},
    {"users": ["alice"], "namespaces": [TEAM]}], ids=["user", "group", "user in a namespace"])
def test_a27_a_policy_on_who_asks_serves_them(fleet, broker, policy, subject):
    wait_until_requesters_are_known(fleet)
    policy("alice", subject)
    ask(fleet, "by-alice")
    fleet.wait_ready("by-alice")
    fleet.hub_api.delete(f"{REQUESTS}/by-alice")
    eventually(fleet.nothing_is_left)


def test_a27_a_policy_on_a_service_account_serves_it(fleet, broker, policy):
    name = "system:serviceaccount:team-a:ci"
    fleet.hub.kubectl("create", "rolebinding", "ci", "-n", TEAM, "--serviceaccount=team-a:ci",
                      "--clusterrole=asks")
    may_request(fleet, fleet.member, name="ci", user=name)
    wait_until_requesters_are_known(fleet)
    policy("ci", {"serviceAccounts": [{"namespace": TEAM, "name": "ci"}]})
    ask(fleet, "by-alice")
    fleet.wait_reason("by-alice", "PolicyMissing")
    ask(fleet, "by-ci", fleet.hub_api.impersonating(name))
    fleet.wait_ready("by-ci")
    for request in ("by-ci", "by-alice"):
        fleet.hub_api.delete(f"{REQUESTS}/{request}")
    eventually(fleet.nothing_is_left)


def test_a79_a_requester_who_lost_the_right_gets_no_token_and_loses_what_there_is(fleet, broker,
                                                                                policy):
    wait_until_requesters_are_known(fleet)
    policy("alice", {"users": ["alice"]})
    ask(fleet, "loses")
    fleet.wait_ready("loses")
    fleet.current.kill()  # so that it is asked when the right is gone
    # Nothing but a renewal asks. Another lifetime is one.
    fleet.alice.merge(f"{REQUESTS}/loses", {"spec": {"credential": {"expirationSeconds": 1200}}})
    fleet.hub.kubectl("delete", "role", "may-request", "-n", PROFILES)
    eventually(lambda: try_create(fleet.alice, request_object(fleet.member)).status == 403)
    fleet.current = fleet.broker()
    fleet.wait_reason("loses", "RequesterNotAuthorized", seconds=150)
    eventually(fleet.nothing_is_left)
    may_request(fleet, fleet.member)
    fleet.wait_ready("loses", seconds=150)
    fleet.hub_api.delete(f"{REQUESTS}/loses")
    eventually(fleet.nothing_is_left)


@contextlib.contextmanager
def without_admission(fleet):
    """The hub has none of the policies; they are back afterwards."""
    fleet.hub.kubectl("delete", "-f", ROOT / "deploy/policies")
    stamped = request_object("none")
    eventually(lambda: "requester" not in try_create(fleet.hub_api, stamped).body["spec"])
    eventually(lambda: try_create(fleet.hub_api, request_object(
        "none", requester={"username": "root"})).status == 201)
    try:
        yield
    finally:
        fleet.hub.kubectl("apply", "-f", ROOT / "deploy/policies")
        fleet.wait_for_admission()


def test_a28_without_admission_nothing_new_is_served_and_what_there_is_goes_on(fleet, broker,
                                                                              policy):
    wait_until_requesters_are_known(fleet)
    policy("alice", {"users": ["alice"]})
    ask(fleet, "kept")
    ask(fleet, "goes")
    fleet.wait_ready("kept")
    fleet.wait_ready("goes")
    fleet.current.kill()
    with without_admission(fleet):
        begun = fleet.broker()
        fleet.hub_api.create(REQUESTS, wanted_object(
            fleet, "forged", requester={"username": "alice", "groups": ["system:authenticated"]}))
        condition = fleet.wait_reason("forged", "AdmissionNotProven")
        assert "kubectl apply -f deploy/policies" in condition["message"]
        assert any(line.get("reason") == "AdmissionNotProven" for line in begun.log())
        fleet.hub_api.delete(f"{REQUESTS}/goes")  # revocation goes on
        eventually(lambda: fleet.get_request("goes") is None)
        # and renewal: a Secret that is lost is one
        before = fleet.credential("kept")["token"]
        fleet.hub_api.delete(path("secrets", TEAM, "kept"))
        begun.kill()
        fleet.current = fleet.broker()
        eventually(lambda: fleet.hub_api.get(path("secrets", TEAM, "kept")), seconds=120)
        assert fleet.credential("kept")["token"] != before
        fleet.wait_ready("kept")
        assert [item["spec"]["request"]["name"] for item in fleet.ledgers()] == ["kept"]
    # The policies are younger than the request now: nothing is proven of who made it.
    fleet.wait_reason("forged", "PolicyMissing")
    assert fleet.condition("kept")["status"] == "True"  # on record
    policy("team", {"namespaces": [TEAM]})
    fleet.wait_ready("forged")
    assert fleet.condition("kept")["status"] == "True"
    for request in ("kept", "forged"):
        fleet.hub_api.delete(f"{REQUESTS}/{request}")
    eventually(fleet.nothing_is_left)


@pytest.mark.parametrize("actions", [["Audit"], ["Warn"]], ids=["audit", "warn"])
def test_a28_a_policy_that_only_looks_is_no_policy(fleet, broker, policy, actions):
    where = path("validatingadmissionpolicybindings", name="credbroker-requests")
    fleet.hub_api.merge(where, {"spec": {"validationActions": actions}})
    eventually(lambda: try_create(fleet.alice, request_object("nobodys")).status == 201)
    policy("team", {"namespaces": [TEAM]})
    fleet.current.kill()
    fleet.current = fleet.broker()
    fleet.hub_api.create(REQUESTS, wanted_object(fleet, "unproven"))
    fleet.wait_reason("unproven", "AdmissionNotProven")
    fleet.hub_api.merge(where, {"spec": {"validationActions": ["Deny"]}})
    fleet.wait_ready("unproven")
    fleet.hub_api.delete(f"{REQUESTS}/unproven")
    eventually(fleet.nothing_is_left)
