"""`credbroker policy test` says what the controller does: same decision, same objects."""

import json
import os
import subprocess

import pytest

from fleet import BINDABLE, CREDBROKER, IDENTITIES, OWN, PROFILES, TEAM, Fleet
from kube_api import path
from testbed import kubeconfig

TEMPLATE = "jobs"
MARK = "credbroker.dev/mark"
RESOURCES = {"ServiceAccount": "serviceaccounts", "Secret": "secrets", "Role": "roles",
             "RoleBinding": "rolebindings", "ClusterRole": "clusterroles",
             "ClusterRoleBinding": "clusterrolebindings"}


def rule(*verbs):
    return {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": list(verbs)}


TEMPLATE_OBJECT = {
    "apiVersion": "credbroker.dev/v1alpha1", "kind": "RBACTemplate", "metadata": {"name": TEMPLATE},
    "spec": {"description": "for a test",
             "parameters": [{"name": "where", "type": "String", "description": "where"}],
             "roles": [{"namespace": "$(where)", "name": "worker", "rules": [rule("get", "list")]}],
             "clusterRoles": [{"name": BINDABLE}]}}
USE_TEMPLATE = [{"name": TEMPLATE, "parameters": [{"name": "where", "value": "apps"}]}]
POLICY = {
    "apiVersion": "credbroker.dev/v1alpha1", "kind": "AccessPolicy", "metadata": {"name": "team"},
    "spec": {"subjects": [{"namespaces": [TEAM]}], "clusterProfiles": [{"namespaces": [PROFILES]}],
             "allow": {"clusterRules": [rule("get", "list", "watch")], "clusterRoles": [BINDABLE],
                       "identities": [{"namespace": IDENTITIES}],
                       "templates": [{"name": "absent"}, {"name": TEMPLATE, "parameters": [
                           {"name": "where", "values": ["apps"]}]}]}}}
OTHER_POLICY = {**POLICY, "metadata": {"name": "others"},
                "spec": {**POLICY["spec"], "subjects": [{"users": ["jane"], "groups": ["ops"]}]}}


def run(*arguments, stdin=""):
    environment = {key: value for key, value in os.environ.items() if "KUBERNETES" not in key}
    return subprocess.run([CREDBROKER, "policy", "test", *map(str, arguments)], input=stdin,
                          capture_output=True, text=True, timeout=90, check=False, env=environment)


def reports(*arguments, code=0, stdin=""):
    done = run(*arguments, "-o", "json", stdin=stdin)
    assert (done.returncode, done.stderr) == (code, ""), done
    return json.loads(done.stdout)["requests"]


def trouble(*arguments, stdin=""):
    done = run(*arguments, stdin=stdin)
    assert done.returncode == 2 and done.stdout == "", done
    [line] = done.stderr.splitlines()
    assert line.startswith("credbroker: ")
    return line


def request_object(name, profile, **spec):
    wanted = {"targetClusterProfile": {"kind": "ClusterProfile", "name": profile,
                                       "namespace": PROFILES},
              "serviceAccountName": name, **spec}
    return {"apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "AuthTokenRequest",
            "metadata": {"name": name, "namespace": TEAM}, "spec": wanted}


@pytest.fixture(name="write")
def writer(tmp_path):
    def write(name, *objects):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n---\n".join(json.dumps(one) for one in objects))
        return file
    return write


# Without a hub.

HERE = {"apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ClusterProfile",
        "metadata": {"name": "m", "namespace": PROFILES}, "spec": {}}
RULES = [{"name": "r", "rules": [rule("get")]}]


@pytest.fixture(name="offline")
def offline_flags(write):
    return ["--policies", write("policies.yaml", POLICY, OTHER_POLICY, TEMPLATE_OBJECT, HERE)]


def test_the_worst_of_several_requests_is_the_exit_code(write, offline):
    good = request_object("good", "m", clusterRoles=RULES)
    bad = request_object("bad", "m", credential={"expirationSeconds": 86400})
    file = write("requests.yaml", good, bad)
    one, other = reports("-f", file, *offline, code=1)
    assert one["allowed"] and one["policy"] == "team" and one["request"] == f"{TEAM}/good"
    assert not other["allowed"] and other["reason"] == "LifetimeNotAllowed"
    assert [policy["refuses"] for policy in other["policies"]] == ["lifetime", "subjects"]
    assert len(reports("-f", write("good.json", good), "-f", "-", *offline,
                       stdin=json.dumps(good))) == 2


def test_text_is_a_stream_of_the_objects(write, offline):
    done = run("-f", write("r.yaml", request_object("r", "m", templates=USE_TEMPLATE)), *offline)
    assert done.returncode == 0
    assert "allowed by AccessPolicy team" in done.stdout
    assert "others: stops at subjects" in done.stdout
    documents = done.stdout.split("\n---\n")
    assert all(line.startswith("# ") for line in documents[0].splitlines())
    assert [document.split("kind: ")[1].split("\n")[0] for document in documents[1:]] == \
        ["ServiceAccount", "Role", "RoleBinding", "ClusterRoleBinding", "Secret"]


def test_who_asks_can_be_assumed(write, offline):
    file = write("r.yaml", {**request_object("r", "m", clusterRoles=RULES),
                            "metadata": {"name": "r", "namespace": "elsewhere"}})
    assert reports("-f", file, *offline, code=1)[0]["reason"] == "PolicyMissing"
    assert reports("-f", file, *offline, "--as", "jane", code=1)[0]["reason"] == "PolicyMissing"
    [report] = reports("-f", file, *offline, "--as", "jane", "--as-group", "ops")
    assert report["policy"] == "others" and "proves" in " ".join(report["notes"])
    assert "--as" in trouble("-f", file, *offline, "--as-group", "ops")


@pytest.mark.parametrize("spec, reason, word", [
    ({"templates": [{"name": "absent"}]}, "TemplateNotFound", "absent"),
    ({"templates": [{"name": TEMPLATE}]}, "TemplateInvalid", "where"),
    ({"targetClusterProfile": {"name": "gone", "namespace": PROFILES}}, "ClusterProfileNotFound",
     "does not exist"),
    ({"serviceAccountName": ""}, "InvalidRequest", "serviceAccountName")])
def test_what_is_allowed_and_cannot_be_served_is_told(write, offline, spec, reason, word):
    [report] = reports("-f", write("r.yaml", request_object("r", "m", **spec)), *offline, code=1)
    assert report["reason"] == reason and word in report["message"]
    assert "objects" not in report


@pytest.mark.parametrize("text, word", [
    ("a: [", "malformed at line"), ("\x00\x01\xff", "YAML"), ("- a\n", "no mapping"),
    ("", "no AuthTokenRequest"), ("kind: AuthTokenRequest\n", "apiVersion"),
    ("apiVersion: multicluster.x-k8s.io/v1\nkind: AuthTokenRequest\n", "no kind AuthTokenRequest"),
    ("apiVersion: credbroker.dev/v1alpha1\nkind: AccesPolicy\n", "no kind AccesPolicy"),
    ("apiVersion: multicluster.x-k8s.io/v1alpha1\nkind: AuthTokenRequest\n", "metadata.namespace"),
    ("huge", "too large")])
def test_files_that_hold_something_else_are_named(tmp_path, offline, text, word):
    file = tmp_path / "requests.yaml"
    file.write_text("x: y\n" * 2000000 if text == "huge" else text, encoding="latin-1")
    line = trouble("-f", file, *offline)
    assert str(file) in line and word in line


def test_a_policy_that_cannot_be_read_is_named(write, offline):
    request = write("r.yaml", request_object("r", "m"))
    broken = write("broken.yaml", {**POLICY, "spec": {**POLICY["spec"], "allows": {}}})
    line = trouble("-f", request, *offline, "--policies", broken)
    assert str(broken) in line and "team" in line and "allows" in line
    assert "absent" in trouble("-f", request, "--policies", "absent")
    assert "absent" in trouble("-f", request, "--kubeconfig", "absent")
    assert "KUBERNETES_SERVICE_HOST" in trouble("-f", request)
    assert "--filename is required" in trouble()


# With a hub.


@pytest.fixture(name="fleet", scope="module")
def whole_fleet(own_name):
    with Fleet(own_name("hub"), own_name("member")) as fleet:
        [fleet.member] = fleet.members
        fleet.hub.apply(TEMPLATE_OBJECT, POLICY, OTHER_POLICY)
        fleet.policy.withdraw()
        fleet.broker()
        yield fleet


def ask(fleet, write, wanted, code=0):
    """Tests WANTED before it is there, then creates it and tests what is there."""
    flags = ("--kubeconfig", fleet.hub.kubeconfig)
    [before] = reports("-f", write("before.yaml", wanted), *flags, code=code)
    fleet.hub_api.create(path("authtokenrequests", TEAM), wanted)
    live = fleet.get_request(wanted["metadata"]["name"])
    [after] = reports("-f", write("after.json", live), *flags, code=code)
    return before, after


@pytest.mark.parametrize("name, spec, reason", [
    ("rules", {"clusterRoles": [{"name": "r", "rules": [rule("delete")]}]}, "RulesNotAllowed"),
    ("role", {"clusterRoles": [{"name": "admin"}]}, "RoleNotAllowed"),
    ("identity", {"serviceAccountNamespace": "apps"}, "IdentityNotAllowed"),
    ("template", {"templates": [{"name": TEMPLATE, "parameters": [
        {"name": "where", "value": "kube-system"}]}]}, "TemplateNotAllowed"),
    ("audience", {"credential": {"audiences": ["x"]}}, "AudienceNotAllowed"),
    ("lifetime", {"credential": {"expirationSeconds": 7200}}, "LifetimeNotAllowed"),
    ("filling", {"templates": [{"name": TEMPLATE}]}, "TemplateInvalid"),
    ("absent", {"templates": [{"name": "absent"}]}, "TemplateNotFound"),
    ("profile", {"targetClusterProfile": {"name": "gone", "namespace": PROFILES}},
     "ClusterProfileNotFound")])
def test_it_refuses_in_the_words_of_the_controller(fleet, write, name, spec, reason):
    wanted = request_object(f"not-{name}", fleet.member, **spec)
    for report in ask(fleet, write, wanted, code=1):
        condition = fleet.wait_reason(f"not-{name}", reason)
        assert (report["reason"], report["message"]) == (reason, condition["message"])
    fleet.delete(f"not-{name}")


def bare(made):
    """An object as it was sent: without what the server adds, and what a nonce decides."""
    metadata = {key: made["metadata"][key] for key in ("name", "namespace", "labels", "annotations")
                if key in made["metadata"]}
    metadata["annotations"] = {key: value for key, value in metadata["annotations"].items()
                               if key != MARK}
    rest = {key: value for key, value in made.items() if key not in ("metadata", "data", "secrets")}
    return {**rest, "metadata": metadata}


def on_member(fleet, objects):
    """What is on the member by the names of OBJECTS, and how many of ours there are."""
    api = fleet.apis[fleet.member]
    for one in objects:
        where = path(RESOURCES[one["kind"]], one["metadata"].get("namespace"),
                     one["metadata"]["name"])
        yield api.get(where)


def test_what_it_prints_is_what_the_controller_makes(fleet, write):
    wanted = request_object(
        "made", fleet.member, templates=USE_TEMPLATE, credential={"expirationSeconds": 1200},
        clusterRoles=[{"name": "jobs", "rules": [rule("get", "list"), rule("watch")]}])
    before, after = ask(fleet, write, wanted)
    fleet.wait_ready("made")
    assert before["policy"] == after["policy"] == fleet.ledgers()[0]["spec"]["policy"]
    *objects, anchor = after["objects"]
    made = list(on_member(fleet, objects))
    assert [bare(one) for one in made] == [bare(one) for one in objects]
    assert len(objects) == 6
    ours = fleet.on_member(fleet.member)
    assert len(ours) == len(objects) + 1
    [secret] = [one for one in fleet.apis[fleet.member].items(path("secrets", IDENTITIES))
                if one["type"] == anchor["type"]]
    secret["metadata"]["name"] = anchor["metadata"]["name"]  # made of the nonce
    assert bare({"apiVersion": "v1", "kind": "Secret", **secret}) == bare(anchor)
    assert after["tokenRequest"]["spec"]["expirationSeconds"] == 1200

    text = run("-f", write("again.yaml", {**wanted, "metadata": {
        "name": "again", "namespace": TEAM}, "spec": {**wanted["spec"], "serviceAccountName": "b"}}),
        "--kubeconfig", fleet.hub.kubeconfig).stdout
    taken = fleet.members[fleet.member].kubectl("create", "--dry-run=server", "-f", "-", stdin=text)
    assert taken.count("created (server dry run)") == 7

    # Only the names and labels that a UID decides were others before there was one.
    assert [one.get("rules") for one in before["objects"]] == \
        [one.get("rules") for one in after["objects"]]
    assert before["objects"][0]["metadata"]["name"] == made[0]["metadata"]["name"]
    assert any("UID" in note for note in before["notes"])
    assert not any("UID" in note for note in after["notes"])
    fleet.delete("made")
    assert fleet.nothing_is_left()


def test_files_over_the_hub_and_instead_of_it(fleet, write):
    wanted = write("r.yaml", request_object("r", fleet.member, credential={
        "expirationSeconds": 7200}))
    flags = ("--kubeconfig", fleet.hub.kubeconfig)
    assert reports("-f", wanted, *flags, code=1)[0]["reason"] == "LifetimeNotAllowed"
    wider = {**POLICY, "spec": {**POLICY["spec"], "allow": {
        **POLICY["spec"]["allow"], "lifetime": {"minSeconds": 600, "maxSeconds": 7200}}}}
    [over] = reports("-f", wanted, *flags, "--policies", write("wider.yaml", wider))
    assert over["policy"] == "team"

    dumped = fleet.hub.kubectl("get", "accesspolicies,rbactemplates,clusterprofiles,namespaces",
                               "-A", "-o", "yaml")
    directory = write("dump/hub.yaml").parent
    (directory / "hub.yaml").write_text(dumped)
    hub_id = fleet.hub_api.get(path("configmaps", OWN, "credbroker-hub"))["data"]["hubID"]
    [of_hub] = reports("-f", wanted, *flags, code=1)
    assert reports("-f", wanted, "--policies", directory, "--hub-id", hub_id, code=1) == [of_hub]


def auditor(fleet, tmp_path, verbs):
    """The kubeconfig of somebody who may only look, in the ways of VERBS."""
    fleet.hub.kubectl("create", "serviceaccount", f"auditor-{verbs[0]}", "-n", "default")
    fleet.hub.apply(
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
         "metadata": {"name": f"auditor-{verbs[0]}"}, "rules": [
             {"apiGroups": ["credbroker.dev"], "resources": ["accesspolicies", "rbactemplates"],
              "verbs": list(verbs)},
             {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]},
             {"apiGroups": ["multicluster.x-k8s.io"], "resources": ["clusterprofiles"],
              "verbs": ["list"]}]},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
         "metadata": {"name": f"auditor-{verbs[0]}"},
         "subjects": [{"kind": "ServiceAccount", "name": f"auditor-{verbs[0]}",
                       "namespace": "default"}],
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                     "name": f"auditor-{verbs[0]}"}})
    token = fleet.hub.token(f"auditor-{verbs[0]}", "default")
    fleet.tokens.add(token)
    file = tmp_path / f"{verbs[0]}.kubeconfig"
    file.write_text(kubeconfig(fleet.hub.server, fleet.hub.ca_pem(), token))
    return file


def test_the_right_to_list_is_enough_and_missing_rights_are_named(fleet, write, tmp_path):
    wanted = write("r.yaml", request_object("r", fleet.member, clusterRoles=RULES))
    [report] = reports("-f", wanted, "--kubeconfig", auditor(fleet, tmp_path, ["list"]))
    assert report["allowed"] and any("--hub-id" in note for note in report["notes"])
    line = trouble("-f", wanted, "--kubeconfig", auditor(fleet, tmp_path, ["get"]))
    assert "Forbidden" in line and ".credbroker.dev" in line and fleet.hub.server in line


def test_every_page_of_a_list_is_read(fleet, write):
    """Pages have 500 objects; this profile is on the second."""
    for number in range(510):
        fleet.hub_api.create(path("clusterprofiles", PROFILES), {
            **HERE, "metadata": {"name": f"z-{number:03}", "namespace": PROFILES},
            "spec": {"displayName": "z", "clusterManager": {"name": "tests"}}})
    wanted = write("r.yaml", request_object("r", "z-509", clusterRoles=RULES))
    assert reports("-f", wanted, "--kubeconfig", fleet.hub.kubeconfig)[0]["policy"] == "team"
