"""What the broker may do is what its own manifests say, and that is little.

The other tests of the whole broker run it with exactly these rights.
"""

import json

import pytest

from fleet import BINDABLE, GRANTABLE, IDENTITIES, OWN, PROFILES, TEAM, Fleet, program
from kube_api import KubeApi, path
from testbed import kubeconfig

RBAC = "rbac.authorization.k8s.io"
MULTICLUSTER = "multicluster.x-k8s.io"


def rule(groups, resources, verbs, *names):
    return {"apiGroups": groups, "resources": resources, "verbs": verbs,
            **({"resourceNames": list(names)} if names else {})}


# The golden sets: whoever changes the rights changes these, knowingly.
HUB = {
    ("ClusterRole", None, "credbroker-hub"): [
        rule([MULTICLUSTER], ["authtokenrequests"], ["get", "list", "watch", "patch"]),
        rule([MULTICLUSTER], ["authtokenrequests"], ["issue"]),
        rule([MULTICLUSTER], ["authtokenrequests/status"], ["patch"]),
        rule([MULTICLUSTER], ["clusterprofiles"], ["get", "list", "watch"]),
        rule(["credbroker.dev"], ["accesspolicies", "rbactemplates"], ["get", "list", "watch"]),
        rule([""], ["namespaces"], ["get", "list", "watch"]),
        rule(["admissionregistration.k8s.io"],
             ["validatingadmissionpolicies", "validatingadmissionpolicybindings"], ["get"],
             "credbroker-requests", "credbroker-own-fields"),
        rule(["authorization.k8s.io"], ["subjectaccessreviews"], ["create"]),
        rule(["events.k8s.io"], ["events"], ["create"])],
    ("Role", OWN, "credbroker-ledger"): [
        rule(["credbroker.dev"], ["issuedcredentials"],
             ["get", "list", "watch", "create", "update", "delete"]),
        rule(["coordination.k8s.io"], ["leases"], ["create"]),
        rule(["coordination.k8s.io"], ["leases"], ["get", "update"], "credbroker"),
        rule([""], ["secrets"], ["get", "list", "watch", "create", "update", "delete"]),
        rule([""], ["configmaps"], ["create"]),
        rule([""], ["configmaps"], ["get"], "credbroker-hub", "credbroker-hub-key"),
        rule([MULTICLUSTER], ["authtokenrequests"], ["create"]),
        rule([MULTICLUSTER], ["clusterprofiles"], ["request-token"], "credbroker-canary")],
    ("Role", TEAM, "credbroker-deliveries"): [
        rule([""], ["secrets"], ["get", "create", "patch", "delete"])],
}
MEMBER = {
    ("ClusterRole", None, "credbroker-member"): [
        rule([""], ["namespaces"], ["get"], "kube-system"),
        rule([RBAC], ["roles", "rolebindings", "clusterroles", "clusterrolebindings"],
             ["get", "list", "create", "patch", "delete"]),
        rule([RBAC], ["clusterroles"], ["bind"], BINDABLE)],
    ("Role", OWN, "credbroker-own"): [
        rule([""], ["serviceaccounts/token"], ["create"], "credbroker"),
        rule([""], ["secrets"], ["create", "delete"])],
    ("Role", IDENTITIES, "credbroker-identities"): [
        rule([""], ["serviceaccounts"], ["get", "list", "create", "patch", "delete"]),
        rule([""], ["serviceaccounts/token"], ["create"]),
        rule([""], ["secrets"], ["create", "delete"])],
}
HUB_FLAGS = ("hub-rbac", "--namespace", TEAM)
MEMBER_FLAGS = ("member-rbac", "--identity-namespace", IDENTITIES, "--may-grant", GRANTABLE,
                "--may-bind", BINDABLE)


@pytest.fixture(scope="module")
def fleet(own_name):
    member = own_name("m1")
    with Fleet(own_name("hub"), member) as fleet:
        fleet.member = member
        broker = fleet.broker()
        fleet.request("served", member)
        fleet.wait_ready("served")
        yield fleet
        broker.stop()


def manifest(plane, *arguments):
    """What the program prints, as the API server of PLANE reads it."""
    text = plane.kubectl("create", "--dry-run=server", "--validate=strict", "-o", "json", "-f", "-",
                         stdin=renamed(program(*arguments)))
    parsed = json.loads("[" + text.replace("}\n{", "},\n{") + "]")
    return [part for item in parsed for part in (item["items"] if "items" in item else [item])]


def renamed(text):
    """Other names: the fleet has these objects already, and a dry run makes none twice."""
    for name in ("credbroker-hub\"", "credbroker-ledger\"", "credbroker-deliveries\"",
                 "credbroker-member\"", "credbroker-own\"", "credbroker-identities\""):
        text = text.replace(f'name: "{name}', f'name: "dry-{name}')
    text = text.replace('name: "credbroker-may-', 'name: "dry-credbroker-may-')
    return text.replace("kind: ServiceAccount\nmetadata:\n  name: ",
                        "kind: ServiceAccount\nmetadata:\n  name: dry-")


def rules_of(items):
    return {(item["kind"], item["metadata"].get("namespace"),
             item["metadata"]["name"].removeprefix("dry-")): item["rules"]
            for item in items if "rules" in item}


def bindings_of(items):
    return {(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]): item
            for item in items if "roleRef" in item}


def every_rule(*manifests):
    return [rule for items in manifests for rules in rules_of(items).values() for rule in rules]


def test_the_hub_is_asked_for_the_golden_rights(fleet):
    assert rules_of(manifest(fleet.hub, *HUB_FLAGS)) == HUB


def test_a_member_is_asked_for_the_golden_rights(fleet):
    assert rules_of(manifest(fleet.members[fleet.member], *MEMBER_FLAGS)) == MEMBER


def test_every_role_is_bound_to_the_broker_alone_where_it_belongs(fleet):
    for plane, flags in ((fleet.hub, HUB_FLAGS), (fleet.members[fleet.member], MEMBER_FLAGS)):
        items = manifest(plane, *flags)
        roles = set(rules_of(items))
        bound = set()
        for (kind, namespace, _), binding in bindings_of(items).items():
            assert binding["subjects"] == [
                {"kind": "ServiceAccount", "name": "credbroker", "namespace": OWN}]
            role = binding["roleRef"]["name"].removeprefix("dry-")
            assert binding["roleRef"]["kind"] == kind.removesuffix("Binding")
            bound.add((binding["roleRef"]["kind"], namespace, role))
        assert bound - roles == ({("ClusterRole", None, GRANTABLE)}
                                 if flags is MEMBER_FLAGS else set())
        assert roles <= bound
        [account] = [item for item in items if item["kind"] == "ServiceAccount"]
        assert account["metadata"]["namespace"] == OWN


def test_no_right_is_a_wildcard_or_one_to_take_more(fleet):
    rules = every_rule(manifest(fleet.hub, *HUB_FLAGS),
                       manifest(fleet.members[fleet.member], *MEMBER_FLAGS))
    for rule_ in rules:
        words = [word for values in rule_.values() for word in values]
        assert not {"*", "escalate", "impersonate", "deletecollection"} & set(words), rule_
        assert "nonResourceURLs" not in rule_
        if "bind" in rule_["verbs"]:
            assert rule_["verbs"] == ["bind"] and rule_["resourceNames"]


def test_on_a_member_no_secret_is_read_and_no_namespace_made(fleet):
    for rule_ in every_rule(manifest(fleet.members[fleet.member], *MEMBER_FLAGS)):
        if "secrets" in rule_["resources"]:
            assert rule_["verbs"] == ["create", "delete"]
        if "namespaces" in rule_["resources"]:
            assert rule_["verbs"] == ["get"] and rule_["resourceNames"] == ["kube-system"]


def test_without_roles_to_grant_or_bind_there_is_no_right_to(fleet):
    items = manifest(fleet.members[fleet.member], "member-rbac", "--identity-namespace", IDENTITIES)
    assert all("bind" not in rule_["verbs"] for rule_ in every_rule(items))
    assert len(bindings_of(items)) == 3


def test_each_namespace_gets_its_own_role(fleet):
    items = manifest(fleet.hub, "hub-rbac", "--namespace", TEAM, "--namespace", PROFILES)
    deliveries = [key for key in rules_of(items) if key[2] == "credbroker-deliveries"]
    assert [namespace for _, namespace, _ in deliveries] == [TEAM, PROFILES]
    member = fleet.members[fleet.member]
    items = manifest(member, "member-rbac", "--identity-namespace", IDENTITIES,
                     "--identity-namespace", "apps")
    assert [key[1] for key in rules_of(items) if key[0] == "Role"] == [OWN, IDENTITIES, "apps"]


def test_a_role_may_be_opened_for_binding_in_its_namespace(fleet):
    member = fleet.members[fleet.member]
    items = manifest(member, "member-rbac", "--identity-namespace", IDENTITIES,
                     "--may-bind", "apps/team:readers", "--may-bind", "apps/writers")
    opened = {key: rules for key, rules in rules_of(items).items() if key[1] == "apps"}
    assert list(opened.values()) == [[rule([RBAC], ["roles"], ["bind"], "team:readers")],
                                     [rule([RBAC], ["roles"], ["bind"], "writers")]]


@pytest.mark.parametrize("name", [
    "system:node-reader", "Team A: #1 {x} [y] & *z", "it's", "r" * 253])
def test_role_names_of_all_kinds_come_through_the_manifest(fleet, name):
    member = fleet.members[fleet.member]
    items = manifest(member, "member-rbac", "--identity-namespace", IDENTITIES, "--may-bind", name)
    [bind] = [rule_ for rule_ in every_rule(items) if "bind" in rule_["verbs"]]
    assert bind["resourceNames"] == [name]
    items = manifest(member, "member-rbac", "--identity-namespace", IDENTITIES,
                     "--may-grant", name)
    assert name in [b["roleRef"]["name"] for b in bindings_of(items).values()]


def test_the_identity_may_have_another_name(fleet):
    items = manifest(fleet.hub, *HUB_FLAGS, "--service-account", f"{PROFILES}/other")
    assert ("Role", PROFILES, "credbroker-ledger") in rules_of(items)
    for binding in bindings_of(items).values():
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "other", "namespace": PROFILES}]


def test_the_broker_of_these_tests_has_no_other_binding(fleet):
    for plane, flags in ((fleet.hub, HUB_FLAGS), (fleet.members[fleet.member], MEMBER_FLAGS)):
        api = KubeApi.as_admin(plane)
        live = api.items(path("rolebindings")) + api.items(path("clusterrolebindings"))
        subject = {"kind": "ServiceAccount", "name": "credbroker", "namespace": OWN}
        ours = {(item["metadata"].get("namespace"), item["metadata"]["name"]) for item in live
                if subject in item.get("subjects", [])}
        assert ours == {(namespace, name.removeprefix("dry-"))
                        for _, namespace, name in bindings_of(manifest(plane, *flags))}


# What an API server says to the broker's own identity.


@pytest.fixture(scope="module")
def as_broker(fleet):
    """Clients with the broker's token, on the member and on the hub."""
    clients = {}
    for role, plane in (("member", fleet.members[fleet.member]), ("hub", fleet.hub)):
        token = plane.token("credbroker", OWN)
        fleet.tokens.add(token)
        clients[role] = KubeApi.of_kubeconfig(
            json.loads(kubeconfig(plane.server, plane.ca_pem(), token)))
    return clients


def allowed(api, verb, resource, group="", namespace="", name="", subresource=""):
    review = api.create(path("selfsubjectaccessreviews"), {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "verb": verb, "resource": resource, "group": group, "namespace": namespace,
            "name": name, "subresource": subresource}}})
    return review["status"]["allowed"]


EVERYWHERE = ["", "default", "kube-system", OWN, "apps"]


@pytest.mark.parametrize("verb", ["get", "list", "watch", "update", "patch", "deletecollection"])
@pytest.mark.parametrize("namespace", EVERYWHERE + [IDENTITIES])
def test_the_broker_reads_and_changes_no_secret_of_a_member(as_broker, verb, namespace):
    assert not allowed(as_broker["member"], verb, "secrets", namespace=namespace)


@pytest.mark.parametrize("namespace", EVERYWHERE)
def test_the_broker_makes_no_identity_where_it_is_not_opened(as_broker, namespace):
    member = as_broker["member"]
    for verb in ("get", "list", "create", "update", "patch", "delete"):
        assert not allowed(member, verb, "serviceaccounts", namespace=namespace)
    for verb in ("create", "delete"):
        anchors = namespace == OWN
        assert allowed(member, verb, "secrets", namespace=namespace) == anchors
    assert not allowed(member, "create", "serviceaccounts", namespace=namespace,
                       subresource="token")
    assert not allowed(member, "impersonate", "serviceaccounts", namespace=namespace)


def test_the_broker_makes_tokens_of_its_own_for_itself_alone(as_broker):
    for name in ("credbroker", "default"):
        assert allowed(as_broker["member"], "create", "serviceaccounts", namespace=OWN, name=name,
                       subresource="token") == (name == "credbroker")


def test_the_broker_takes_no_rights_on_a_member(as_broker):
    member = as_broker["member"]
    for resource in ("roles", "clusterroles"):
        for verb in ("escalate", "update", "watch", "deletecollection"):
            assert not allowed(member, verb, resource, RBAC)
        assert not allowed(member, "bind", resource, RBAC)
    assert allowed(member, "bind", "clusterroles", RBAC, name=BINDABLE)
    assert not allowed(member, "bind", "clusterroles", RBAC, name="cluster-admin")
    for resource in ("users", "groups", "serviceaccounts"):
        assert not allowed(member, "impersonate", resource)
    for verb in ("create", "delete", "list", "update"):
        assert not allowed(member, verb, "namespaces")
    assert not allowed(member, "get", "namespaces", name="default")
    assert allowed(member, "get", "namespaces", name="kube-system")


def binding(role, namespace=OWN):
    return {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "taken"},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": "credbroker", "namespace": namespace}]}


def test_the_api_server_refuses_what_the_broker_does_not_hold(fleet, as_broker):
    member = as_broker["member"]
    role = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": "taken"}}
    for rules in ([rule([""], ["secrets"], ["get"])], [rule(["*"], ["*"], ["*"])],
                  [rule([RBAC], ["clusterroles"], ["escalate"])],
                  [rule([""], ["users"], ["impersonate"])],
                  [rule(["batch"], ["jobs"], ["get", "patch"])]):
        assert member.call("POST", path("clusterroles"), {**role, "rules": rules}).status == 403
    assert member.call("POST", path("clusterrolebindings"), binding("cluster-admin")).status == 403
    [anchor] = [item for item in fleet.apis[fleet.member].items(path("secrets", IDENTITIES))]
    where = path("secrets", IDENTITIES, anchor["metadata"]["name"])
    assert member.call("GET", where).status == 403
    assert member.call("GET", path("secrets", IDENTITIES)).status == 403


def test_on_the_hub_the_broker_stays_where_it_was_let_in(as_broker):
    hub = as_broker["hub"]
    for verb in ("get", "create", "patch", "delete"):
        assert allowed(hub, verb, "secrets", namespace=TEAM)
        for namespace in ("default", "kube-system", PROFILES):
            assert not allowed(hub, verb, "secrets", namespace=namespace)
    for verb in ("list", "watch", "update", "deletecollection"):
        assert not allowed(hub, verb, "secrets", namespace=TEAM)
    for verb in ("create", "update", "delete"):  # its own credentials on members
        assert allowed(hub, verb, "secrets", namespace=OWN)
    for verb in ("patch", "deletecollection"):  # without patch it takes no deliveries there
        assert not allowed(hub, verb, "secrets", namespace=OWN)
    for verb in ("create", "update", "delete", "deletecollection"):
        assert not allowed(hub, verb, "authtokenrequests", MULTICLUSTER, TEAM)
    for verb in ("create", "update", "patch", "delete"):
        assert not allowed(hub, verb, "clusterprofiles", MULTICLUSTER, PROFILES)
    assert not allowed(hub, "get", "issuedcredentials", "credbroker.dev", TEAM)
    for resource in ("roles", "rolebindings", "clusterroles", "clusterrolebindings"):
        assert not allowed(hub, "get", resource, RBAC)
    for resource in ("nodes", "pods"):
        assert not allowed(hub, "get", resource)
    for verb in ("create", "update", "patch", "delete"):
        assert not allowed(hub, verb, "namespaces")
        for resource in ("accesspolicies", "rbactemplates"):
            assert not allowed(hub, verb, resource, "credbroker.dev")
