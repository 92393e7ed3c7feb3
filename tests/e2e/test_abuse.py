"""What must not work: the abuse cases that access policies have to stop, on real API servers.

Each test is named after its case. A request that is denied causes no call to its member, has no
Secret and no ledger, says why, always in the same words, and gives nothing away of profiles or of
what other policies allow.

A7, a derived name that somebody took first, is in test_conflicts.py: the name has a nonce that
nobody can guess, so that the attacker has to come between.
"""

import itertools
import json
import time

import pytest

import fault_proxy as fault
from fleet import BINDABLE, IDENTITIES, KINDS, OWN, PROFILES, TEAM, Fleet, eventually
from kube_api import KubeApi, path

OTHER = "team-b"
GOLD = "gold"          # has the label that a policy selects
COPPER = "copper"      # has not
LEAVERS = "leavers"    # where all are served until something changes
WATCHED = "watched"    # a namespace and a profile to see how far the broker has read
VAULT = "vault-prod"   # a namespace of the member, protected by the operator's pattern
CANARY = "hidden"      # in what no requester may learn: names and descriptions of policies
REVOKED_SECONDS = 120  # from the change to a token that opens nothing
LATE_SECONDS = 60
SERVED_AGAIN_SECONDS = 90  # a request gets one token a minute at most
COUNTER = itertools.count()

JOBS = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list"]}
PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
EVERYTHING = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
              {"nonResourceURLs": ["*"], "verbs": ["*"]}]


def rule(groups, resources, *verbs):
    return {"apiGroups": groups, "resources": resources, "verbs": list(verbs)}


RBAC = ["rbac.authorization.k8s.io"]
CERTIFICATES = ["certificates.k8s.io"]
ADMISSION = ["admissionregistration.k8s.io"]
# What no ceiling covers by itself, and the name by which a policy has to allow it.
DANGERS = {
    "any verb": ("any-verb", rule(["batch"], ["jobs"], "*")),
    "any group": ("any-group", rule(["*"], ["jobs"], "get")),
    "any resource": ("any-resource", rule(["batch"], ["*"], "get")),
    "any subresource": ("any-resource", rule(["apps"], ["*/scale"], "get")),
    "escalate": ("escalate", rule(RBAC, ["clusterroles"], "escalate")),
    "bind": ("bind", rule(RBAC, ["clusterroles"], "bind")),
    "bind one name": ("bind", {**rule(RBAC, ["roles"], "bind"), "resourceNames": ["harmless"]}),
    "impersonate": ("impersonate", rule([""], ["users"], "impersonate")),
    "impersonate in part": ("impersonate", rule(["authentication.k8s.io"], ["users"],
                                                "impersonate:user-info")),
    "tokens": ("serviceaccount-tokens", rule([""], ["serviceaccounts/token"], "create")),
    "list secrets": ("list-all-secrets", rule([""], ["secrets"], "list")),
    "watch secrets": ("list-all-secrets", rule([""], ["secrets"], "get", "watch")),
    "nodes/proxy": ("nodes-proxy", rule([""], ["nodes/proxy"], "get")),
    "exec": ("exec-anywhere", rule([""], ["pods/exec"], "create")),
    "attach": ("attach-anywhere", rule([""], ["pods/attach"], "get")),
    "ephemeral": ("ephemeral-containers-anywhere", rule([""], ["pods/ephemeralcontainers"],
                                                        "patch")),
    "approval": ("csr-approval", rule(CERTIFICATES, ["certificatesigningrequests/approval"],
                                      "update")),
    "signers": ("signers", rule(CERTIFICATES, ["signers"], "approve")),
    "webhooks": ("admission-writes", rule(ADMISSION, ["mutatingwebhookconfigurations"], "create")),
    "policies": ("admission-writes", rule(ADMISSION, ["validatingadmissionpolicies"], "patch")),
    "bindings": ("rbac-writes", rule(RBAC, ["rolebindings"], "create")),
    "change secrets": ("secret-writes", rule([""], ["secrets"], "patch")),
    "make accounts": ("serviceaccount-writes", rule([""], ["serviceaccounts"], "create")),
    "paths": ("non-resource-urls", {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}),
}
DANGER_NAMES = sorted({name for name, _ in DANGERS.values()} | {"rbac-writes"})


@pytest.fixture(scope="module")
def fleet(own_name):
    member = own_name("m1")
    with Fleet(own_name("hub"), member, namespaces=(TEAM, OTHER, GOLD, COPPER, LEAVERS)) as fleet:
        fleet.policy.withdraw()
        fleet.member = member
        fleet.member_api = fleet.apis[member]
        fleet.member_proxy = fleet.proxy(fleet.members[member])
        fleet.hub_proxy = fleet.proxy(fleet.hub)
        for namespace in (VAULT, "openshift-monitoring"):
            fleet.members[member].kubectl("create", "namespace", namespace)
        fleet.hub.kubectl("create", "namespace", WATCHED)
        fleet.add_profile(WATCHED)
        fleet.give_access(member, server=fleet.member_proxy.url)
        fleet.hub.kubectl("label", "ns", GOLD, "metal=gold")
        start(fleet)
        yield fleet
        fleet.current.stop()


def start(fleet):
    fleet.current = fleet.broker("--protect-namespace", "vault-*", hub_server=fleet.hub_proxy.url)


@pytest.fixture
def policies(fleet):
    """Makes AccessPolicies, which go when the test is over."""
    made = []

    def make(name="one", subjects=None, profiles=None, **allow):
        made.append(name)
        return write_policy(fleet, name, subjects, profiles, **allow)

    yield make
    for name in made:
        drop_policy(fleet, name)


@pytest.fixture
def asked(fleet, policies):
    """Asks, and takes back what was asked for before the policies go."""
    names = []

    def ask(name, profile=None, namespace=TEAM, **spec):
        names.append((name, namespace))
        fleet.request(name, profile or fleet.member, namespace=namespace, **spec)
        return name

    fleet.hub_proxy.forget()
    fleet.member_proxy.forget()
    yield ask
    fleet.hub_proxy.forget()
    take_back(fleet, names)


def take_back(fleet, names):
    for name, namespace in names:
        fleet.hub_api.call("DELETE", path("authtokenrequests", namespace, name))
    for name, namespace in names:
        eventually(lambda: fleet.get_request(name, namespace) is None, what=f"{name} is gone")


def policy_path(name):
    return path("accesspolicies", name=f"{CANARY}-{name}")


def write_policy(fleet, name, subjects=None, profiles=None, **allow):
    """For requests in TEAM and the member's profile, unless it says otherwise."""
    body = {"apiVersion": "credbroker.dev/v1alpha1", "kind": "AccessPolicy",
            "metadata": {"name": f"{CANARY}-{name}"},
            "spec": {"description": f"{CANARY} as well",
                     "subjects": subjects or [{"namespaces": [TEAM]}],
                     "clusterProfiles": profiles or [{"names": [fleet.member]}],
                     "allow": allow}}
    old = fleet.hub_api.get(policy_path(name))
    if not old:
        return fleet.hub_api.create(path("accesspolicies"), body)
    body["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
    reply = fleet.hub_api.call("PUT", policy_path(name), body)
    assert reply.status == 200, reply
    return reply.body


def drop_policy(fleet, name):
    fleet.hub_api.call("DELETE", policy_path(name))


def label(fleet, where, **labels):
    fleet.hub_api.merge(where, {"metadata": {"labels": labels}})


def settle(fleet):
    """Returns when the broker has acted on all that was written before: it is seen to have read a
    later policy, namespace, profile and request, each in the order of its kind."""
    number = f"n{next(COUNTER)}"
    name = f"settle-{number}"
    label(fleet, path("namespaces", name=WATCHED), settle=number)
    label(fleet, path("clusterprofiles", PROFILES, WATCHED), settle=number)
    selector = {"matchLabels": {"settle": number}}
    write_policy(fleet, name, [{"namespaceSelector": selector}], [{"selector": selector}])
    fleet.request(name, WATCHED, WATCHED)
    fleet.wait_reason(name, "RulesNotAllowed", namespace=WATCHED)
    take_back(fleet, [(name, WATCHED)])
    drop_policy(fleet, name)


def profile(name):
    return {"kind": "ClusterProfile", "name": name, "namespace": PROFILES}


def inline(*rules, name="r"):
    return [{"name": name, "rules": list(rules)}]


def role(namespace, *rules, name="r"):
    return {"namespace": namespace, "name": name, **({"rules": list(rules)} if rules else {})}


def uid_of(fleet, name, namespace=TEAM):
    return fleet.get_request(name, namespace)["metadata"]["uid"]


def events_of(fleet, name, namespace=TEAM):
    uid = uid_of(fleet, name, namespace)
    return [event for event in fleet.hub_api.items(path("events", namespace))
            if event["regarding"]["uid"] == uid]


def check_nothing_was_made(fleet, name, namespace=TEAM):
    request = fleet.get_request(name, namespace)
    assert "finalizers" not in request["metadata"]
    assert fleet.hub_api.get(path("secrets", namespace, name)) is None
    assert fleet.hub_api.get(path("issuedcredentials", OWN, request["metadata"]["uid"])) is None
    for condition in request["status"]["conditions"]:
        assert condition["status"] != "True", condition


def check_told_in_one_voice(fleet, name, condition, namespace=TEAM):
    """The Event says what the condition says, and neither names a policy."""
    told = eventually(lambda: [event for event in events_of(fleet, name, namespace)
                               if event["reason"] == condition["reason"]], what="an Event")
    assert [(event["type"], event["note"]) for event in told] == [("Warning", condition["message"])]
    assert CANARY not in json.dumps([fleet.get_request(name, namespace)["status"],
                                     events_of(fleet, name, namespace)])


def check_denied(fleet, reason, *names, namespace=TEAM):
    """Returns the conditions."""
    before = [fleet.wait_reason(name, reason, namespace=namespace) for name in names]
    settle(fleet)
    for name, condition in zip(names, before):
        assert condition["status"] == "False"
        assert fleet.condition(name, namespace=namespace) == condition
        check_nothing_was_made(fleet, name, namespace)
        check_told_in_one_voice(fleet, name, condition, namespace)
    assert fleet.member_proxy.seen() == []
    return before


def client(credential):
    return KubeApi.of_kubeconfig(json.loads(credential["kubeconfig"]))


def works(fleet, name, namespace=TEAM, where=None):
    credential = fleet.credential(name, namespace)
    return client(credential).call("GET", where or path("jobs")).status == 200


# What may be had.


def test_a01_another_cluster_role_than_the_catalogue_s_is_denied(fleet, policies, asked):
    policies(clusterRoles=["view", BINDABLE], roles=[{"namespace": "apps", "name": "reader"}])
    wanted = {
        "admin": {"clusterRoles": [{"name": "cluster-admin"}]},
        "both": {"clusterRoles": [{"name": BINDABLE}, {"name": "cluster-admin"}]},
        "case": {"clusterRoles": [{"name": "View"}]},
        "blank": {"clusterRoles": [{"name": "view "}]},
        "longer": {"clusterRoles": [{"name": "view-all"}]},
        "star": {"clusterRoles": [{"name": "*"}]},
        # a ClusterRole of the catalogue is no Role, and the other way round
        "as-role": {"clusterRoles": [], "roles": [role("apps", name="view")]},
        "as-cluster-role": {"clusterRoles": [{"name": "reader"}]},
        "elsewhere": {"clusterRoles": [], "roles": [role("default", name="reader")]},
    }
    for name, spec in wanted.items():
        asked(name, **spec)
    for condition in check_denied(fleet, "RoleNotAllowed", *wanted):
        assert BINDABLE not in condition["message"]
    asked("allowed", clusterRoles=[{"name": BINDABLE}])
    fleet.wait_ready("allowed")
    assert works(fleet, "allowed", where=path("pods"))


def test_a02_inline_rules_are_denied_where_none_are_allowed(fleet, policies, asked):
    policies(clusterRoles=[BINDABLE], roles=[{"namespace": "apps", "name": "r"}])
    wanted = {
        "pods": {"clusterRoles": inline(PODS)},
        "discovery": {"clusterRoles": inline({"nonResourceURLs": ["/version"], "verbs": ["get"]})},
        "in-apps": {"clusterRoles": [], "roles": [role("apps", PODS)]},
        "under-its-name": {"clusterRoles": inline(PODS, name=BINDABLE)},
        "beside-it": {"clusterRoles": [{"name": BINDABLE}, *inline(PODS)]},
    }
    for name, spec in wanted.items():
        asked(name, **spec)
    check_denied(fleet, "RulesNotAllowed", *wanted)


def test_a04_a_right_in_one_namespace_is_denied_in_the_whole_cluster(fleet, policies, asked):
    policies(namespacedRules=[{"namespaces": ["apps"], "rules": [JOBS, SECRETS]}])
    wanted = {
        "secrets": {"clusterRoles": inline(SECRETS)},
        "jobs": {"clusterRoles": inline(JOBS)},
        "elsewhere": {"clusterRoles": [], "roles": [role("default", JOBS)]},
        "both": {"clusterRoles": inline(JOBS), "roles": [role("apps", JOBS)]},
    }
    for name, spec in wanted.items():
        asked(name, **spec)
    check_denied(fleet, "RulesNotAllowed", *wanted)
    asked("allowed", clusterRoles=[], roles=[role("apps", JOBS)])
    fleet.wait_ready("allowed")
    assert works(fleet, "allowed", where=path("jobs", "apps"))
    assert not works(fleet, "allowed", where=path("jobs"))


@pytest.mark.parametrize("case", DANGERS)
def test_a05_a_dangerous_permission_is_denied_under_a_ceiling_of_everything(fleet, policies, asked,
                                                                            case):
    danger, wanted = DANGERS[case]
    others = [name for name in DANGER_NAMES if name not in (danger, "any-verb", "any-group",
                                                           "any-resource", "rbac-writes")]
    policies(clusterRules=EVERYTHING)
    policies("of-another-team", [{"namespaces": [OTHER]}], clusterRules=EVERYTHING,
             dangers=DANGER_NAMES)
    policies("of-other-dangers", clusterRules=EVERYTHING, dangers=others)
    asked("dangerous", clusterRoles=inline(JOBS, wanted))
    [condition] = check_denied(fleet, "RulesNotAllowed", "dangerous")
    assert f'"{danger}"' in condition["message"]


def test_a05_what_is_not_dangerous_is_allowed_under_a_ceiling_of_everything(fleet, policies, asked):
    policies(clusterRules=EVERYTHING)
    asked("harmless")
    fleet.wait_ready("harmless")


def test_a08_roles_in_protected_namespaces_are_denied(fleet, policies, asked):
    places = {"kube": "kube-system", "kube-other": "kube-node-lease",
              "openshift": "openshift-monitoring", "broker": OWN, "identities": IDENTITIES,
              "operator": VAULT}
    policies(clusterRules=[JOBS], protectedNamespaces=["kube-public"],
             roles=[{"namespace": place, "name": "r"} for place in places.values()])
    for name, place in places.items():
        asked(name, clusterRoles=[], roles=[role("apps", JOBS), role(place, JOBS)])
        asked(f"{name}-existing", clusterRoles=[], roles=[role(place)])
    names = [f"{name}{suffix}" for name in places for suffix in ("", "-existing")]
    for name, condition in zip(names, check_denied(fleet, "NamespaceProtected", *names)):
        assert f'"{places[name.removesuffix("-existing")]}"' in condition["message"]


def test_a08_protected_namespaces_are_allowed_that_the_policy_names(fleet, policies, asked):
    named = ["kube-system", VAULT]
    policies(clusterRules=[JOBS], protectedNamespaces=named)
    policies("of-another-team", [{"namespaces": [OTHER]}], clusterRules=[JOBS],
             protectedNamespaces=["kube-public"])
    asked("other", clusterRoles=[], roles=[role("kube-system", JOBS), role("kube-public", JOBS)])
    [condition] = check_denied(fleet, "NamespaceProtected", "other")
    assert '"kube-public"' in condition["message"]
    asked("named", clusterRoles=[], roles=[role(place, JOBS) for place in named])
    fleet.wait_ready("named")
    assert all(works(fleet, "named", where=path("jobs", place)) for place in named)
    assert not works(fleet, "named", where=path("jobs", "kube-public"))


@pytest.mark.parametrize("written", ["KUBE-SYSTEM", "kube-system ", " kube-system", "kube-system/",
                                     "kube-system\x00", "kube-system\n", "kubе-system",
                                     "kube‑system", "ｋube-system", "kube-system\u200b", "*",
                                     "kube-*", "kube_system", "kube-system.", "../kube-system"])
def test_a08_what_only_looks_like_a_namespace_never_becomes_a_request(fleet, policies, asked,
                                                                      written):
    policies(clusterRules=[JOBS])
    for field in ({"roles": [role(written, JOBS)]}, {"serviceAccountNamespace": written}):
        body = {"apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "AuthTokenRequest",
                "metadata": {"name": "look-alike"},
                "spec": {"targetClusterProfile": profile(fleet.member),
                         "serviceAccountName": "look-alike", **field}}
        reply = fleet.hub_api.call("POST", path("authtokenrequests", TEAM), body)
        assert reply.status == 422, reply
    assert fleet.member_proxy.seen() == []


@pytest.mark.parametrize("place", ["kube-system", OWN, "default", VAULT])
def test_a08_an_identity_outside_its_namespace_is_denied(fleet, policies, asked, place):
    policies(clusterRules=[JOBS], protectedNamespaces=[place])
    asked("outside", serviceAccountNamespace=place)
    check_denied(fleet, "IdentityNotAllowed", "outside")


def test_one_policy_must_allow_the_request_as_a_whole(fleet, policies, asked):
    both = {"clusterRoles": [{"name": BINDABLE}, *inline(JOBS)]}
    policies("rules", clusterRules=[JOBS])
    policies("roles", clusterRoles=[BINDABLE])
    policies("all-elsewhere", [{"namespaces": [OTHER]}], clusterRules=[JOBS],
             clusterRoles=[BINDABLE])
    policies("all-of-another-profile", None, [{"names": [WATCHED]}], clusterRules=[JOBS],
             clusterRoles=[BINDABLE])
    asked("halves", **both)
    asked("two-ceilings", clusterRoles=inline(JOBS, PODS))
    check_denied(fleet, "RoleNotAllowed", "halves")
    policies("more-rules", clusterRules=[PODS])
    check_denied(fleet, "RulesNotAllowed", "two-ceilings")
    assert fleet.condition("halves")["reason"] == "RoleNotAllowed"
    policies("whole", clusterRules=[JOBS], clusterRoles=[BINDABLE])
    fleet.wait_ready("halves")
    assert fleet.condition("two-ceilings")["reason"] == "RulesNotAllowed"


# The second wall: what the member says when policies allow everything. It cannot refuse what the
# broker may do itself, for which a policy is the only wall.

BROKER_MAY = ("bindings",)


def beyond_the_broker():
    yield "admin", {"clusterRoles": [{"name": "cluster-admin"}]}
    yield "view", {"clusterRoles": [{"name": "view"}]}
    yield "deployments", {"clusterRoles": inline(rule(["apps"], ["deployments"], "get"))}
    yield "other-verb", {"clusterRoles": inline(rule(["batch"], ["jobs"], "patch"))}
    yield "in-kube-system", {"clusterRoles": [], "roles": [role("kube-system", SECRETS)]}
    yield "change-bindings", {"clusterRoles": inline(rule(RBAC, ["rolebindings"], "update"))}
    for number, (case, (_, wanted)) in enumerate(DANGERS.items()):
        if case not in BROKER_MAY:
            yield f"danger-{number}", {"clusterRoles": inline(JOBS, wanted)}


def test_a10_the_member_refuses_what_a_policy_of_everything_allows(fleet, policies, asked):
    policies(clusterRules=EVERYTHING, dangers=DANGER_NAMES, clusterRoles=["cluster-admin", "view"],
             protectedNamespaces=["kube-system"])
    wanted = dict(beyond_the_broker())
    for name, spec in wanted.items():
        asked(name, **spec)
    for name in wanted:
        assert fleet.wait_reason(name, "GrantRefused")["status"] == "False"
        assert fleet.hub_api.get(path("secrets", TEAM, name)) is None, name
    assert fleet.member_proxy.seen(method="POST", path="/(token|secrets)$") == []
    assert fleet.on_member(fleet.member, "secrets") == []
    take_back(fleet, [(name, TEAM) for name in wanted])
    assert fleet.nothing_is_left()


# Who may have it.


def told(fleet, name, namespace=TEAM):
    """All that whoever asks gets to see of the outcome, without the names that they chose."""
    request = fleet.get_request(name, namespace)
    [event] = eventually(lambda: events_of(fleet, name, namespace), what="an Event")
    text = json.dumps([
        [{key: value for key, value in condition.items() if key != "lastTransitionTime"}
         for condition in request["status"]["conditions"]],
        sorted(request["status"]), [event["reason"], event["note"], event["action"]],
        sorted(request["metadata"])], sort_keys=True)
    for own in (request["spec"]["targetClusterProfile"]["name"], name):
        text = text.replace(own, "IT")
    return text


@pytest.mark.parametrize("others", ["no policy", "a policy of others"])
def test_a11_an_existing_and_an_absent_profile_look_alike_without_a_policy(fleet, policies, asked,
                                                                           others):
    profiles = {"existing": fleet.member, "without-access": WATCHED, "absent": "nowhere"}
    if others == "a policy of others":
        policies("profile", None, [{"names": ["another"]}], clusterRules=[JOBS])
        policies("manager", None, [{"clusterManagers": ["another"]}], clusterRules=[JOBS])
        policies("label", None, [{"selector": {"matchLabels": {"a": "b"}}}], clusterRules=[JOBS])
        policies("no-label", None, [{"selector": {"matchExpressions": [
            {"key": "settle", "operator": "Exists"}]}, "names": ["another"]}], clusterRules=[JOBS])
        policies("team", [{"namespaces": [OTHER]}], clusterRules=[JOBS])
    settle(fleet)  # else an Event may tell of the time before the policies
    for name, target in profiles.items():
        asked(name, target)
    check_denied(fleet, "PolicyMissing", *profiles)
    assert len({told(fleet, name) for name in profiles}) == 1
    fleet.add_profile("nowhere")  # and nobody learns that it appears, or goes
    settle(fleet)
    assert len({told(fleet, name) for name in profiles}) == 1
    fleet.hub_api.delete(path("clusterprofiles", PROFILES, "nowhere"))
    settle(fleet)
    assert len({told(fleet, name) for name in profiles}) == 1


# Who asks is proven, and rules on requesters match nobody else; test_admission.py has whom they serve.


@pytest.mark.parametrize("subject", [
    {"users": ["system:serviceaccount:team-a:ci"]},
    {"serviceAccounts": [{"namespace": TEAM, "name": "ci"}]},
    {"groups": ["system:serviceaccounts", "system:serviceaccounts:team-a"]},
    {"users": ["system:serviceaccount:team-a:ci"], "namespaces": [TEAM]},
    {"groups": ["system:serviceaccounts"], "namespaceSelector": {}},
], ids=["user", "service account", "groups", "user in a namespace", "group anywhere"])
def test_a27_rules_on_requesters_match_nobody_else(fleet, policies, asked, subject):
    policies("requester", [subject], clusterRules=[JOBS])
    settle(fleet)
    asked("by-another")
    check_denied(fleet, "PolicyMissing", "by-another")


def test_a27_who_asks_cannot_say_who_that_is(fleet, policies, asked):
    policies("requester", [{"users": ["alice"]}, {"groups": ["admins"]}], clusterRules=[JOBS])
    settle(fleet)
    asked("honest")
    body = fleet.get_request("honest")
    body["metadata"] = {"name": "forged"}
    body["spec"]["requester"] = {"username": "alice", "uid": "1", "groups": ["admins"]}
    body["spec"]["requestedBy"] = "alice"
    assert fleet.hub_api.call("POST", path("authtokenrequests", TEAM) + "?fieldValidation=Strict",
                              body).status >= 400
    reply = fleet.hub_api.call("POST", path("authtokenrequests", TEAM), body)
    if reply.status < 300:
        check_denied(fleet, "PolicyMissing", "forged")
        take_back(fleet, [("forged", TEAM)])
    check_denied(fleet, "PolicyMissing", "honest")


IDENTITY_LIKE = {
    "kubernetes.io/metadata.name": GOLD, "metal": "gold", "credbroker.dev/requester": "alice",
    "credbroker.dev/approved": "true", "credbroker.dev/policy": f"{CANARY}-gold",
    "kubernetes.io/created-by": "alice", "authentication.kubernetes.io/username": "alice",
    "app.kubernetes.io/managed-by": "credbroker"}


def test_a29_labels_and_annotations_that_look_like_identity_have_no_effect(fleet, policies, asked):
    policies("gold", [{"namespaceSelector": {"matchLabels": {"metal": "gold"}}},
                      {"namespaces": [GOLD]}, {"users": ["alice"]}], clusterRules=[JOBS])
    settle(fleet)
    asked("marked")
    marks = {"labels": IDENTITY_LIKE, "annotations": IDENTITY_LIKE}
    fleet.hub_api.merge(path("authtokenrequests", TEAM, "marked"), {"metadata": marks})
    fleet.hub_api.merge(path("namespaces", name=TEAM),
                        {"metadata": {"annotations": {"metal": "gold"}}})
    body = fleet.get_request("marked")
    body["metadata"] = {"name": "born-marked", **marks}
    fleet.hub_api.create(path("authtokenrequests", TEAM), body)
    try:
        check_denied_with_marks(fleet, "marked", "born-marked")
    finally:
        take_back(fleet, [("born-marked", TEAM)])


def check_denied_with_marks(fleet, *names):
    """They carry the canary themselves, where nobody but the requester put it."""
    check_denied(fleet, "PolicyMissing", *names)
    for name in names:
        assert fleet.get_request(name)["metadata"]["annotations"] == IDENTITY_LIKE


def forged_condition(kind, reason):
    return {"type": kind, "status": "True", "reason": reason, "message": "forged",
            "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"}


def test_a31_a_forged_status_has_no_effect(fleet, asked):
    settle(fleet)
    asked("forger")
    fleet.wait_reason("forger", "PolicyMissing")
    kinds = ("Ready", "AuthTokenRequestValid", "Approved", "ServiceAccountFoundOrCreated")
    forged = {"observedGeneration": 1, "expirationTimestamp": "2036-01-01T00:00:00Z",
              "conditions": [forged_condition(kind, "Approved") for kind in kinds]}
    fleet.hub_api.merge(path("authtokenrequests", TEAM, "forger") + "/status", {"status": forged})
    fleet.wait_reason("forger", "PolicyMissing")
    eventually(lambda: fleet.condition("forger", "AuthTokenRequestValid")["status"] != "True",
               what="our own conditions are put right")
    settle(fleet)
    request = fleet.get_request("forger")
    assert "finalizers" not in request["metadata"]
    assert fleet.hub_api.get(path("secrets", TEAM, "forger")) is None
    assert fleet.hub_api.get(path("issuedcredentials", OWN, request["metadata"]["uid"])) is None
    assert fleet.condition("forger")["status"] == "False"
    assert fleet.condition("forger", "ServiceAccountFoundOrCreated")["status"] != "True"
    assert fleet.member_proxy.seen() == []


# Taking back. All at once, since an API server believes a token for some seconds that it has seen.


def leave(fleet, case):
    """What was allowed is allowed no more."""
    if case == "policy":
        drop_policy(fleet, case)
    elif case == "narrowed":
        write_policy(fleet, case, **of_case(case), clusterRules=[PODS])
    elif case == "profile-label":
        label(fleet, path("clusterprofiles", PROFILES, case), served=None)
    elif case == "profile":
        fleet.hub_api.delete(path("clusterprofiles", PROFILES, case))
    else:
        label(fleet, path("namespaces", name=GOLD), metal=None)


LEAVES = {"policy": "PolicyMissing", "narrowed": "RulesNotAllowed",
          "profile-label": "PolicyMissing", "profile": "PolicyMissing",
          "namespace-label": "PolicyMissing"}


def home_of(case):
    return GOLD if case == "namespace-label" else LEAVERS


def of_case(case):
    """The subjects and profiles of its policy, which is for nobody else."""
    subjects = [{"namespaces": [LEAVERS]}]
    profiles = [{"names": [case]}]
    if case.startswith("profile"):
        profiles = [{"selector": {"matchLabels": {"served": case}}}]
    if case == "namespace-label":
        subjects = [{"namespaceSelector": {"matchLabels": {"metal": "gold"}}}]
    return {"subjects": subjects, "profiles": profiles}


class Withdrawn:
    """A request that was served until something changed."""

    def __init__(self, fleet, case):
        self.name, self.namespace = case, home_of(case)
        self.uid = uid_of(fleet, case, self.namespace)
        self.credential = fleet.credential(case, self.namespace)
        assert works(fleet, case, self.namespace)
        self.begun = time.monotonic()


@pytest.fixture(scope="module")
def withdrawn(fleet):
    for case in LEAVES:
        fleet.add_profile(case)
        label(fleet, path("clusterprofiles", PROFILES, case), served=case)
        fleet.give_access(case, member=fleet.member, server=fleet.member_proxy.url)
        write_policy(fleet, case, **of_case(case), clusterRules=[JOBS])
        fleet.request(case, case, home_of(case))
    for case in LEAVES:
        fleet.wait_ready(case, home_of(case))
    fleet.member_proxy.forget()
    served = {}
    for case in LEAVES:
        served[case] = Withdrawn(fleet, case)
        leave(fleet, case)
    yield served
    take_back(fleet, [(case, home_of(case)) for case in LEAVES])
    for case in LEAVES:
        drop_policy(fleet, case)


def check_withdrawn(fleet, case, reason):
    name, namespace = case.name, case.namespace
    condition = fleet.wait_reason(name, reason, namespace=namespace)
    assert condition["status"] == "False"
    eventually(lambda: not fleet.hub_api.get(path("issuedcredentials", OWN, case.uid)),
               what="the record is closed")
    assert fleet.hub_api.get(path("secrets", namespace, name)) is None
    label_of = f"?labelSelector=credbroker.dev/request-uid%3D{case.uid}"
    assert [item for kind in KINDS for item in fleet.member_api.items(path(kind) + label_of)] == []
    left = REVOKED_SECONDS - (time.monotonic() - case.begun)
    eventually(lambda: client(case.credential).call("GET", path("jobs")).status == 401, left,
               "the token is refused")
    check_told_in_one_voice(fleet, name, condition, namespace)


@pytest.mark.parametrize("case", [case for case in LEAVES if case != "namespace-label"])
def test_a79_a_credential_is_revoked_when_it_is_allowed_no_more(fleet, withdrawn, case):
    check_withdrawn(fleet, withdrawn[case], LEAVES[case])
    print(f"revoked {time.monotonic() - withdrawn[case].begun:.1f} s after the change")


def test_a13_a_credential_is_revoked_when_its_namespace_loses_its_label(fleet, withdrawn):
    check_withdrawn(fleet, withdrawn["namespace-label"], "PolicyMissing")


def test_a13_a_copy_of_the_request_in_another_namespace_is_denied(fleet, policies, asked):
    policies("gold", [{"namespaceSelector": {"matchLabels": {"metal": "gold"}}}],
             clusterRules=[JOBS])
    label(fleet, path("namespaces", name=COPPER), metal="copper", gold="metal")
    settle(fleet)
    asked("namespace-label", namespace=COPPER)
    check_denied(fleet, "PolicyMissing", "namespace-label", namespace=COPPER)


# A hub that is mistaken: a list without what is there is no reason to revoke anything.

PLAIN_404 = fault.answer(404, "404 page not found\n", "text/plain; charset=utf-8")
EXPIRED = fault.stream(json.dumps({"type": "ERROR", "object": {
    "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired",
    "message": "too old resource version", "code": 410}}) + "\n")
GROUNDS = ("accesspolicies", "namespaces", "clusterprofiles")


def emptied(body):
    return json.dumps({**json.loads(body), "items": []}).encode()


def start_again(fleet):
    fleet.current.stop()
    start(fleet)


def lose(fleet, *resources, missing=False, restart=False):
    """The next list is empty. While MISSING, whatever else is asked for is not found at all."""
    lists = []
    for resource in resources:
        if missing:
            fleet.hub_proxy.on(PLAIN_404, path=rf"/{resource}(\?|/[^/]+$)", times=None)
        lists.append(fleet.hub_proxy.on(fault.rewrite(emptied), method="GET",
                                        path=rf"/{resource}\?(?!.*watch=)"))
        if not restart:
            fleet.hub_proxy.on(EXPIRED, path=rf"/{resource}\?.*watch=")
    if restart:
        start_again(fleet)
    else:
        fleet.hub_proxy.cut_connections()
    for rule_of_list in lists:
        rule_of_list.wait(LATE_SECONDS)


@pytest.fixture
def issued(fleet, policies, asked):
    """A request that rests on a policy and on the labels of its namespace and profile."""
    label(fleet, path("clusterprofiles", PROFILES, fleet.member), metal="iron")
    policies("grounds", [{"namespaceSelector": {"matchLabels": {
        "kubernetes.io/metadata.name": TEAM}}}],
        [{"selector": {"matchLabels": {"metal": "iron"}}}], clusterRules=[JOBS])
    asked("issued", serviceAccountName=f"issued-{next(COUNTER)}")
    fleet.wait_ready("issued")
    fleet.credential("issued")
    for proxy in (fleet.hub_proxy, fleet.member_proxy):
        proxy.forget()
    return fleet.hub_api.get(path("secrets", TEAM, "issued"))


def check_nothing_was_revoked(fleet, secret):
    for proxy in (fleet.hub_proxy, fleet.member_proxy):
        assert proxy.seen(method="DELETE") == []
    assert fleet.hub_api.get(path("secrets", TEAM, "issued")) == secret
    assert fleet.condition("issued")["status"] == "True"
    assert [event["reason"] for event in events_of(fleet, "issued")
            if event["action"] == "Revoke"] == []
    assert works(fleet, "issued")


def is_looked_for(fleet, resource, times=1):
    eventually(lambda: len(fleet.hub_proxy.seen(method="GET", path=f"/{resource}/[^/]+$")) >= times,
               LATE_SECONDS, f"{resource} are asked for once more")


def check_a_real_end_is_seen(fleet):
    drop_policy(fleet, "grounds")
    fleet.wait_reason("issued", "PolicyMissing")
    eventually(lambda: not fleet.hub_api.get(path("secrets", TEAM, "issued")), what="no Secret")


@pytest.mark.parametrize("restart", [False, True], ids=["after a gap", "at the start"])
def test_rule_11_empty_lists_revoke_nothing(fleet, issued, restart):
    lose(fleet, *GROUNDS, restart=restart)
    for resource in GROUNDS:
        is_looked_for(fleet, resource)
    settle(fleet)
    check_nothing_was_revoked(fleet, issued)
    check_a_real_end_is_seen(fleet)


@pytest.mark.parametrize("resource", GROUNDS)
def test_rule_11_a_missing_api_revokes_nothing(fleet, issued, resource):
    lose(fleet, resource, missing=True)
    is_looked_for(fleet, resource, 3)
    check_nothing_was_revoked(fleet, issued)
    forget_faults(fleet)
    settle(fleet)
    check_nothing_was_revoked(fleet, issued)
    check_a_real_end_is_seen(fleet)


def forget_faults(fleet):
    """The faults, but not what was seen."""
    with fleet.hub_proxy.lock:
        for rule_of_fault in fleet.hub_proxy.rules:
            rule_of_fault.remove()
    fleet.hub_proxy.cut_connections()


# Last, since a request gets one token a minute at most.


def test_a13_a_namespace_that_gets_its_label_back_is_served_again(fleet, withdrawn):
    case = withdrawn["namespace-label"]
    fleet.wait_reason(case.name, "PolicyMissing", namespace=GOLD)
    start_again(fleet)  # some lists were empty, and nothing of them that nobody needs is looked for
    label(fleet, path("namespaces", name=GOLD), metal="gold")
    fleet.wait_ready(case.name, GOLD, SERVED_AGAIN_SECONDS)
    assert fleet.credential(case.name, GOLD)["token"] != case.credential["token"]
    assert works(fleet, case.name, GOLD)
    assert client(case.credential).call("GET", path("jobs")).status == 401
