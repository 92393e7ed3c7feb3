"""What an AuthTokenRequest leads to: identity, rights, token, Secret, status, ledger and Events.

The broker runs with the rights that its own manifests give, on one hub and one member.
"""

import base64
import itertools
import json
import re
import time

import pytest

from fleet import (API_MULTICLUSTER, BINDABLE, IDENTITIES, KINDS, OWN, PROFILES, TEAM, Fleet,
                   eventually, program)
from kube_api import KubeApi, path
from testbed import ROOT, kubeconfig

ACCEPTED = ROOT / "tests/data/requests/accepted"
OTHER_TEAM = "team-b"
OTHER_IDENTITIES = "kueue-system"
AUDIENCE = "https://kubernetes.default.svc"
STEADY_SECONDS = 20
CONDITIONS = {
    "Ready": "Issued",
    "AuthTokenRequestValid": "Valid",
    "ServiceAccountFoundOrCreated": "ServiceAccountCreated",
    "RoleFoundOrCreated": "RoleSetupSucceeded",
    "ClusterRoleFoundOrCreated": "ClusterRoleSetupSucceeded",
    "RoleBindingCreated": "RoleBindingSetupSucceeded",
    "ClusterRoleBindingCreated": "ClusterRoleBindingSetupSucceeded",
    "ServiceAccountTokenRetrieved": "TokenRetrieved",
}
# What the clients whose requests are kept in tests/data ask for.
OLD_CLIENTS = "old-clients"
COUNTER = itertools.count()
LONG_LABEL = "l" * 63
MAY_BIND = [word for role in (BINDABLE, "cluster-admin", "c" * 253, f"{LONG_LABEL}/{'r' * 253}",
                              "apps/team:readers")
            for word in ("--may-bind", role)]
LONG_NAMESPACES = [f"n{i}" for i in range(20)]


def rule(resources, verbs, group="batch"):
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def longest_audience():
    request = json.loads((ACCEPTED / "longest-names.json").read_text())
    return request["spec"]["credential"]["audiences"][0]


@pytest.fixture(scope="module")
def fleet(own_name):
    hub, member = own_name("hub"), own_name("m1")
    flags = ("--service-account-max-token-expiration=1h",
             f"--api-audiences={AUDIENCE},{longest_audience()}")
    namespaces = (TEAM, OTHER_TEAM, "work", "kueue-system")
    identities = (IDENTITIES, OTHER_IDENTITIES, "default", LONG_LABEL)
    with Fleet(hub, member, namespaces=namespaces, member_flags=flags) as fleet:
        fleet.member = member
        fleet.member_api = fleet.apis[member]
        open_member(fleet.members[member], identities)
        broker = fleet.broker("--profile-namespace", PROFILES)
        yield fleet
        broker.stop()


def open_member(member, identities):
    """Lets the broker grant what the requests in tests/data ask for."""
    for namespace in {*identities, TEAM, OTHER_TEAM, *LONG_NAMESPACES} - {"default", IDENTITIES}:
        member.kubectl("create", "namespace", namespace)
    member.apply({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                  "metadata": {"name": OLD_CLIENTS}, "rules": [
                      rule(["jobs", "jobs/status"], ["create", "get", "list", "delete", "watch"]),
                      rule(["jobsets/status"], ["get"], "jobset.x-k8s.io"),
                      rule(["workloads"], ["create", "get", "list", "delete", "watch"],
                           "kueue.x-k8s.io"),
                      rule(["workloads/status"], ["get", "patch", "update"], "kueue.x-k8s.io"),
                      rule(["pods", "pods/log", "nodes"], ["get", "list", "watch"], ""),
                      {"nonResourceURLs": ["/healthz", "/healthz/*", "/metrics"],
                       "verbs": ["get"]}]})
    flags = [flag for namespace in identities for flag in ("--identity-namespace", namespace)]
    member.kubectl("apply", "-f", "-", stdin=program(
        "member-rbac", *flags, "--may-grant", OLD_CLIENTS, *MAY_BIND))


@pytest.fixture
def asked(fleet, changed, freed, rotated, suspended, request):
    """Asks for something under the test's own name; it is withdrawn at the end."""
    made = {}

    def ask(name=None, namespace=TEAM, wait=True, **spec):
        number = f"{next(COUNTER)}"
        name = name or f"{request.function.__name__[5:45].replace('_', '-')}-{number}"
        spec = {"serviceAccountName": f"account-{number}", **spec}
        made[(name, namespace)] = fleet.request(name, fleet.member, namespace=namespace, **spec)
        if wait:
            fleet.wait_ready(name, namespace)
        return name

    yield ask
    for name, namespace in made:
        fleet.hub_api.call("DELETE", path("authtokenrequests", namespace, name))
    for (name, namespace), body in made.items():
        eventually(lambda: fleet.get_request(name, namespace) is None, what=f"{name} is gone")
        assert traces(fleet, body["metadata"]["uid"]) == []


def traces(fleet, uid):
    """All that is left of a request's access, on the member and on the hub."""
    label = f"?labelSelector=credbroker.dev/request-uid%3D{uid}"
    found = [item["metadata"]["name"] for resource in KINDS
             for item in fleet.member_api.items(path(resource) + label)]
    found += [item["metadata"]["name"] for item in fleet.hub_api.items(path("secrets") + label)]
    return found + [l["metadata"]["name"] for l in fleet.ledgers() if l["metadata"]["name"] == uid]


def on_member(fleet, name, *resources, namespace=TEAM):
    """What was made on the member for one request."""
    uid = fleet.get_request(name, namespace)["metadata"]["uid"]
    label = f"?labelSelector=credbroker.dev/request-uid%3D{uid}"
    return [item for resource in resources or KINDS
            for item in fleet.member_api.items(path(resource) + label)]


def ledger_of(fleet, name, namespace=TEAM):
    uid = fleet.get_request(name, namespace)["metadata"]["uid"]
    return fleet.hub_api.get(path("issuedcredentials", OWN, uid))


def events_of(fleet, name, namespace=TEAM):
    return [event for event in fleet.hub_api.items(path("events", namespace))
            if event.get("regarding", {}).get("name") == name]


def status_of(fleet, name, namespace=TEAM):
    return fleet.get_request(name, namespace)["status"]


def client(credential):
    """A client with exactly the kubeconfig that was delivered."""
    return KubeApi.of_kubeconfig(json.loads(credential["kubeconfig"]))


def secret_of(fleet, name, namespace=TEAM):
    return fleet.hub_api.get(path("secrets", namespace, name))


# What a request gets.


def test_a_request_becomes_ready_and_every_condition_says_why(fleet, asked):
    name = asked()
    request = fleet.get_request(name)
    status = request["status"]
    assert status["observedGeneration"] == request["metadata"]["generation"] == 1
    assert [c["type"] for c in status["conditions"]][0] == "Ready"
    assert {c["type"]: c["reason"] for c in status["conditions"]} == CONDITIONS
    for condition in status["conditions"]:
        assert condition["status"] == "True" and condition["observedGeneration"] == 1
        assert condition["lastTransitionTime"].endswith("Z")
    assert request["metadata"]["finalizers"] == ["credbroker.dev/revocation"]


def test_the_status_points_at_the_secret(fleet, asked):
    name = asked(deliveries=[{"name": "mine", "format": "Kubeconfig"}])
    status = status_of(fleet, name)
    secret = secret_of(fleet, name)
    reference = {"apiVersion": "v1", "kind": "Secret", "namespace": TEAM, "name": name,
                 "uid": secret["metadata"]["uid"]}
    assert reference.items() <= status["tokenResponse"].items()
    [delivery] = status["deliveries"]
    assert delivery["name"] == "mine" and delivery["format"] == "Kubeconfig"
    assert delivery["objectRef"] == reference


def test_a_request_without_deliveries_reports_one_named_kubeconfig(fleet, asked):
    assert status_of(fleet, asked())["deliveries"][0]["name"] == "kubeconfig"


def test_the_secret_holds_a_kubeconfig_a_token_and_a_ca(fleet, asked):
    name = asked()
    secret = secret_of(fleet, name)
    assert secret["type"] == "Opaque"
    assert set(secret["data"]) == {"kubeconfig", "token", "ca.crt"}
    assert secret["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "credbroker"
    credential = fleet.credential(name)
    assert credential["ca.crt"] == fleet.members[fleet.member].ca_pem()
    config = json.loads(credential["kubeconfig"])
    assert config["users"][0]["user"] == {"token": credential["token"]}
    assert config["clusters"][0]["cluster"]["server"] == fleet.members[fleet.member].server


def test_two_kubeconfigs_for_one_member_differ_in_the_token_alone(fleet, asked):
    first, second = fleet.credential(asked()), fleet.credential(asked())
    assert first["token"] != second["token"]
    bare = [c["kubeconfig"].replace(c["token"], "TOKEN") for c in (first, second)]
    assert bare[0] == bare[1]
    canonical = json.dumps(json.loads(bare[0]), sort_keys=True, separators=(",", ":"))
    assert bare[0] == canonical


def test_the_kubeconfig_allows_what_was_asked_for_and_nothing_else(fleet, asked):
    credential = fleet.credential(asked())
    done = fleet.use(credential, "get", "jobs", "-A")
    assert done.returncode == 0, done.stderr
    with_it = client(credential)
    assert with_it.call("GET", path("jobs")).status == 200
    for refused in (path("secrets"), path("pods"), path("namespaces"),
                    path("secrets", IDENTITIES), path("clusterroles"),
                    path("serviceaccounts", IDENTITIES)):
        assert with_it.call("GET", refused).status == 403, refused
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "not-asked-for"}}
    assert with_it.call("POST", path("jobs", "apps"), job).status == 403


def test_a_role_grants_rights_in_its_namespace_alone(fleet, asked):
    name = asked(clusterRoles=[], roles=[
        {"namespace": "apps", "name": "readers", "rules": [rule(["jobs"], ["get", "list"])]},
        {"namespace": TEAM, "name": "readers", "rules": [rule(["pods"], ["list"], "")]}])
    with_it = client(fleet.credential(name))
    assert with_it.call("GET", path("jobs", "apps")).status == 200
    assert with_it.call("GET", path("jobs", TEAM)).status == 403
    assert with_it.call("GET", path("pods", TEAM)).status == 200
    assert with_it.call("GET", path("jobs")).status == 403
    assert [role["metadata"]["namespace"] for role in on_member(fleet, name, "roles")] == [
        "apps", TEAM]
    assert on_member(fleet, name, "clusterroles", "clusterrolebindings") == []


def test_several_roles_and_cluster_roles_add_up(fleet, asked):
    name = asked(
        clusterRoles=[{"name": "jobs", "rules": [rule(["jobs"], ["list"])]},
                      {"name": "nodes", "rules": [rule(["nodes"], ["list"], "")]},
                      {"name": "health", "rules": [{"nonResourceURLs": ["/metrics"],
                                                    "verbs": ["get"]}]}],
        roles=[{"namespace": "apps", "name": "a", "rules": [rule(["pods"], ["list"], "")]},
               {"namespace": "apps", "name": "b", "rules": [rule(["pods/log"], ["get"], "")]}])
    with_it = client(fleet.credential(name))
    for allowed in (path("jobs"), path("nodes"), path("pods", "apps"), "/metrics"):
        assert with_it.call("GET", allowed).status == 200, allowed
    assert with_it.call("GET", path("pods", TEAM)).status == 403


def test_a_cluster_role_without_rules_binds_the_existing_one(fleet, asked):
    before = fleet.member_api.get(path("clusterroles", name=BINDABLE))
    name = asked(clusterRoles=[{"name": BINDABLE}])
    with_it = client(fleet.credential(name))
    assert with_it.call("GET", path("pods")).status == 200
    assert with_it.call("GET", path("jobs")).status == 403
    assert on_member(fleet, name, "clusterroles") == []
    [binding] = on_member(fleet, name, "clusterrolebindings")
    assert binding["roleRef"]["name"] == BINDABLE
    fleet.delete(name)
    assert fleet.member_api.get(path("clusterroles", name=BINDABLE)) == before


def test_a_role_without_rules_binds_the_existing_one(fleet, asked):
    fleet.member_api.create(path("roles", "apps"), {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "team:readers"}, "rules": [rule(["pods"], ["get", "list"], "")]})
    name = asked(clusterRoles=[], roles=[{"namespace": "apps", "name": "team:readers"}])
    with_it = client(fleet.credential(name))
    assert with_it.call("GET", path("pods", "apps")).status == 200
    assert with_it.call("GET", path("pods", TEAM)).status == 403


def test_requested_role_names_may_hold_colons_and_are_kept_in_an_annotation(fleet, asked):
    name = asked(
        clusterRoles=[{"name": "system:team:jobs", "rules": [rule(["jobs"], ["list"])]}],
        roles=[{"namespace": "apps", "name": "team:Pods (all)", "rules": [
            rule(["pods"], ["list"], "")]}])
    with_it = client(fleet.credential(name))
    assert with_it.call("GET", path("jobs")).status == 200
    assert with_it.call("GET", path("pods", "apps")).status == 200
    for resource, wanted in (("clusterroles", "system:team:jobs"), ("roles", "team:Pods (all)")):
        [role] = on_member(fleet, name, resource)
        assert role["metadata"]["annotations"]["credbroker.dev/requested-name"] == wanted


def test_a_role_in_a_missing_namespace_is_named_and_made_once_it_exists(fleet, asked):
    name = asked(wait=False, clusterRoles=[], roles=[
        {"namespace": "not-yet", "name": "readers", "rules": [rule(["pods"], ["list"], "")]}])
    condition = fleet.wait_reason(name, "RoleNotFound")
    assert "readers" in condition["message"]
    assert fleet.condition(name, "RoleFoundOrCreated")["reason"] == "RoleSetupFailed"
    fleet.members[fleet.member].kubectl("create", "namespace", "not-yet")
    fleet.wait_ready(name)


# Rights above the broker's own.


def test_rules_above_the_brokers_own_are_refused_and_nothing_is_minted(fleet, asked):
    name = asked(wait=False, clusterRoles=[
        {"name": "jobs", "rules": [rule(["jobs"], ["list"])]},
        {"name": "too-much", "rules": [rule(["secrets"], ["get"], "")]}])
    condition = fleet.wait_reason(name, "GrantRefused")
    assert condition["status"] == "False" and "too-much" in condition["message"]
    failed = fleet.condition(name, "ClusterRoleFoundOrCreated")
    assert failed["status"] == "False" and failed["reason"] == "ClusterRoleSetupFailed"
    assert fleet.condition(name, "ServiceAccountFoundOrCreated")["status"] == "True"
    assert on_member(fleet, name, "secrets") == []
    assert secret_of(fleet, name) is None
    status = status_of(fleet, name)
    assert "tokenResponse" not in status and "expirationTimestamp" not in status


@pytest.mark.parametrize("role", ["system:node", OLD_CLIENTS])
def test_an_existing_role_that_is_not_opened_by_name_is_refused(fleet, asked, role):
    name = asked(wait=False, clusterRoles=[{"name": role}])
    assert role in fleet.wait_reason(name, "GrantRefused")["message"]
    assert fleet.condition(name, "ClusterRoleBindingCreated")["status"] == "False"
    assert on_member(fleet, name, "clusterrolebindings", "secrets") == []
    assert secret_of(fleet, name) is None


@pytest.mark.parametrize("rules, word", [
    ([rule(["jobs"], ["*"])], "any-verb"),
    ([rule(["*"], ["get"])], "any-resource"),
    ([rule(["jobs"], ["get"], "*")], "any-group"),
    ([rule(["clusterroles"], ["create"], "rbac.authorization.k8s.io")], "rbac-writes"),
    ([rule(["jobs"], ["list"]), rule(["users"], ["impersonate"], "")], "impersonate"),
    ([rule(["serviceaccounts/token"], ["create"], "")], "serviceaccount-tokens")])
def test_dangerous_rules_are_refused_before_anything_is_made(fleet, asked, rules, word):
    name = asked(wait=False, clusterRoles=[{"name": "beyond", "rules": rules}])
    assert word in fleet.wait_reason(name, "RulesNotAllowed")["message"]
    assert fleet.condition(name, "AuthTokenRequestValid")["status"] == "Unknown"
    assert on_member(fleet, name) == [] and ledger_of(fleet, name) is None


# Tokens.


def test_the_token_is_bound_to_its_own_anchor_and_on_record(fleet, asked):
    name = asked()
    token = claims(fleet.credential(name)["token"])
    ledger = ledger_of(fleet, name)
    spec = ledger["spec"]
    [anchor] = spec["anchors"]
    assert token["jti"] == anchor["jti"]
    bound = token["kubernetes.io"]
    assert bound["secret"] == {"name": anchor["name"], "uid": anchor["uid"]}
    assert anchor["generation"] == spec["generation"] == 1
    made = {o["kind"]: o for o in spec["objects"]}
    assert bound["serviceaccount"] == {"name": made["ServiceAccount"]["name"],
                                       "uid": made["ServiceAccount"]["uid"]}
    live = fleet.member_api.get(path("secrets", IDENTITIES, anchor["name"]))
    assert live["metadata"]["uid"] == anchor["uid"] and "data" not in live
    assert "finalizers" not in live["metadata"]


def test_the_ledger_records_who_where_and_what(fleet, asked):
    name = asked(roles=[{"namespace": "apps", "name": "r", "rules": [rule(["jobs"], ["get"])]}])
    request = fleet.get_request(name)
    ledger = ledger_of(fleet, name)
    spec = ledger["spec"]
    assert ledger["metadata"]["namespace"] == OWN
    assert spec["request"] == {"namespace": TEAM, "name": name, "uid": request["metadata"]["uid"]}
    profile = fleet.hub_api.get(path("clusterprofiles", PROFILES, fleet.member))
    assert spec["clusterProfile"] == {"namespace": PROFILES, "name": fleet.member,
                                      "uid": profile["metadata"]["uid"]}
    system = fleet.member_api.get(path("namespaces", name="kube-system"))
    assert spec["memberUID"] == system["metadata"]["uid"]
    hub = fleet.hub_api.get(path("configmaps", OWN, "credbroker-hub"))
    assert spec["hubID"] == hub["data"]["hubID"]
    secret = secret_of(fleet, name)["metadata"]
    assert re.fullmatch("[a-z2-7]{26}", spec["secret"].pop("cluster"))
    assert spec["secret"] == {"namespace": TEAM, "name": name, "uid": secret["uid"],
                              "generation": 1}
    for entry in spec["objects"]:
        resource = entry["kind"].lower() + "s"
        live = fleet.member_api.get(path(resource, entry.get("namespace"), entry["name"]))
        assert live["metadata"]["uid"] == entry["uid"]
    assert sorted(o["kind"] for o in spec["objects"]) == [
        "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount"]


def test_everything_made_carries_the_managed_by_label(fleet, asked):
    name = asked(roles=[{"namespace": "apps", "name": "r", "rules": [rule(["jobs"], ["get"])]}])
    ledger = ledger_of(fleet, name)
    marked = fleet.on_member(fleet.member)
    for entry in ledger["spec"]["objects"]:
        assert f"{entry['kind']}/{entry.get('namespace', '')}/{entry['name']}" in marked
    for anchor in ledger["spec"]["anchors"]:
        assert f"Secret/{anchor['namespace']}/{anchor['name']}" in marked
    for thing in (ledger, secret_of(fleet, name),
                  fleet.hub_api.get(path("configmaps", OWN, "credbroker-hub"))):
        assert thing["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "credbroker"


def test_the_service_account_has_the_requested_name_and_mounts_no_token(fleet, asked):
    asked(serviceAccountName="multikueue")
    account = fleet.member_api.get(path("serviceaccounts", IDENTITIES, "multikueue"))
    assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize("seconds", [600, 1800])
def test_the_lifetime_that_is_asked_for_is_granted(fleet, asked, seconds):
    name = asked(credential={"expirationSeconds": seconds})
    token = claims(fleet.credential(name)["token"])
    assert token["exp"] - token["iat"] == seconds
    assert_status_shows(status_of(fleet, name), token)


def test_a_lifetime_that_the_member_shortens_is_shown_as_granted(fleet, asked):
    name = asked(credential={"expirationSeconds": 7200})
    token = claims(fleet.credential(name)["token"])
    assert token["exp"] - token["iat"] == 3600
    assert_status_shows(status_of(fleet, name), token)


def assert_status_shows(status, token):
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    assert status["expirationTimestamp"] == time.strftime(stamp, time.gmtime(token["exp"]))
    lifetime = token["exp"] - token["iat"]
    first, last = (time.strftime(stamp, time.gmtime(token["iat"] + lifetime * part))
                   for part in (0.5, 0.8))
    assert first <= status["renewalTimestamp"] <= last


def test_an_audience_that_the_member_accepts_is_in_the_token(fleet, asked):
    name = asked(credential={"audiences": ["somebody-else", AUDIENCE]})
    credential = fleet.credential(name)
    assert claims(credential["token"])["aud"] == ["somebody-else", AUDIENCE]
    assert client(credential).call("GET", path("jobs")).status == 200


def test_audiences_that_the_member_does_not_accept_are_named_as_the_cause(fleet, asked):
    name = asked(wait=False, credential={"audiences": ["somebody-else"]})
    condition = fleet.wait_reason(name, "TokenNotAccepted")
    assert "credential.audiences" in condition["message"]
    assert fleet.condition(name, "ServiceAccountTokenRetrieved")["status"] == "False"
    assert secret_of(fleet, name) is None


# Where the identity is.


def test_an_explicit_identity_namespace_is_used(fleet, asked):
    name = asked(serviceAccountName="explicit", serviceAccountNamespace=OTHER_IDENTITIES)
    subject = claims(fleet.credential(name)["token"])["sub"]
    assert subject == f"system:serviceaccount:{OTHER_IDENTITIES}:explicit"


@pytest.mark.parametrize("given", [{}, {"serviceAccountNamespace": ""},
                                   {"serviceAccountNamespace": None}])
def test_without_an_identity_namespace_the_default_one_is_used(fleet, asked, given):
    name = asked(serviceAccountName="implicit", **given)
    subject = claims(fleet.credential(name)["token"])["sub"]
    assert subject == f"system:serviceaccount:{IDENTITIES}:implicit"


@pytest.mark.parametrize("namespace", ["apps", "never-made", "kube-system", OWN])
def test_an_identity_namespace_that_is_not_opened_is_named(fleet, asked, namespace):
    name = asked(wait=False, serviceAccountNamespace=namespace)
    condition = fleet.wait_reason(name, "NamespaceNotOpened")
    assert condition["status"] == "False" and namespace in condition["message"]
    assert fleet.condition(name, "ServiceAccountFoundOrCreated")["reason"] == "NamespaceNotOpened"
    assert on_member(fleet, name) == []
    assert fleet.member_api.get(path("namespaces", name="never-made")) is None


def test_a_namespace_that_is_opened_later_is_used(fleet, asked):
    name = asked(wait=False, serviceAccountNamespace="opened-later")
    fleet.wait_reason(name, "NamespaceNotOpened")
    member = fleet.members[fleet.member]
    member.kubectl("create", "namespace", "opened-later")
    member.kubectl("apply", "-f", "-", stdin=program(
        "member-rbac", "--identity-namespace", "opened-later", *MAY_BIND))
    fleet.wait_ready(name)


# Names at the limits.


def long_name(letter, size=253):
    """A legal name with dots: labels of at most 63 characters."""
    labels = [letter * 63] * (size // 64 + 1)
    return ".".join(labels)[:size]


def test_names_at_the_limit_are_served(fleet, asked):
    profile = long_name("p")
    fleet.add_profile(profile)
    fleet.give_access(profile, member=fleet.member, secret="member-long")
    target = {"kind": "ClusterProfile", "name": profile}
    accounts = ["s" * 63, "s" * 31 + "." + "s" * 31, "s" * 62 + "t"]
    for letter, account in zip("abc", accounts):
        name = asked(long_name(letter), targetClusterProfile=target, serviceAccountName=account)
        assert client(fleet.credential(name)).call("GET", path("jobs")).status == 200
        assert fleet.member_api.get(path("serviceaccounts", IDENTITIES, account))
        eventually(lambda: [e["reason"] for e in events_of(fleet, name)] == ["Issued"],
                   what="its Event")


def test_requests_that_differ_in_their_last_character_alone_share_nothing(fleet, asked):
    names = [asked(long_name("d")[:-1] + letter) for letter in "xy"]
    names.append(asked(names[0], namespace=OTHER_TEAM))
    made = [(TEAM, names[0]), (TEAM, names[1]), (OTHER_TEAM, names[2])]
    subjects = {claims(fleet.credential(name, namespace)["token"])["sub"]
                for namespace, name in made}
    assert len(subjects) == 3
    for namespace, name in made:
        assert len(on_member(fleet, name, namespace=namespace)) == 4


# Events.


def test_events_tell_of_issue_and_revocation(fleet, asked):
    name = asked()
    uid = fleet.get_request(name)["metadata"]["uid"]
    fleet.delete(name)
    eventually(lambda: {e["reason"] for e in events_of(fleet, name)} >= {"Issued", "Revoked"},
               what="both Events")
    for event in events_of(fleet, name):
        assert event["regarding"]["uid"] == uid
        assert event["regarding"]["kind"] == "AuthTokenRequest"
        assert event["regarding"]["apiVersion"] == API_MULTICLUSTER
        assert event["regarding"]["name"] == name and event["type"] == "Normal"
        assert event["reportingController"] == "credbroker.dev/controller"
        assert event["action"] in ("Issue", "Revoke") and event["note"]


def test_a_refusal_is_told_as_a_warning_once(fleet, asked):
    name = asked(wait=False, serviceAccountNamespace="apps")
    fleet.wait_reason(name, "NamespaceNotOpened")
    eventually(lambda: [(e["type"], e["reason"]) for e in events_of(fleet, name)]
               == [("Warning", "NamespaceNotOpened")], what="one warning")


# What people see.


def test_kubectl_get_says_whether_it_works_and_until_when(fleet, asked):
    name = asked("columns")
    status = status_of(fleet, name)
    head, row = fleet.hub.kubectl("get", "atr", name, "-n", TEAM).splitlines()
    assert head.split() == ["NAME", "TARGET", "READY", "EXPIRES", "RENEWS", "AGE"]
    assert row.split()[:-1] == [name, fleet.member, "True", status["expirationTimestamp"],
                                status["renewalTimestamp"]]
    assert "Issued" in fleet.hub.kubectl("get", "cluster-inventory", "-n", TEAM, "-o", "wide")
    uid = fleet.get_request(name)["metadata"]["uid"]
    ledger = fleet.hub.kubectl("get", "icred", uid, "-n", OWN, "--no-headers")
    assert ledger.split()[:4] == [uid, TEAM, name, fleet.member]


def test_kubectl_wait_ends_when_the_request_is_ready(fleet, asked):
    name = asked(wait=False)
    fleet.hub.kubectl("wait", "--for=condition=Ready", f"atr/{name}", "-n", TEAM, "--timeout=30s")


# Objects as the clients of the proposal's variants send them.

OLD_PROFILES = {("bravelion", PROFILES), ("member-1", PROFILES), ("member-1.eu", PROFILES),
                ("cluster1", "open-cluster-management"), (long_name("s"), LONG_LABEL)}


@pytest.fixture(scope="module")
def old_world(fleet):
    """The profiles and the existing roles that the kept requests name."""
    member = fleet.members[fleet.member]
    for namespace in ("open-cluster-management", LONG_LABEL):
        fleet.hub.kubectl("create", "namespace", namespace)
    token = member.token("credbroker", OWN)
    fleet.tokens.add(token)
    text = kubeconfig(member.server, member.ca_pem(), token)
    for number, (profile, namespace) in enumerate(sorted(OLD_PROFILES)):
        fleet.add_profile(profile, namespace)
        fleet.give_access(profile, member=fleet.member, secret=f"old-{number}", text=text,
                          namespace=namespace)
    few = [rule(["jobs"], ["get"])]
    for kind, name, namespace in (("Role", "r" * 253, LONG_LABEL),
                                  ("ClusterRole", "c" * 253, None)):
        member.apply({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "rules": few,
                      "metadata": {"name": name, "namespace": namespace}})


SERVED = sorted(f.name for f in ACCEPTED.iterdir() if f.name != "every-field.yaml")


@pytest.mark.parametrize("file", SERVED)
def test_what_clients_of_every_variant_send_is_served(fleet, old_world, file):
    body = json.loads(fleet.hub.kubectl("create", "--dry-run=client", "-o", "json",
                                        "-f", ACCEPTED / file))
    name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
    where = f"{path('authtokenrequests', namespace)}?fieldValidation=Strict"
    fleet.policy.allow(body["spec"])
    if file.endswith(".json"):
        fleet.hub.kubectl("create", "--raw", where, "-f", ACCEPTED / file)
    else:
        fleet.hub_api.create(path("authtokenrequests", namespace), body)
    uid = fleet.get_request(name, namespace)["metadata"]["uid"]
    fleet.wait_ready(name, namespace, seconds=120)
    with_it = client(fleet.credential(name, namespace))
    review = with_it.create(path("selfsubjectreviews"), {
        "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    account = body["spec"]["serviceAccountName"]
    assert review["status"]["userInfo"]["username"].endswith(f":{account}")
    fleet.delete(name, namespace)
    assert traces(fleet, uid) == []


# What takes its time. It is begun early, so that it comes to pass while other tests run.


@pytest.fixture(scope="module")
def changed(fleet):
    """Between two tokens of one request a minute passes."""
    name = "changed"
    fleet.request(name, fleet.member, namespace=OTHER_TEAM)
    fleet.wait_ready(name, OTHER_TEAM)
    old = fleet.credential(name, OTHER_TEAM)
    fleet.hub_api.merge(path("authtokenrequests", OTHER_TEAM, name),
                        {"spec": {"credential": {"expirationSeconds": 1200}}})
    return name, old


def test_a_changed_lifetime_leads_to_a_new_credential(fleet, changed):
    name, old = changed
    new = eventually(lambda: differs(fleet.credential(name, OTHER_TEAM), old), 120, "a new token")
    token = claims(new["token"])
    assert token["exp"] - token["iat"] == 1200
    expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(token["exp"]))
    eventually(lambda: status_of(fleet, name, OTHER_TEAM)["expirationTimestamp"] == expiry,
               what="the new expiry")
    assert status_of(fleet, name, OTHER_TEAM)["observedGeneration"] == 2
    for credential in (new, old):  # the old one until consumers had their time
        assert client(credential).call("GET", path("jobs")).status == 200
    anchors = ledger_of(fleet, name, OTHER_TEAM)["spec"]["anchors"]
    assert [anchor["generation"] for anchor in anchors] == [1, 2]


def differs(credential, old):
    return credential if credential["token"] != old["token"] else None


@pytest.fixture(scope="module")
def freed(fleet):
    """Nothing tells the broker that a foreign Secret has gone: it looks twice a minute."""
    where = path("secrets", OTHER_TEAM)
    fleet.hub_api.create(where, {"apiVersion": "v1", "kind": "Secret",
                                 "metadata": {"name": "freed"}})
    fleet.request("freed", fleet.member, namespace=OTHER_TEAM)
    fleet.wait_reason("freed", "SecretConflict", namespace=OTHER_TEAM)
    fleet.hub_api.delete(f"{where}/freed")
    return "freed"


def test_a_request_goes_on_when_a_foreign_secret_has_gone(fleet, freed):
    fleet.wait_ready(freed, OTHER_TEAM)
    credential = fleet.credential(freed, OTHER_TEAM)
    assert client(credential).call("GET", path("jobs")).status == 200


# Nothing is written without need. Last, because it looks at all that stands.


@pytest.fixture(scope="module")
def rotated(fleet):
    name = "rotated"
    fleet.request(name, fleet.member, namespace=OTHER_TEAM)
    fleet.wait_ready(name, OTHER_TEAM)
    fleet.hub.kubectl("annotate", "atr", name, "-n", OTHER_TEAM,
                      f"credbroker.dev/rotate-at={time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}")
    return name, fleet.credential(name, OTHER_TEAM)


def test_a_request_is_rotated_at_its_time_and_once(fleet, rotated):
    name, old = rotated
    new = eventually(lambda: differs(fleet.credential(name, OTHER_TEAM), old), 120, "a new token")
    for credential in (new, old):  # the old one until consumers had their time
        assert client(credential).call("GET", path("jobs")).status == 200
    asked_for = fleet.get_request(name, OTHER_TEAM)["metadata"]["annotations"]
    anchors = ledger_of(fleet, name, OTHER_TEAM)["spec"]["anchors"]
    assert [anchor.get("rotateAt") for anchor in anchors] == [
        None, asked_for["credbroker.dev/rotate-at"]]


@pytest.fixture(scope="module")
def suspended(fleet):
    """What is given again gets no token within a minute of the last one."""
    name, where = "suspended", path("authtokenrequests", OTHER_TEAM, "suspended")
    fleet.request(name, fleet.member, namespace=OTHER_TEAM)
    fleet.wait_ready(name, OTHER_TEAM)
    uid = fleet.get_request(name, OTHER_TEAM)["metadata"]["uid"]
    old = fleet.credential(name, OTHER_TEAM)
    fleet.hub_api.merge(where, {"spec": {"suspend": True}})
    fleet.wait_reason(name, "Suspended", namespace=OTHER_TEAM)
    left = traces(fleet, uid), status_of(fleet, name, OTHER_TEAM)
    refused = client(old).call("GET", path("jobs")).status
    fleet.hub_api.merge(where, {"spec": {"suspend": False}})
    return name, left, refused, old


def test_a_suspended_request_has_no_access_until_it_goes_on(fleet, suspended):
    name, (left, status), refused, old = suspended
    assert left == []
    assert "tokenResponse" not in status and "expirationTimestamp" not in status
    assert refused in (401, 403)
    fleet.wait_ready(name, OTHER_TEAM, 120)
    credential = fleet.credential(name, OTHER_TEAM)
    assert credential["token"] != old["token"]
    assert client(credential).call("GET", path("jobs")).status == 200
    assert client(old).call("GET", path("jobs")).status == 401


def test_in_steady_state_nothing_is_written(fleet, asked):
    names = [asked() for _ in range(3)]
    waiting = asked(wait=False, serviceAccountNamespace="apps")
    fleet.wait_reason(waiting, "NamespaceNotOpened")
    eventually(lambda: all(fleet.condition(n).get("status") == "True" for n in names))

    def versions():
        found = {}
        for where in (path("authtokenrequests", TEAM), path("secrets", TEAM),
                      path("issuedcredentials", OWN), path("events", TEAM)):
            for item in fleet.hub_api.items(where):
                found[f"{where}/{item['metadata']['name']}"] = item["metadata"]["resourceVersion"]
        return found

    before = versions()
    deadline = time.monotonic() + STEADY_SECONDS
    while time.monotonic() < deadline:
        time.sleep(1)
        assert versions() == before


def test_what_does_not_concern_the_credential_does_not_write_the_secret(fleet, asked):
    name = asked()
    before = secret_of(fleet, name)
    fleet.hub_api.merge(path("authtokenrequests", TEAM, name),
                        {"metadata": {"annotations": {"touched": "yes"}}})
    fleet.hub_api.merge(path("clusterprofiles", PROFILES, fleet.member),
                        {"metadata": {"labels": {"touched": "yes"}}})
    fleet.hub_api.merge(path("secrets", OWN, f"member-{fleet.member}"),
                        {"metadata": {"labels": {"touched": "yes"}}})
    other = asked()  # by then all of this was looked at
    assert client(fleet.credential(other)).call("GET", path("jobs")).status == 200
    assert secret_of(fleet, name) == before
