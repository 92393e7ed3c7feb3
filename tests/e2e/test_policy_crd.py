"""The CRD of AccessPolicy on a real API server: what it accepts, refuses and prints."""

import json
import pathlib
import re

import pytest

from kube_api import KubeApi
from testbed import ControlPlane

ROOT = pathlib.Path(__file__).resolve().parents[2]
CRD = ROOT / "deploy/crds/credbroker.dev_accesspolicies.yaml"
DATA = ROOT / "tests/data/policies"
PATH = "/apis/credbroker.dev/v1alpha1/accesspolicies"

(POLICY,) = json.loads((DATA / "policy.json").read_text(encoding="utf-8"))
ROWS = json.loads((DATA / "refused.json").read_text(encoding="utf-8"))

# What only the broker refuses. The API server lets these in, and leaves out what is null.
BROKER_ALONE = {
    "a name with a control character", "a name with a delete", "too many rules of all entries",
    "namespaces that are null", "users that are null", "groups that are null",
    "serviceAccounts that are null", "a selector that is null",
}


def merged(base, change):
    """RFC 7396."""
    if not isinstance(change, dict):
        return change
    result = dict(base) if isinstance(base, dict) else {}
    for name, value in change.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def allowing(**allow):
    return {"spec": {"allow": allow}}


def subject(**fields):
    return {"spec": {"subjects": [fields]}}


def profile(**fields):
    return {"spec": {"clusterProfiles": [fields]}}


@pytest.fixture(scope="module")
def plane(own_name):
    with ControlPlane(own_name("hub")) as plane:
        plane.kubectl("create", "-f", CRD)
        plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        # The schema of a new CRD is published a moment after it is served.
        for _ in range(100):
            if plane.run("explain", "accesspol").returncode == 0:
                break
        yield plane


@pytest.fixture(scope="module")
def create(plane):
    """Creates POLICY with a change, in a dry run; returns what the API server says against it."""
    api = KubeApi.as_admin(plane)

    def send(change):
        where = PATH + "?dryRun=All&fieldValidation=Strict"
        reply = api.call("POST", where, merged(POLICY, change))
        return "" if reply.status == 201 else reply.body["message"]

    return send


@pytest.fixture(scope="module")
def schema(plane):
    crd = json.loads(plane.kubectl("create", "--dry-run=client", "-o", "json", "-f", CRD))
    (version,) = crd["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]


def test_what_the_broker_refuses_is_refused_at_once(create):
    rows = [row for row in ROWS if "metadata" not in row["change"]]
    wrong = [row["what"] for row in rows
             if bool(create(row["change"])) == (not row["message"] or row["what"] in BROKER_ALONE)]
    assert len(rows) > 100
    assert not wrong


NO_WILDCARD = "there are no wildcards"
PODS = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}


def in_namespaces(count, *rules):
    return {"namespaces": [f"n{number}" for number in range(count)], "rules": list(rules)}


MESSAGES = [
    (subject(), "write namespaces, namespaceSelector, users, groups or serviceAccounts; "
     "namespaceSelector: {} matches every namespace"),
    (profile(), "write namespaces, names, selector or clusterManagers; selector: {} matches all"),
    (subject(namespaces=["kueue-*"]), NO_WILDCARD),
    (subject(users=["*"]), "there are no wildcards: write the user names themselves"),
    (subject(groups=["*"]), "there are no wildcards: write the groups themselves"),
    (subject(users=["a"], serviceAccounts=[{"namespace": "a", "name": "a"}]), "write two entries"),
    (subject(namespaces=["a", "a"]), "Duplicate value"),
    (subject(namespaceSelector={"matchExpressions": [{"key": "a", "operator": "In"}]}),
     'In and NotIn must have values, such as values: ["dev"]'),
    (subject(namespaceSelector={"matchExpressions": [
        {"key": "a", "operator": "Exists", "values": ["b"]}]}), "Exists and DoesNotExist must have none"),
    (profile(names=["Member_1"]), "the name of a ClusterProfile must be lower-case letters"),
    (profile(clusterManagers=["*"]), "there are no wildcards: write the names of managers themselves"),
    (allowing(templates=[{"name": "*"}]), NO_WILDCARD),
    (allowing(clusterRoles=["*"]), NO_WILDCARD),
    (allowing(clusterRoles=["a/b"]), 'such as "view"'),
    (allowing(roles=[{"namespace": "apps", "name": "*"}]), NO_WILDCARD),
    (allowing(protectedNamespaces=["kube-*"]), NO_WILDCARD),
    (allowing(identities=[{"namespace": "*"}]), NO_WILDCARD),
    (allowing(existingServiceAccounts=[{"namespace": "*", "name": "x"}]), NO_WILDCARD),
    (allowing(existingServiceAccounts=[{"namespace": "x", "name": "*"}]), NO_WILDCARD),
    (allowing(identities=[{"namespace": "a", "names": ["*"]}]), NO_WILDCARD),
    (allowing(audiences=["*"]), "there are no wildcards: write the audiences themselves"),
    (allowing(destinationNamespaces=["*"]), NO_WILDCARD),
    (allowing(formats=["ArgoCD"]), 'supported values: "Kubeconfig"'),
    (allowing(dangers=["root"]), 'supported values: "any-verb"'),
    (allowing(lifetime={"minSeconds": 7200, "maxSeconds": None}), "write a maxSeconds, too"),
    (allowing(lifetime={"minSeconds": 60}), "minSeconds must be at least 600"),
    (allowing(lifetime={"maxSeconds": 86401}), "maxSeconds must be at most 86400, one day"),
    (allowing(clusterRules=[{"verbs": ["get"], "resources": ["pods"]}]),
     'a rule must have apiGroups and resources'),
    (allowing(clusterRules=[{"verbs": ["get"], "apiGroups": [""], "nonResourceURLs": ["/x"]}]),
     "nonResourceURLs must stand in a rule of their own"),
    (allowing(namespacedRules=[{"namespaces": ["a"], "rules": [
        {"verbs": ["get"], "nonResourceURLs": ["/x"]}]}]),
     "nonResourceURLs hold for the whole cluster: put this rule into clusterRules"),
    (allowing(namespacedRules=[in_namespaces(86, PODS, PODS, PODS)]),
     "each counts once for each of the namespaces"),
]


@pytest.mark.parametrize("change, message", MESSAGES, ids=[message[:40] for _, message in MESSAGES])
def test_a_refusal_says_what_to_write_instead(create, change, message):
    said = create(change)
    assert message in said
    assert "should match" not in said, "a regular expression is no advice"


@pytest.mark.parametrize("change", [
    {},
    subject(namespaceSelector={}),
    subject(groups=["system:authenticated"], users=["Jörg X"]),
    profile(selector={"matchLabels": {"env": "dev"}}),
    allowing(lifetime=None),
    allowing(clusterRoles=["system:discovery"], dangers=["rbac-writes", "non-resource-urls"]),
    allowing(clusterRules=[{"verbs": ["get"], "nonResourceURLs": ["/metrics"]}]),
    allowing(namespacedRules=[in_namespaces(128, PODS, PODS)]),
    {"spec": {"allow": {name: None for name in POLICY["spec"]["allow"]}}},
])
def test_a_good_policy_is_accepted(create, change):
    assert create(change) == ""


def test_the_dangers_are_those_that_the_broker_knows(schema):
    allow = schema["properties"]["spec"]["properties"]["allow"]
    source = (ROOT / "rbac/grant_danger.c").read_text(encoding="utf-8")
    known = re.findall(r'^\t\[GRANT_DANGER_\w+\] = "([^"]+)"', source, re.MULTILINE)
    assert known and allow["properties"]["dangers"]["items"]["enum"] == known


def test_kubectl_shows_what_a_policy_is_for(plane):
    policy = merged(POLICY, {"spec": {"description": "Workers of Kueue"}})
    plane.kubectl("create", "-f", "-", stdin=json.dumps(policy))
    header, row = plane.kubectl("get", "accesspol", "kueue").splitlines()
    assert header.split() == ["NAME", "DESCRIPTION", "AGE"]
    assert row.startswith("kueue") and "Workers of Kueue" in row
    assert "kueue" in plane.kubectl("get", "credbroker")
    assert plane.get("accesspol", "kueue")["spec"] == policy["spec"]


def fields_of(schema, path=""):
    if schema.get("type") == "array":
        yield from fields_of(schema["items"], path + "[]")
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from fields_of(child, f"{path}.{name}")


def unbounded(schema, path):
    if schema.get("type") == "array":
        if "maxItems" not in schema:
            yield path
        yield from unbounded(schema["items"], path + "[]")
    if "additionalProperties" in schema:
        if "maxProperties" not in schema:
            yield path
        yield from unbounded(schema["additionalProperties"], path + "{}")
    if schema.get("type") == "string" and not {"maxLength", "enum"} & set(schema):
        yield path
    for name, child in schema.get("properties", {}).items():
        yield from unbounded(child, f"{path}.{name}")


def test_every_field_is_described_and_has_a_cap(schema):
    assert not [path for path, field in fields_of(schema)
                if not re.fullmatch(r"[A-Z].*\.", field.get("description", ""))]
    assert not [path for path, field in fields_of(schema) if "default" in field]
    assert not list(unbounded(schema, ""))
