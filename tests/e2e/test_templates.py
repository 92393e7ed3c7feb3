"""Rights by RBACTemplate: what a template says is what is on the member, also when it changes."""

import json

import pytest

from fleet import BINDABLE, IDENTITIES, TEAM, Fleet, eventually, program
from kube_api import KubeApi, path
from testbed import ROOT

TEMPLATE = "jobs"


def rule(verbs, resource="jobs", group="batch", **more):
    return {"apiGroups": [group], "resources": [resource], "verbs": verbs, **more}


def template(name=TEMPLATE, parameters=(), variables=(), roles=(), cluster_roles=()):
    return {"apiVersion": "credbroker.dev/v1alpha1", "kind": "RBACTemplate",
            "metadata": {"name": name},
            "spec": {"description": "for a test", "parameters": list(parameters),
                     "variables": list(variables), "roles": list(roles),
                     "clusterRoles": list(cluster_roles)}}


NAMESPACED = template(
    parameters=[{"name": "namespace", "type": "String", "description": "where",
                 "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
                {"name": "names", "type": "StringList", "description": "which", "defaults": ["one"]}],
    roles=[{"namespace": "$(namespace)", "name": "worker",
            "rules": [rule(["get"], resourceNames=["$(names)"])]}])


ALLOWED = [{"name": TEMPLATE, "parameters": [
    {"name": "namespace", "values": ["apps"]}, {"name": "names", "values": ["one", "two"]}]}]


@pytest.fixture(name="fleet", scope="module")
def whole_fleet():
    with Fleet("hub-templates", "member-t") as fleet:
        fleet.member = "member-t"
        fleet.broker()
        yield fleet


@pytest.fixture(name="ask")
def asker(fleet):
    """Asks with templates, and gives everything back."""
    names = []

    def ask(name, *templates, allowed=ALLOWED, **spec):
        names.append(name)
        fleet.policy.templates = allowed
        fleet.policy.apply()
        fleet.request(name, fleet.member, clusterRoles=[], templates=list(templates), **spec)
        return name

    yield ask
    for name in names:
        fleet.delete(name)
    assert fleet.nothing_is_left()


def uses(namespace=None, names=None):
    parameters = [{"name": "namespace", "value": namespace}] if namespace else []
    parameters += [{"name": "names", "values": names}] if names else []
    return {"name": TEMPLATE, "parameters": parameters}


def client(credential):
    return KubeApi.of_kubeconfig(json.loads(credential["kubeconfig"]))


def on_member(fleet, resource, namespace=None):
    found = fleet.apis[fleet.member].items(path(resource, namespace)) if namespace else \
        fleet.apis[fleet.member].items(path(resource))
    return [item for item in found
            if item["metadata"].get("labels", {}).get("app.kubernetes.io/managed-by") == "credbroker"]


def test_parameters_are_filled_in_and_the_credential_works(fleet, ask):
    fleet.hub.apply(NAMESPACED)
    name = ask("filled", uses("apps", ["one", "two"]))
    fleet.wait_ready(name)
    role = on_member(fleet, "roles", "apps")[0]
    assert role["rules"] == [rule(["get"], resourceNames=["one", "two"])]
    assert role["metadata"]["annotations"]["credbroker.dev/requested-name"] == "jobs:worker"
    with_it = client(fleet.credential(name))
    assert with_it.call("GET", path("jobs", "apps", "one")).status == 404  # allowed, not there
    assert with_it.call("GET", path("jobs", "apps", "three")).status == 403
    assert with_it.call("GET", path("jobs", "default", "one")).status == 403


def test_a_value_that_no_policy_allows_is_denied(fleet, ask):
    fleet.hub.apply(NAMESPACED)
    name = ask("elsewhere", uses("default"))
    assert "namespace" in fleet.wait_reason(name, "TemplateNotAllowed")["message"]
    assert on_member(fleet, "serviceaccounts") == []


def test_a_value_that_the_pattern_refuses_is_told(fleet, ask):
    fleet.hub.apply(NAMESPACED)
    name = ask("missing", uses(None))
    assert "namespace" in fleet.wait_reason(name, "TemplateInvalid")["message"]
    assert on_member(fleet, "serviceaccounts") == []


def test_a_template_that_comes_later_is_waited_for(fleet, ask):
    fleet.hub.kubectl("delete", "rbactemplate", TEMPLATE, "--ignore-not-found")
    name = ask("early", uses("apps"))
    assert TEMPLATE in fleet.wait_reason(name, "TemplateNotFound")["message"]
    fleet.hub.apply(NAMESPACED)
    fleet.wait_ready(name)


def test_what_a_template_gives_follows_it(fleet, ask):
    fleet.hub.apply(template(cluster_roles=[{"name": "reader", "rules": [rule(["get"])]}]))
    name = ask("follows", {"name": TEMPLATE})
    fleet.wait_ready(name)
    with_it = client(fleet.credential(name))
    assert with_it.call("GET", path("jobs", TEAM)).status == 403

    more = template(cluster_roles=[{"name": "reader", "rules": [rule(["get", "list"])]},
                                   {"name": BINDABLE}])
    fleet.hub.apply(more)
    eventually(lambda: with_it.call("GET", path("jobs", "apps")).status == 200)
    eventually(lambda: with_it.call("GET", path("pods", "apps")).status == 200)
    assert len(on_member(fleet, "clusterroles")) == 1
    assert len(on_member(fleet, "clusterrolebindings")) == 2

    fleet.hub.apply(template(cluster_roles=[{"name": BINDABLE}]))
    eventually(lambda: with_it.call("GET", path("jobs", "apps")).status == 403)
    assert with_it.call("GET", path("pods", "apps")).status == 200
    eventually(lambda: on_member(fleet, "clusterroles") == [])
    assert len(on_member(fleet, "clusterrolebindings")) == 1


def test_a_template_above_the_brokers_own_rights_is_refused_by_the_member(fleet, ask):
    fleet.hub.apply(template(cluster_roles=[{"name": "reader", "rules": [rule(["get"])]}]))
    name = ask("above", {"name": TEMPLATE})
    fleet.wait_ready(name)
    fleet.hub.apply(template(cluster_roles=[{"name": "reader", "rules": [
        rule(["get"]), rule(["get"], "secrets", "")]}]))
    eventually(lambda: "may not grant" in fleet.condition(name)["message"])
    assert fleet.condition(name)["status"] == "True", "what was given before still works"
    assert on_member(fleet, "clusterroles")[0]["rules"] == [rule(["get"])]


def test_a_shipped_template_works_with_the_rights_that_are_printed_for_it(fleet, ask):
    file = ROOT / "deploy/templates/multikueue-worker.yaml"
    fleet.hub.kubectl("apply", "-f", file)
    member = fleet.members[fleet.member]
    member.kubectl("apply", "-f", "-", stdin=program(
        "member-rbac", "--identity-namespace", IDENTITIES, "--template", file))
    name = ask("worker", {"name": "multikueue-worker"}, allowed=[{"name": "multikueue-worker"}])
    fleet.wait_ready(name)
    with_it = client(fleet.credential(name))
    assert with_it.call("GET", path("jobs", "apps")).status == 200
    assert with_it.call("GET", path("pods", "apps")).status == 200
    assert with_it.call("GET", path("secrets", "apps")).status == 403
