"""The CRD of RBACTemplate and the shipped templates on a real API server."""

import json
import os
import pathlib
import re
import subprocess

import pytest

from kube_api import KubeApi, path
from testbed import ControlPlane

ROOT = pathlib.Path(__file__).resolve().parents[2]
CRD = ROOT / "deploy/crds/credbroker.dev_rbactemplates.yaml"
TEMPLATES = sorted((ROOT / "deploy/templates").glob("*.yaml"))
DATA = ROOT / "tests/data/templates"
PATH = "/apis/credbroker.dev/v1alpha1/rbactemplates"
RBAC = "rbac.authorization.k8s.io"

REFUSED = json.loads((DATA / "refused.json").read_text(encoding="utf-8"))
RENDERED = json.loads((DATA / "rendered.json").read_text(encoding="utf-8"))

# What only the broker refuses: whether names and values belong together. The API server lets these
# in, leaves out what is null, and does not know POSIX's expressions.
BROKER_ALONE = re.compile(
    "an unknown placeholder in|an unknown placeholder as|a list as a name|(is|are) null|"
    "does not match|a pattern that is none|a pattern with a large bound")

RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
VIEW = {"clusterRoles": [{"name": "view"}]}

# What a request would say, for those that have parameters.
PARAMETERS = {"argocd-manager-namespaced": [{"name": "namespace", "value": "team-a"}]}


def probe_program():
    places = [os.environ.get("TEMPLATE_PROBE")]
    if "KUBE_PROBE" in os.environ:
        places.append(pathlib.Path(os.environ["KUBE_PROBE"]).with_name("template_probe"))
    places += [ROOT / "build" / preset / "template_probe" for preset in ("asan", "dev", "release")]
    for place in places:
        if place and os.access(place, os.X_OK):
            return str(place)
    raise FileNotFoundError("template_probe is not built (TEMPLATE_PROBE names it)")


def render(template, **given):
    question = json.dumps({"template": template, "input": given}) + "\n"
    done = subprocess.run([probe_program()], input=question, capture_output=True, text=True,
                          timeout=60, check=True)
    return json.loads(done.stdout)


def template_of(spec):
    return {"apiVersion": "credbroker.dev/v1alpha1", "kind": "RBACTemplate",
            "metadata": {"name": "sample"}, **({} if spec is None else {"spec": spec})}


@pytest.fixture(scope="module")
def plane(own_name):
    with ControlPlane(own_name("hub")) as plane:
        plane.kubectl("create", "-f", CRD)
        plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        # The schema of a new CRD is published a moment after it is served.
        for _ in range(100):
            if plane.run("explain", "rbactmpl").returncode == 0:
                break
        plane.kubectl("create", "namespace", "team-a")
        yield plane


@pytest.fixture(scope="module")
def api(plane):
    return KubeApi.as_admin(plane)


@pytest.fixture(scope="module")
def create(api):
    """Creates a template in a dry run; returns what the API server says against it."""

    def send(spec):
        reply = api.call("POST", PATH + "?dryRun=All&fieldValidation=Strict", template_of(spec))
        return "" if reply.status == 201 else reply.body["message"]

    return send


@pytest.fixture(scope="module")
def schema(plane):
    crd = json.loads(plane.kubectl("create", "--dry-run=client", "-o", "json", "-f", CRD))
    (version,) = crd["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]


def test_what_the_broker_refuses_is_refused_at_once(create):
    wrong = [row["what"] for row in REFUSED
             if bool(create(row.get("spec"))) == bool(BROKER_ALONE.search(row["what"]))]
    assert len(REFUSED) > 90
    assert not wrong


def test_what_the_broker_takes_is_accepted(create):
    refused = {row["what"]: create(row["spec"]) for row in RENDERED}
    assert not {what: said for what, said in refused.items() if said}


def parameter(**fields):
    return {**VIEW, "parameters": [{"name": "x", **fields}]}


def variable(**source):
    return {**VIEW, "variables": [{"name": "x", "from": source}]}


MESSAGES = [
    ({}, "the template gives no rights: write clusterRoles or roles"),
    ({**VIEW, "parameters": [{"name": "X"}]},
     "name must be a lower-case letter, then letters and digits"),
    ({**VIEW, "parameters": [{"name": "x"}] * 2}, "Duplicate value"),
    ({**parameter(), "variables": [{"name": "x", "from": {"field": "name"}}]},
     "a parameter and a variable must not have the same name: give one of them another"),
    (parameter(type="Integer"), 'type must be "String" or "StringList"; leave it out for String'),
    (parameter(pattern="[0-9] "), "pattern must be ASCII without blanks"),
    (parameter(pattern="\\d+"), 'with "[0-9]" instead of "\\d"'),
    (parameter(pattern="(a)\\1"), "without back-references"),
    (parameter(default="*"), 'a value must be ASCII without blanks and without "*"'),
    (parameter(type="StringList", default="a"), 'a StringList has "defaults", a list: write that'),
    (parameter(defaults=["a"]), 'a String has "default", one value: write that'),
    (variable(), 'from must have exactly one of "field", "label" and "property"'),
    (variable(field="name", label="a"), "exactly one of"),
    (variable(field="uid"), 'field must be "name" or "namespace"'),
    (variable(label="a b"), "label must be ASCII without blanks"),
    ({"clusterRoles": [{"name": "a/b"}]}, 'such as "job-runner", or a placeholder such as "$(role)"'),
    ({"clusterRoles": [{"name": "a-$(x)"}]}, 'or a placeholder such as "$(role)"'),
    ({"roles": [{"namespace": "Team", "name": "r"}]}, 'or a placeholder such as "$(namespace)"'),
    ({"clusterRoles": [{"name": "r", "rules": [{**RULE, "resources": ["pods/$(x)"]}]}]},
     "parts of a string are not replaced"),
    ({"clusterRoles": [{"name": "r"}, {"name": "r"}]}, "put all of its rules into one entry"),
    ({"roles": [{"namespace": "a", "name": "r"}] * 2}, "put all of its rules into one entry"),
    ({"clusterRoles": [{"name": "r", "rules": [{**RULE, "verbs": []}]}]},
     'verbs must name at least one verb, such as "get"'),
    ({"clusterRoles": [{"name": "r", "rules": [{"verbs": ["get"], "resources": ["pods"]}]}]},
     "a rule must have apiGroups and resources"),
    ({"clusterRoles": [{"name": "r", "rules": [{**RULE, "nonResourceURLs": ["/a"]}]}]},
     "nonResourceURLs and resources do not mix: write two rules"),
    ({"roles": [{"namespace": "a", "name": "r", "rules": [
        {"verbs": ["get"], "nonResourceURLs": ["/a"]}]}]},
     "nonResourceURLs hold for the whole cluster: put this rule into clusterRoles"),
]


@pytest.mark.parametrize("spec, message", MESSAGES, ids=[message[:40] for _, message in MESSAGES])
def test_a_refusal_says_what_to_write_instead(create, spec, message):
    said = create(spec)
    assert message in said
    assert "should match" not in said, "a regular expression is no advice"


def fields_of(schema, below=""):
    if schema.get("type") == "array":
        yield from fields_of(schema["items"], below + "[]")
    for name, child in schema.get("properties", {}).items():
        yield f"{below}.{name}", child
        yield from fields_of(child, f"{below}.{name}")


def test_every_field_has_a_description_and_a_cap_and_no_default(schema):
    fields = list(fields_of(schema))
    assert not [name for name, field in fields
                if not re.fullmatch(r"[A-Z].*\.", field.get("description", ""))]
    leaves = [(name, field.get("items", field)) for name, field in fields]
    assert not [name for name, field in leaves
                if field["type"] == "string" and "maxLength" not in field]
    assert not [name for name, field in fields
                if field["type"] == "array" and "maxItems" not in field]
    assert not [name for name, field in fields if "default" in field]


def test_kubectl_shows_what_a_template_asks_for_and_is_for(plane):
    shipped = ROOT / "deploy/templates/argocd-manager-namespaced.yaml"
    plane.kubectl("create", "--validate=strict", "-f", shipped)
    header, row = plane.kubectl("get", "rbactmpl", "argocd-manager-namespaced").splitlines()
    plane.kubectl("delete", "-f", shipped)
    assert header.split() == ["NAME", "PARAMETERS", "DESCRIPTION", "AGE"]
    assert row.split()[:3] == ["argocd-manager-namespaced", "namespace", "Everything"]


@pytest.fixture(params=TEMPLATES, ids=lambda template: template.stem)
def shipped(request, plane):
    """A shipped template as the API server keeps it."""
    return json.loads(plane.kubectl("create", "--dry-run=server", "--validate=strict", "-o", "json",
                                    "-f", request.param))


def test_a_shipped_template_says_what_it_is_and_where_it_comes_from(shipped):
    spec = shipped["spec"]
    assert spec["description"].endswith(".")
    assert spec["source"].startswith("https://")
    assert all(parameter["description"] for parameter in spec.get("parameters", []))


def role_of(kind, entry):
    metadata = {"name": "rendered", "namespace": entry.get("namespace")}
    return {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata, "rules": entry["rules"]}


def test_what_a_shipped_template_gives_is_accepted_by_a_member(shipped, api):
    name = shipped["metadata"]["name"]
    answer = render(shipped, parameters=PARAMETERS.get(name, []), name="member-1",
                    namespace="fleet-system")
    assert answer.keys() == {"rendered"}, answer
    rendered = answer["rendered"]
    assert rendered["clusterRoles"] or rendered["roles"]
    assert "$(" not in json.dumps(rendered)
    for kind, entries in (("ClusterRole", rendered["clusterRoles"]), ("Role", rendered["roles"])):
        for entry in entries:
            if "rules" not in entry:
                assert api.get(path(kind.lower() + "s", entry.get("namespace"), entry["name"]))
                continue
            where = path(kind.lower() + "s", entry.get("namespace"))
            reply = api.call("POST", where + "?dryRun=All&fieldValidation=Strict",
                             role_of(kind, entry))
            assert reply.status == 201, reply.body
            assert reply.body["rules"] == entry["rules"]
