"""Hand edits on a member: found by lists, confirmed by a look at the object, and put back."""

import collections
import json
import re

import pytest

from fault_proxy import rewrite
from fleet import BINDABLE, IDENTITIES, TEAM, Fleet, eventually
from inventory import Inventory
from kube_api import KubeApi, path

LIST = "labelSelector="
SINGLE = "/(serviceaccounts|roles|rolebindings|clusterroles|clusterrolebindings)/"
WRITES = ("POST", "PUT", "PATCH", "DELETE")
RULES = [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list"]}]
WIDER = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
JOBS_SOMEBODY = {"kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io"}


class Scene:
    """One credential with a Role, a ClusterRole and their bindings, on a member behind a proxy."""

    NAME = "edited"

    def __init__(self, fleet):
        self.fleet = fleet
        [self.profile] = fleet.members
        self.proxy = fleet.proxy(fleet.members[self.profile])
        self.member = fleet.apis[self.profile]
        self.stock = Inventory(fleet, self.profile)
        fleet.give_access(self.profile, server=self.proxy.url)
        self.serve()

    def serve(self):
        self.fleet.broker("--member-check-interval", "1s")

    def issue(self):
        self.fleet.request(self.NAME, self.profile, roles=[
            {"name": "worker", "namespace": "apps", "rules": RULES},
        ], clusterRoles=[{"name": "jobs", "rules": RULES}, {"name": BINDABLE}])
        self.fleet.wait_ready(self.NAME)
        self.stock.check_issued(self.NAME)

    def object(self, kind, requested=None):
        """The object of ours of that kind, as the record has it; the first one, or by its name in
        the request."""
        return next(item for item in self.stock.ledger(self.NAME)["objects"]
                    if item["kind"] == kind and requested in (None, item["requestedName"]))

    def where(self, kind, requested=None):
        resource = f"{kind.lower()}s"
        record = self.object(kind, requested)
        return path(resource, record.get("namespace"), record["name"])

    def get(self, kind, requested=None):
        return self.member.get(self.where(kind, requested))

    def edit(self, kind, patch):
        """As somebody on the member does; returns the object before that."""
        before = self.get(kind)
        self.member.merge(self.where(kind) + "?fieldManager=somebody", patch)
        return before

    def events(self, reason):
        uid = self.fleet.get_request(self.NAME)["metadata"]["uid"]
        return [event["note"] for event in self.fleet.hub_api.items(path("events", TEAM))
                if event["reason"] == reason and event["regarding"]["uid"] == uid]

    def wait_told(self, reason, *words):
        eventually(lambda: any(all(word in note for word in words) for note in self.events(reason)),
                   what=f"an Event {reason} with {words}")
        assert any(line.get("reason") == reason for line in self.fleet.brokers[-1].log())

    def wait_looks(self, count=2):
        """That many whole looks begin and end from now on."""
        self.proxy.forget()
        last = "/clusterrolebindings[?]"
        eventually(lambda: len([record for record in self.proxy.seen("GET", last)
                                if record.status]) > count, what=f"{count} looks at the member")

    def writes(self):
        return [record for method in WRITES for record in self.proxy.seen(method)]


@pytest.fixture(name="whole", scope="module")
def whole_scene(own_name):
    with Fleet(own_name("hub"), own_name("m1")) as fleet:
        yield Scene(fleet)
        fleet.brokers[-1].stop()


@pytest.fixture(name="scene")
def one_credential(whole):
    whole.issue()
    yield whole
    whole.proxy.forget()
    whole.fleet.delete(whole.NAME)
    eventually(lambda: not whole.fleet.ledgers(), what="the record is closed")


def test_one_list_for_each_kind_and_nothing_is_written(scene):
    others = [f"other-{number}" for number in range(4)]
    for name in others:
        scene.fleet.request(name, scene.profile)
    for name in others:
        scene.fleet.wait_ready(name)
    scene.wait_looks(1)
    scene.wait_looks(3)
    lists = [record.path for record in scene.proxy.seen("GET", LIST)]
    kinds = collections.Counter(re.sub("[?].*", "", where) for where in lists)
    assert len(kinds) == 5 and max(kinds.values()) - min(kinds.values()) <= 1, kinds
    assert all("hub-id" in where and "limit=" in where for where in lists)
    assert scene.writes() == []
    assert scene.proxy.seen("GET", SINGLE) == []
    for name in others:
        scene.fleet.delete(name)


def test_rules_that_were_widened_are_put_back(scene):
    before = scene.edit("ClusterRole", {"rules": WIDER})
    scene.wait_told("MemberObjectRestored", "ClusterRole", "rules", "last by somebody")
    after = scene.get("ClusterRole")
    assert after["rules"] == RULES
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def test_rules_that_were_narrowed_are_put_back(scene):
    scene.edit("Role", {"rules": None})
    scene.wait_told("MemberObjectRestored", "Role apps/", "rules")
    assert scene.get("Role")["rules"] == RULES
    api = KubeApi.of_kubeconfig(json.loads(scene.fleet.credential(scene.NAME)["kubeconfig"]))
    assert api.call("GET", path("jobs", "apps")).status == 200


def test_rules_that_others_would_fill_in_are_put_back(scene):
    selector = {"clusterRoleSelectors": [{"matchLabels": {"drift": "yes"}}]}
    scene.edit("ClusterRole", {"aggregationRule": selector, "rules": WIDER})
    scene.wait_told("MemberObjectRestored", "ClusterRole", "aggregationRule", "made anew")
    eventually(lambda: (scene.get("ClusterRole") or {}).get("rules") == RULES, what="our rules")
    assert "aggregationRule" not in scene.get("ClusterRole")
    scene.stock.check_issued(scene.NAME)


def test_a_subject_that_was_added_is_taken_away(scene):
    scene.edit("ClusterRoleBinding", {"subjects": [JOBS_SOMEBODY]})
    scene.wait_told("MemberObjectRestored", "ClusterRoleBinding", "subjects")
    [subject] = scene.get("ClusterRoleBinding")["subjects"]
    assert subject["name"] == scene.NAME


def test_the_binding_of_an_existing_role_is_put_back(scene):
    where = scene.where("ClusterRoleBinding", BINDABLE)
    subjects = scene.member.get(where)["subjects"]
    scene.member.merge(where, {"subjects": subjects + [JOBS_SOMEBODY]})
    scene.wait_told("MemberObjectRestored", BINDABLE, "subjects")
    assert scene.member.get(where)["subjects"] == subjects


@pytest.mark.parametrize("kind", ["Role", "ClusterRole", "RoleBinding"])
def test_what_was_deleted_is_made_anew_and_goes_on_record(scene, kind):
    before = scene.get(kind)
    scene.member.delete(scene.where(kind))
    scene.wait_told("MemberObjectRestored", kind, "deleted")
    scene.stock.check_issued(scene.NAME)
    assert scene.get(kind)["metadata"]["uid"] != before["metadata"]["uid"]


def test_a_binding_that_was_replaced_is_a_conflict_and_stays(scene):
    before = scene.get("RoleBinding")
    where = scene.where("RoleBinding")
    foreign = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
               "metadata": {key: before["metadata"][key]
                            for key in ("name", "namespace", "labels", "annotations")},
               "roleRef": {**before["roleRef"], "kind": "ClusterRole", "name": "view"},
               "subjects": before["subjects"]}
    scene.member.delete(where)
    foreign = scene.member.create(path("rolebindings", "apps"), foreign)
    scene.wait_told("RoleBindingConflict", "not ours")
    scene.fleet.wait_reason(scene.NAME, "RoleBindingSetupFailed", "RoleBindingCreated")
    scene.wait_looks()
    assert scene.member.get(where)["metadata"]["resourceVersion"] == \
        foreign["metadata"]["resourceVersion"]
    assert scene.writes() == []
    assert len(scene.events("RoleBindingConflict")) == 1, "it is told once"
    assert scene.fleet.condition(scene.NAME)["status"] == "True"

    scene.member.delete(where)
    scene.wait_told("MemberObjectRestored", "RoleBinding", "deleted")
    eventually(lambda: scene.fleet.condition(scene.NAME, "RoleBindingCreated")["status"] == "True")
    scene.stock.check_issued(scene.NAME)


def test_a_service_account_that_was_deleted_comes_back_with_another_token(scene):
    token = scene.stock.token(scene.NAME)
    scene.member.delete(scene.where("ServiceAccount"))
    scene.wait_told("MemberObjectRestored", "ServiceAccount", "its tokens ended")
    # The record says that the token is void; and a new process need not wait for a minute.
    scene.fleet.brokers[-1].kill()
    scene.serve()
    eventually(lambda: scene.stock.token(scene.NAME) != token, what="another token is delivered")
    scene.fleet.wait_ready(scene.NAME)

    def agrees():
        """The old anchor is on record for two minutes more, and goes with its ServiceAccount."""
        record = scene.stock.ledger(scene.NAME)
        record["anchors"] = record["anchors"][-1:]
        return scene.stock.on_record(record) == scene.stock.on_member()

    eventually(agrees, what="one anchor is left")
    assert scene.stock.answer_to(scene.stock.token(scene.NAME))[0] == 201


def test_a_service_account_that_was_replaced_is_reported(scene):
    where = scene.where("ServiceAccount")
    scene.member.delete(where)
    scene.member.create(path("serviceaccounts", IDENTITIES), {
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": scene.NAME, "namespace": IDENTITIES}})
    scene.fleet.wait_reason(scene.NAME, "ServiceAccountReplaced")
    assert scene.fleet.condition(scene.NAME)["status"] == "False"
    scene.wait_looks()
    assert scene.writes() == []
    scene.member.delete(where)
    scene.wait_told("MemberObjectRestored", "ServiceAccount", "made anew")


def test_labels_of_ours_are_put_back_and_those_of_others_stay(scene):
    for kind in ("ServiceAccount", "ClusterRole", "RoleBinding"):
        labels = scene.edit(kind, {"metadata": {
            "labels": {"app.kubernetes.io/managed-by": None, "credbroker.dev/hub-id": "x",
                       "team": "blue"}}})["metadata"]["labels"]
        scene.wait_told("MemberObjectRestored", kind, "labels")
        assert scene.get(kind)["metadata"]["labels"] == {**labels, "team": "blue"}


def test_an_edit_that_is_not_ours_to_undo_is_left_alone(scene):
    for kind in ("ServiceAccount", "Role", "ClusterRoleBinding"):
        scene.edit(kind, {"metadata": {"labels": {"team": "blue"}, "annotations": {"note": "x"}}})
    scene.wait_looks()
    assert scene.writes() == []
    assert scene.get("Role")["metadata"]["annotations"]["note"] == "x"


def test_a_short_list_changes_nothing(scene):
    scene.proxy.forget()

    def emptied(body):
        return json.dumps({**json.loads(body), "items": []}).encode()

    rule = scene.proxy.on(rewrite(emptied), "GET", LIST, times=None)
    rule.wait(30, 10)
    assert len(scene.proxy.seen("GET", SINGLE)) >= 5, "what is missing is looked at"
    assert scene.writes() == []
    scene.stock.check_issued(scene.NAME)


def test_a_member_that_does_not_let_us_list_is_told_of_once(scene):
    role = path("clusterroles", None, "credbroker-member")
    whole = scene.member.get(role)["rules"]
    scene.member.merge(role, {"rules": [
        {**rule, "verbs": [verb for verb in rule["verbs"] if verb != "list"]} for rule in whole]})
    try:
        scene.wait_told("MemberCheckDenied", "member-rbac")
        scene.wait_looks()
        assert len(scene.events("MemberCheckDenied")) == 1
        assert scene.fleet.condition(scene.NAME)["reason"] == "Issued"
        assert scene.writes() == []
    finally:
        scene.member.merge(role, {"rules": whole})


def test_an_edit_while_the_member_was_away_is_found_when_it_is_back(scene):
    scene.proxy.refuse()
    scene.proxy.cut_connections()
    scene.edit("ClusterRole", {"rules": WIDER})
    eventually(lambda: any(line.get("reason") == "MemberUnreachable"
                           for line in scene.fleet.brokers[-1].log()), what="it is away")
    scene.proxy.resume()
    eventually(lambda: scene.get("ClusterRole")["rules"] == RULES, what="it is put back")


def test_what_cannot_be_put_back_is_tried_once_a_look_and_stops_nothing(scene):
    role = path("clusterroles", None, "credbroker-member")
    whole = scene.member.get(role)["rules"]
    scene.member.merge(role, {"rules": [
        {**rule, "verbs": [verb for verb in rule["verbs"] if verb != "patch"]} for rule in whole]})
    try:
        scene.edit("ClusterRole", {"rules": []})
        scene.wait_told("MemberObjectNotRestored", "ClusterRole", "cannot be put back")
        scene.wait_looks(3)
        tries = len(scene.proxy.seen("PATCH"))
        looks = len(scene.proxy.seen("GET", "/clusterrolebindings[?]"))
        assert 0 < tries <= looks
        assert scene.fleet.condition(scene.NAME)["status"] == "True"
    finally:
        scene.member.merge(role, {"rules": whole})
    eventually(lambda: scene.get("ClusterRole")["rules"] == RULES, what="it is put back")
