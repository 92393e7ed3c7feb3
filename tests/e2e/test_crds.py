"""The CRDs on a real API server: what they accept, refuse, keep and print."""

import json
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTBED = os.environ.get("TESTBED", str(ROOT / "tests/testbed/testbed"))
CRDS = sorted((ROOT / "deploy/crds").glob("*.yaml"))
REQUESTS = ROOT / "tests/data/requests"
EXAMPLE = ROOT / "deploy/examples/authtokenrequest.yaml"
API_DOCUMENT = ROOT / "docs/api.md"

REQUEST_PATH = "/apis/multicluster.x-k8s.io/v1alpha1/namespaces/{}/authtokenrequests"
DEMO = REQUESTS / "accepted/fleet-demo.yaml"
SOON = "2036-01-02T03:04:05Z"


class Hub:
    """kubectl against one control plane."""

    def __init__(self, kubectl, kubeconfig, cache):
        # A cache of its own: another control plane may have had the same port.
        self.command = [kubectl, "--kubeconfig", kubeconfig, "--cache-dir", cache]

    def run(self, *arguments, stdin=None):
        return subprocess.run(
            [*self.command, *map(str, arguments)],
            input=stdin, capture_output=True, text=True, timeout=60, check=False,
        )

    def ok(self, *arguments, stdin=None):
        result = self.run(*arguments, stdin=stdin)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def read(self, *arguments):
        return json.loads(self.ok(*arguments, "-o", "json"))

    def parse(self, path):
        return json.loads(self.ok("create", "--dry-run=client", "-o", "json", "-f", path))

    def write(self, verb, thing):
        return self.run(verb, "-f", "-", stdin=json.dumps(thing))

    def post(self, path, namespace):
        """Posts a file as it is, as a client with strict field validation would."""
        where = REQUEST_PATH.format(namespace) + "?dryRun=All&fieldValidation=Strict"
        return self.run("create", "--raw", where, "-f", path)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    name = f"crds-{os.getpid()}"
    started = subprocess.run(
        [TESTBED, "up", name], stdout=subprocess.PIPE, text=True, timeout=3600, check=True)
    try:
        assets = subprocess.run(
            [TESTBED, "assets"], stdout=subprocess.PIPE, text=True, timeout=3600, check=True)
        kubectl = pathlib.Path(assets.stdout.strip()) / "kubectl"
        cache = tmp_path_factory.mktemp("kubectl-cache")
        hub = Hub(str(kubectl), started.stdout.strip(), str(cache))
        hub.ok("create", *[part for crd in CRDS for part in ("-f", crd)])
        hub.ok("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        wait_until_explained(hub)
        for namespace in ("work", "team-a", "kueue-system", "credbroker-system"):
            hub.ok("create", "namespace", namespace)
        yield hub
    finally:
        subprocess.run([TESTBED, "down", name], timeout=120, check=True)


def wait_until_explained(hub):
    # The API server publishes the schema of a new CRD a moment after it serves it.
    for _ in range(100):
        results = [hub.run("explain", kind) for kind in ("atr", "icred", "clusterprofile")]
        if all(result.returncode == 0 for result in results):
            return
    raise AssertionError(results)


@pytest.fixture(scope="module")
def schemas(hub):
    """kind -> (metadata of the CRD's names, its only version)"""
    result = {}
    for path in CRDS:
        crd = hub.parse(path)
        (version,) = crd["spec"]["versions"]
        result[crd["spec"]["names"]["kind"]] = (crd["spec"]["names"], version)
    return result


def fields_of(schema, path=""):
    """Yields (path, schema) of every field below an object or a list of objects."""
    if schema.get("type") == "array":
        yield from fields_of(schema["items"], path + "[]")
    for name, child in schema.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        yield below, child
        yield from fields_of(child, below)


def root_of(schemas, kind):
    return schemas[kind][1]["schema"]["openAPIV3Schema"]


# What clients send


@pytest.mark.parametrize(
    "path", sorted((REQUESTS / "accepted").glob("*.yaml")) + [EXAMPLE], ids=lambda path: path.stem)
def test_a_manifest_that_a_client_applies_is_accepted(hub, path):
    hub.ok("create", "--dry-run=server", "--validate=strict", "-f", path)


@pytest.mark.parametrize(
    "path", sorted((REQUESTS / "accepted").glob("*.json")), ids=lambda path: path.stem)
def test_a_body_that_a_client_posts_is_accepted(hub, path):
    body = json.loads(path.read_text())
    result = hub.post(path, body["metadata"]["namespace"])
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "path", sorted((REQUESTS / "rejected").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_bad_request_is_refused_with_what_to_write_instead(hub, path):
    expected = path.with_suffix(".message").read_text().strip()
    result = hub.run("create", "--dry-run=server", "--validate=strict", "-f", path)
    assert result.returncode != 0
    assert expected in result.stderr
    assert "should match" not in result.stderr, "a regular expression is no advice"


def test_every_message_belongs_to_a_bad_request():
    cases = {path.stem for path in (REQUESTS / "rejected").glob("*.yaml")}
    messages = {path.stem for path in (REQUESTS / "rejected").glob("*.message")}
    assert cases and cases == messages


def test_null_lists_are_kept_as_absent(hub):
    body = json.loads((REQUESTS / "accepted/fleet-go-client.json").read_text())
    kept = json.loads(hub.ok(
        "create", "--raw", REQUEST_PATH.format("work"), "-f", "-", stdin=json.dumps(body)))
    assert "roles" not in kept["spec"]
    assert kept["spec"]["clusterRoles"] == [{"name": "cluster-admin"}]
    assert "status" not in kept


# What may change


RULE = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]}
ROLE = {"namespace": "team-a", "name": "jobs", "rules": [RULE]}
WIDER_ROLE = {"namespace": "team-a", "name": "jobs", "rules": [RULE, RULE]}
CLUSTER_ROLE = {"name": "jobs", "rules": [RULE]}
TARGET = {"name": "bravelion"}

# (sentence, fields before, fields after, what the API server says; None: it accepts). A value of
# None takes the field away.
UPDATES = [
    ("nothing changes", {}, {}, None),
    ("the target gets another name", {}, {"targetClusterProfile": {"name": "other"}},
     "TargetClusterProfile is immutable"),
    ("the target gets a namespace", {}, {"targetClusterProfile": {**TARGET, "namespace": "one"}},
     "TargetClusterProfile is immutable"),
    ("the target loses its namespace", {"targetClusterProfile": {**TARGET, "namespace": "one"}},
     {"targetClusterProfile": TARGET}, "TargetClusterProfile is immutable"),
    ("the target gets another namespace", {"targetClusterProfile": {**TARGET, "namespace": "one"}},
     {"targetClusterProfile": {**TARGET, "namespace": "two"}}, "TargetClusterProfile is immutable"),
    ("the target gets a group", {},
     {"targetClusterProfile": {**TARGET, "apiGroup": "multicluster.x-k8s.io"}},
     "TargetClusterProfile is immutable"),
    ("the target gets a kind", {}, {"targetClusterProfile": {**TARGET, "kind": "ClusterProfile"}},
     "TargetClusterProfile is immutable"),
    ("a Go client writes the target's absent fields as empty ones", {},
     {"targetClusterProfile": {**TARGET, "apiGroup": "", "kind": "", "namespace": ""}}, None),
    ("the ServiceAccount gets another name", {}, {"serviceAccountName": "other"},
     "ServiceAccountName is immutable"),
    ("the ServiceAccount gets another namespace", {"serviceAccountNamespace": "one"},
     {"serviceAccountNamespace": "two"}, "ServiceAccountNamespace is immutable"),
    ("the ServiceAccount gets a namespace", {}, {"serviceAccountNamespace": "one"},
     "ServiceAccountNamespace is immutable"),
    ("the ServiceAccount loses its namespace", {"serviceAccountNamespace": "one"},
     {"serviceAccountNamespace": None}, "ServiceAccountNamespace is immutable"),
    ("the namespace of the ServiceAccount is emptied", {"serviceAccountNamespace": "one"},
     {"serviceAccountNamespace": ""}, "ServiceAccountNamespace is immutable"),
    ("a Go client writes the absent namespace of the ServiceAccount as an empty one", {},
     {"serviceAccountNamespace": ""}, None),
    ("the empty namespace of the ServiceAccount is left out", {"serviceAccountNamespace": ""},
     {"serviceAccountNamespace": None}, None),
    ("a role gets more rules", {"roles": [ROLE]}, {"roles": [WIDER_ROLE]}, "Roles is immutable"),
    ("a role loses its rules", {"roles": [ROLE]},
     {"roles": [{"namespace": "team-a", "name": "jobs"}]}, "Roles is immutable"),
    ("a role is added", {"roles": [ROLE]}, {"roles": [ROLE, {**ROLE, "name": "more"}]},
     "Roles is immutable"),
    ("the only role is taken out", {"roles": [ROLE]}, {"roles": []}, "Roles is immutable"),
    ("the roles are taken away", {"roles": [ROLE]}, {"roles": None}, "Roles is required once set"),
    ("roles come later", {}, {"roles": [ROLE]},
     "Roles is immutable: to ask for more rights, make another request"),
    ("roles come into an empty list", {"roles": []}, {"roles": [ROLE]}, "Roles is immutable"),
    ("an empty list of roles comes later", {}, {"roles": []}, None),
    ("an empty list of roles is left out", {"roles": []}, {"roles": None}, None),
    ("a cluster role gets other rules", {"clusterRoles": [CLUSTER_ROLE]},
     {"clusterRoles": [{**CLUSTER_ROLE, "rules": [{**RULE, "verbs": ["*"]}]}]},
     "ClusterRoles is immutable"),
    ("the cluster roles are taken away", {"clusterRoles": [CLUSTER_ROLE]}, {"clusterRoles": None},
     "ClusterRoles is required once set"),
    ("cluster roles come later", {}, {"clusterRoles": [CLUSTER_ROLE]},
     "ClusterRoles is immutable: to ask for more rights, make another request"),
    ("cluster roles come into an empty list", {"clusterRoles": []},
     {"clusterRoles": [CLUSTER_ROLE]}, "ClusterRoles is immutable"),
    ("an empty list of cluster roles is left out", {"clusterRoles": []}, {"clusterRoles": None},
     None),
    ("the lifetime changes", {"credential": {"expirationSeconds": 600}},
     {"credential": {"expirationSeconds": 1200}}, None),
    ("the credential's settings are taken away", {"credential": {"audiences": ["a"]}},
     {"credential": None}, None),
    ("the delivery gets another name", {"deliveries": [{"name": "one", "format": "Kubeconfig"}]},
     {"deliveries": [{"name": "two", "format": "Kubeconfig"}]}, None),
]


def with_fields(spec, fields):
    merged = {**spec, **fields}
    return {name: value for name, value in merged.items() if value is not None}


@pytest.mark.parametrize(
    "number, update", enumerate(UPDATES), ids=[update[0] for update in UPDATES])
def test_an_update_is_accepted_or_refused_when(hub, number, update):
    _, before, after, refusal = update
    request = {
        "apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "AuthTokenRequest",
        "metadata": {"name": f"update-{number}", "namespace": "work"},
        "spec": with_fields({"targetClusterProfile": TARGET, "serviceAccountName": "work"}, before),
    }
    assert hub.write("create", request).returncode == 0
    result = hub.write("replace", {**request, "spec": with_fields(request["spec"], after)})
    assert (result.returncode == 0) == (refusal is None), result.stderr
    assert refusal is None or refusal in result.stderr


def test_the_status_is_written_through_its_subresource_alone(hub):
    hub.ok("create", "-f", DEMO)
    request = hub.read("get", "atr", "-n", "work", "example")
    request["status"] = {"tokenResponse": {"name": "forged"}}
    assert hub.write("replace", request).returncode == 0
    assert "status" not in hub.read("get", "atr", "-n", "work", "example")
    hub.ok("delete", "-f", DEMO)


def test_a_request_of_a_megabyte_can_still_be_updated(hub):
    # An update costs most, since the old and the new lists are compared. Were it refused for its
    # cost, the finalizer of such a request could never be removed.
    rule = {name: [f"{name}-{number}-".ljust(200, "x") for number in range(30)]
            for name in ("verbs", "apiGroups", "resources")}
    roles = [{"namespace": f"n{number}", "name": "jobs", "rules": [rule] * 2}
             for number in range(20)]
    cluster_roles = [{"name": f"jobs-{number}", "rules": [rule]} for number in range(10)]
    request = {
        "apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "AuthTokenRequest",
        "metadata": {"name": "large", "namespace": "work", "finalizers": ["credbroker.dev/test"]},
        "spec": {"targetClusterProfile": TARGET, "serviceAccountName": "work", "roles": roles,
                 "clusterRoles": cluster_roles},
    }
    assert len(json.dumps(request)) > 900_000
    result = hub.write("create", request)
    assert result.returncode == 0, result.stderr
    hub.ok("patch", "atr", "-n", "work", "large", "--type=merge",
           "-p", '{"metadata":{"finalizers":null}}')


# What kubectl shows


STATUS = {
    "observedGeneration": 1,
    "tokenResponse": {"apiVersion": "v1", "apiGroup": "", "kind": "Secret", "name": "example",
                      "namespace": "work", "uid": "4a1e"},
    "expirationTimestamp": SOON,
    "renewalTimestamp": SOON,
    "deliveries": [{
        "name": "kubeconfig", "format": "Kubeconfig",
        "objectRef": {"apiVersion": "v1", "kind": "Secret", "name": "example", "namespace": "work",
                      "uid": "4a1e"}}],
    "conditions": [
        {"type": "ServiceAccountFoundOrCreated", "status": "True", "observedGeneration": 1,
         "reason": "ServiceAccountCreated", "message": "", "lastTransitionTime": SOON},
        {"type": "Ready", "status": "True", "reason": "Delivered", "message": "It works.",
         "lastTransitionTime": SOON, "observedGeneration": 1}],
}


def cells(text):
    """The header and the first row of a table, as a dictionary. Columns are three blanks apart."""
    header, row = text.splitlines()[:2]
    starts = [match.start() for match in re.finditer(r"\S+", header)]
    ends = starts[1:] + [None]
    return {header[a:b].strip(): row[a:b].strip() for a, b in zip(starts, ends)}


def test_kubectl_get_says_whether_it_works_and_until_when(hub):
    hub.ok("create", "-f", DEMO)
    fresh = cells(hub.ok("get", "atr", "-n", "work", "example"))
    hub.ok("patch", "atr", "-n", "work", "example", "--subresource=status", "--type=merge",
           "--patch", json.dumps({"status": STATUS}))
    assert hub.read("get", "atr", "-n", "work", "example")["status"] == STATUS
    ready = cells(hub.ok("get", "atr", "-n", "work", "example"))
    wide = cells(hub.ok("get", "atr", "-n", "work", "example", "-o", "wide"))
    category = cells(hub.ok("get", "cluster-inventory", "-n", "work"))
    hub.ok("delete", "-f", DEMO)

    assert list(ready) == ["NAME", "TARGET", "READY", "EXPIRES", "RENEWS", "AGE"]
    assert ready.pop("AGE")
    # Dates to come are shown as they are; a column of type date would show "<invalid>".
    assert ready == {
        "NAME": "example", "TARGET": "bravelion", "READY": "True", "EXPIRES": SOON, "RENEWS": SOON}
    assert fresh["TARGET"] == "bravelion" and fresh["READY"] == fresh["EXPIRES"] == ""
    assert wide["REASON"] == "Delivered"
    assert "TARGET" in category


CONDITION = STATUS["conditions"][0]


@pytest.mark.parametrize("status, message", [
    ({"observedGeneration": -1}, "status.observedGeneration"),
    ({"deliveries": [{"format": "Kubeconfig"}]}, "status.deliveries[0].name: Required value"),
    ({"conditions": [{**CONDITION, "type": "no type"}]}, "status.conditions[0].type"),
    ({"conditions": [{**CONDITION, "status": "Maybe"}]}, "status.conditions[0].status"),
    ({"conditions": [{**CONDITION, "reason": "two words"}]}, "status.conditions[0].reason"),
    ({"conditions": [{**CONDITION, "observedGeneration": -1}]},
     "status.conditions[0].observedGeneration"),
    ({"conditions": [{"type": "Ready"}]}, "status.conditions[0].reason: Required value"),
    ({"expirationTimestamp": "soon"}, "status.expirationTimestamp"),
])
def test_a_malformed_status_is_refused(hub, status, message):
    hub.ok("create", "-f", DEMO)
    result = hub.run("patch", "atr", "-n", "work", "example", "--subresource=status",
                     "--type=merge", "--patch", json.dumps({"status": status}))
    hub.ok("delete", "-f", DEMO)
    assert result.returncode != 0
    assert message in result.stderr


def test_conditions_and_deliveries_are_keyed(hub):
    hub.ok("create", "-f", DEMO)
    for name in ("conditions", "deliveries"):
        twice = {"status": {name: STATUS[name] + STATUS[name]}}
        result = hub.run("patch", "atr", "-n", "work", "example", "--subresource=status",
                         "--type=merge", "--patch", json.dumps(twice))
        assert "Duplicate value" in result.stderr
    hub.ok("delete", "-f", DEMO)


@pytest.mark.parametrize("kind", ["AuthTokenRequest", "IssuedCredential", "ClusterProfile"])
def test_kubectl_explain_says_something_of_every_field(hub, schemas, kind):
    children = {}
    for path, _ in fields_of(root_of(schemas, kind)):
        parent, _, child = path.replace("[]", "").rpartition(".")
        children.setdefault(parent, set()).add(child)
    for parent, below in children.items():
        text = hub.ok("explain", f"{schemas[kind][0]['plural']}.{parent}".rstrip("."))
        assert "<no description>" not in text
        explained = re.findall(r"^  (\S+)\t<.*\n(?:  enum: .*\n)?    \S", text, re.MULTILINE)
        assert below <= set(explained)


# What the schemas promise


@pytest.mark.parametrize("kind", ["AuthTokenRequest", "IssuedCredential", "ClusterProfile"])
def test_every_field_has_a_description_of_whole_sentences(schemas, kind):
    bad = [path for path, field in fields_of(root_of(schemas, kind))
           if not re.fullmatch(r"[A-Z].*\.", field.get("description", ""))]
    assert not bad


def unbounded(schema, path):
    if schema.get("type") == "array":
        if "maxItems" not in schema:
            yield path
        yield from unbounded(schema["items"], path + "[]")
    if schema.get("type") == "string" and not {"maxLength", "enum", "format"} & set(schema):
        yield path
    for name, child in schema.get("properties", {}).items():
        yield from unbounded(child, f"{path}.{name}")


@pytest.mark.parametrize("kind", ["AuthTokenRequest", "IssuedCredential"])
def test_every_list_and_string_of_ours_has_a_cap(schemas, kind):
    assert not list(unbounded(root_of(schemas, kind), kind))


def test_a_request_has_the_short_name_and_category_of_the_proposal(schemas):
    names, version = schemas["AuthTokenRequest"]
    assert names["shortNames"] == ["atr"]
    assert names["categories"] == ["cluster-inventory"]
    assert version["subresources"] == {"status": {}}


def test_no_field_has_a_default(schemas):
    for kind in schemas:
        assert not [path for path, field in fields_of(root_of(schemas, kind)) if "default" in field]


def documented_fields(kind):
    """The fields that the tables of docs/api.md name, as paths."""
    fields, prefixes, inside = [], [], False
    for line in API_DOCUMENT.read_text().splitlines():
        if line.startswith("## "):
            inside = line == f"## {kind}"
        if line.startswith("### "):
            prefixes = re.findall(r"`([^`]+)`", line)
        row = re.match(r"\| `([^`]+)` \|", line)
        if inside and row:
            fields += [f"{prefix}.{row.group(1)}" for prefix in prefixes]
    return fields


@pytest.mark.parametrize("kind", ["AuthTokenRequest", "IssuedCredential"])
def test_the_api_document_names_every_field_and_no_other(schemas, kind):
    in_schema = [path for path, _ in fields_of(root_of(schemas, kind)) if "." in path]
    assert sorted(documented_fields(kind)) == sorted(in_schema)


# The ledger


NONCE = "0123456789abcdef0123456789abcdef"
RECORD = {
    "apiVersion": "credbroker.dev/v1alpha1", "kind": "IssuedCredential",
    "metadata": {"name": "record", "namespace": "credbroker-system"},
    "spec": {
        "hubID": "hub-k3v7q2ma",
        "request": {"namespace": "work", "name": "example", "uid": "4a1e"},
        "clusterProfile": {"namespace": "fleet-system", "name": "bravelion", "uid": "5b2f"},
        "memberUID": "6c30",
        "nonce": NONCE,
        "objects": [
            {"kind": "ServiceAccount", "namespace": "default", "name": "work", "uid": "7d41"},
            {"kind": "ClusterRoleBinding", "name": "cb-abc", "requestedName": "cluster-admin"}],
        "generation": 2,
        "anchors": [
            {"generation": 1, "namespace": "default", "name": "anchor-1", "uid": "8e52",
             "jti": "9f63", "issuedAt": "2026-01-01T00:00:00Z",
             "expirationTimestamp": "2026-01-01T01:00:00Z"},
            {"generation": 2, "namespace": "default", "name": "anchor-2",
             "expirationTimestamp": SOON}],
        "secret": {"namespace": "work", "name": "example", "uid": "a074"},
        "state": "RevocationPending",
        "revocation": {"reason": "MemberUnreachable", "since": "2026-01-01T00:30:00Z",
                       "lastTryTime": "2026-01-01T00:30:00Z"},
        "lastExpirationTimestamp": SOON,
    },
}


def record_with(**fields):
    return {**RECORD, "spec": with_fields(RECORD["spec"], fields)}


def named(record, name):
    return {**record, "metadata": {**record["metadata"], "name": name}}


def test_one_put_writes_the_whole_record(hub, schemas):
    assert "subresources" not in schemas["IssuedCredential"][1]
    assert hub.write("create", named(RECORD, "whole")).returncode == 0
    kept = hub.read("get", "icred", "-n", "credbroker-system", "whole")
    assert kept["spec"] == RECORD["spec"]


def test_a_record_says_what_was_made_for_whom_until_when(hub):
    assert hub.write("create", named(RECORD, "printed")).returncode == 0
    row = cells(hub.ok("get", "icred", "-n", "credbroker-system", "printed"))
    wide = cells(hub.ok("get", "icred", "-n", "credbroker-system", "printed", "-o", "wide"))
    assert row.pop("AGE")
    assert row == {
        "NAME": "printed", "REQUEST-NAMESPACE": "work", "REQUEST": "example",
        "PROFILE": "bravelion", "SERVICEACCOUNT": "work", "STATE": "RevocationPending",
        "REASON": "MemberUnreachable", "EXPIRES": SOON}
    assert (wide["MEMBER"], wide["GENERATION"]) == ("6c30", "2")


@pytest.mark.parametrize(
    "field", ["hubID", "request", "clusterProfile", "memberUID", "nonce", "generation"])
def test_a_record_without_this_is_refused(hub, field):
    result = hub.write("create", named(record_with(**{field: None}), "incomplete"))
    assert f"spec.{field}: Required value" in result.stderr


def test_a_record_without_a_spec_is_refused(hub):
    record = {name: value for name, value in named(RECORD, "empty").items() if name != "spec"}
    assert "spec: Required value" in hub.write("create", record).stderr


@pytest.mark.parametrize("part", ["namespace", "name", "uid"])
@pytest.mark.parametrize("field", ["request", "clusterProfile"])
def test_a_record_with_half_a_reference_is_refused(hub, field, part):
    reference = with_fields(RECORD["spec"][field], {part: None})
    result = hub.write("create", named(record_with(**{field: reference}), "half"))
    assert f"spec.{field}.{part}: Required value" in result.stderr


@pytest.mark.parametrize("field, value, message", [
    ("anchors", [{"generation": 1}], "spec.anchors[0].name: Required value"),
    ("anchors", [{"generation": 0, "namespace": "a", "name": "a"}], "spec.anchors[0].generation"),
    ("objects", [{"kind": "Role"}], "spec.objects[0].name: Required value"),
    ("secret", {"namespace": "work"}, "spec.secret.name: Required value"),
    ("nonce", NONCE[:-1], "spec.nonce"),
    ("nonce", NONCE.upper(), "spec.nonce"),
    ("hubID", "Hub_1", "spec.hubID"),
    ("hubID", "h" * 64, "may not be more than 63"),
    ("generation", 0, "spec.generation"),
    ("epoch", 0, "spec.epoch"),
    ("epoch", 1 << 31, "spec.epoch"),
    ("generation", 1, "an anchor must not have a generation above spec.generation"),
    ("anchors", RECORD["spec"]["anchors"][:1] * 2, "Duplicate value"),
    ("objects", [{"kind": "Secret", "name": "one"}], 'supported values: "ServiceAccount", "Role"'),
    ("objects", [{"kind": "Role", "name": "one"}] * 97, "must have at most 96 items"),
])
def test_a_record_with_a_bad_value_is_refused(hub, field, value, message):
    result = hub.write("create", named(record_with(**{field: value}), "bad"))
    assert result.returncode != 0
    assert message in result.stderr


def test_the_largest_request_fits_into_one_record(hub):
    # One ServiceAccount, and 20 roles and 20 cluster roles with a binding each.
    kinds = ["ServiceAccount"] + ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"] * 20
    objects = [{"kind": kind, "name": "n" * 253, "requestedName": "r" * 253, "uid": "u" * 36}
               for kind in kinds]
    assert hub.write("create", named(record_with(objects=objects), "largest")).returncode == 0


@pytest.mark.parametrize("field, value, message", [
    ("hubID", "another", "hubID is immutable"),
    ("request", {**RECORD["spec"]["request"], "uid": "other"}, "request is immutable"),
    ("clusterProfile", {**RECORD["spec"]["clusterProfile"], "uid": "other"},
     "clusterProfile is immutable"),
    ("memberUID", "other", "memberUID is immutable"),
    ("nonce", NONCE[::-1], "nonce is immutable"),
    ("generation", 1, "generation may not decrease"),
    ("epoch", 1, "epoch may not decrease"),
])
def test_a_record_keeps_what_it_said_first(hub, field, value, message):
    name = f"keeps-{field.lower()}"
    record = named(record_with(anchors=None, epoch=2), name)
    assert hub.write("create", record).returncode == 0
    result = hub.write("replace", {**record, "spec": {**record["spec"], field: value}})
    assert result.returncode != 0
    assert message in result.stderr


def test_a_record_follows_the_work(hub):
    assert hub.write("create", named(RECORD, "follows")).returncode == 0
    later = record_with(
        generation=3, epoch=1, anchors=[{"generation": 3, "namespace": "default", "name": "anchor-3"}],
        objects=RECORD["spec"]["objects"][:1], secret=None)
    result = hub.write("replace", named(later, "follows"))
    assert result.returncode == 0, result.stderr


# The inventory


PROFILE = {
    "apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ClusterProfile",
    "metadata": {"name": "bravelion", "namespace": "work"},
    "spec": {"displayName": "bravelion", "clusterManager": {"name": "fleet"}},
}
PROVIDER = {
    "name": "broker",
    "cluster": {
        "server": "https://192.0.2.1:6443", "certificate-authority-data": "AAAA",
        "extensions": [
            {"name": "client.authentication.k8s.io/exec", "extension": {"clusterName": "a"}}]},
}


def test_a_cluster_profile_keeps_its_manager_and_what_is_known_of_it(hub):
    assert hub.write("create", PROFILE).returncode == 0
    status = {
        "version": {"kubernetes": "v1.36.0"}, "properties": [{"name": "region", "value": "eu"}],
        "accessProviders": [PROVIDER], "credentialProviders": [PROVIDER],
        "conditions": [{"type": "ControlPlaneHealthy", "status": "True", "reason": "Healthy",
                        "message": "", "lastTransitionTime": SOON}]}
    hub.ok("patch", "clusterprofile", "-n", "work", "bravelion", "--subresource=status",
           "--type=merge", "-p", json.dumps({"status": status}))
    assert hub.read("get", "clusterprofile", "-n", "work", "bravelion")["status"] == status
    other = {**PROFILE, "spec": {"clusterManager": {"name": "another"}}}
    assert "ClusterManager is immutable" in hub.write("replace", other).stderr


@pytest.mark.parametrize(
    "field", ["conditions", "properties", "accessProviders", "credentialProviders"])
def test_several_writers_can_share_a_list_of_a_cluster_profile(schemas, field):
    lists = root_of(schemas, "ClusterProfile")["properties"]["status"]["properties"]
    assert lists[field]["x-kubernetes-list-type"] == "map"
