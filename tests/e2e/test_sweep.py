"""What stands on a member without a record: deleted when it is proven to be ours, and only then."""

import collections

import pytest

from fleet import IDENTITIES, OURS, OWN, PROFILES, TEAM, Fleet, eventually
from inventory import Inventory
from kube_api import path

KINDS_OF_ONE = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Secret"}
MANY = 14  # of three objects each, besides the anchors: more than 40
BUDGET = 10
LOOKS = 2


class Scene:
    """A hub that loses requests and records while its broker is dead."""

    def __init__(self, fleet):
        self.fleet = fleet
        [self.profile] = fleet.members
        self.proxy = fleet.proxy(fleet.members[self.profile])
        self.member = fleet.apis[self.profile]
        self.stock = Inventory(fleet, self.profile)
        fleet.give_access(self.profile, server=self.proxy.url)

    def issue(self, *names):
        broker = self.fleet.broker()
        for name in names:
            self.fleet.request(name, self.profile)
        for name in names:
            self.fleet.wait_ready(name)
        tokens = {name: self.stock.token(name) for name in names}
        self.stock.check_all_issued(names)
        broker.stop()
        return tokens

    def uid(self, name):
        return self.stock.request(name)["metadata"]["uid"]

    def lose_record(self, name):
        where = path("issuedcredentials", OWN, self.uid(name))
        self.fleet.hub_api.call("DELETE", where)
        eventually(lambda: self.fleet.hub_api.get(where) is None, what="the record is gone")

    def lose(self, name):
        """The record and the request, as when etcd was restored from before them."""
        uid = self.uid(name)
        where = path("authtokenrequests", TEAM, name)
        self.lose_record(name)
        self.fleet.hub_api.merge(where, {"metadata": {"finalizers": None}})
        self.fleet.hub_api.call("DELETE", where)
        eventually(lambda: self.fleet.hub_api.get(where) is None, what="the request is gone")
        return uid

    def sweep(self, interval="2s"):
        return self.fleet.broker("--sweep-interval", interval)

    def wait_sweeps(self, count=LOOKS):
        """That many first lists begin and end from now on."""
        self.proxy.forget()
        eventually(lambda: len([record for record in self.proxy.seen("GET", "/clusterroles[?]")
                                if record.status]) > count, what=f"{count} sweeps")

    def events(self, reason):
        """About the ClusterProfile."""
        profile = self.fleet.hub_api.get(path("clusterprofiles", PROFILES, self.profile))
        return [event for event in self.fleet.hub_api.items(path("events", PROFILES))
                if event["reason"] == reason
                and event["regarding"]["kind"] == "ClusterProfile"
                and event["regarding"]["uid"] == profile["metadata"]["uid"]]

    def told(self, reason):
        """By the broker that runs now."""
        return [line for line in self.fleet.brokers[-1].log() if line.get("reason") == reason]

    def copy(self, resource, namespace, name, **labels):
        """What somebody else makes of the object of ours with that name: another name, and our
        labels and annotations."""
        item = self.member.get(path(resource, namespace, name))
        metadata = {key: item["metadata"][key] for key in ("labels", "annotations")}
        metadata["labels"].update(labels)
        forged = dict(item, metadata=dict(metadata, generateName="forged-"))
        made = self.member.create(path(resource, namespace), forged)["metadata"]
        return path(resource, namespace, made["name"])


@pytest.fixture(name="scene", scope="module")
def one_member(own_name):
    with Fleet(own_name("hub"), own_name("m1")) as fleet:
        yield Scene(fleet)


def test_what_has_no_record_goes_and_nothing_else(scene):
    tokens = scene.issue("lost", "kept")
    [binding] = [name for kind, _, name, _ in scene.stock.on_member(scene.uid("lost"))
                 if kind == "ClusterRoleBinding"]
    forged = [scene.copy("clusterrolebindings", None, binding),
              scene.copy("serviceaccounts", IDENTITIES, "lost"),
              scene.copy("clusterrolebindings", None, binding,
                         **{"credbroker.dev/hub-id": "another-hub"})]
    kept = scene.stock.on_member(scene.uid("kept"))
    lost = scene.lose("lost")
    made = {uid for *_, uid in scene.stock.on_member(lost)}
    foreign = {scene.member.get(where)["metadata"]["uid"] for where in forged}
    broker = scene.sweep()
    # the anchor goes when its ServiceAccount has gone: the garbage collector of the member
    eventually(lambda: {uid for *_, uid in scene.stock.on_member(lost)} <= foreign,
               what="nothing is left of what was lost")
    assert len(made - foreign) == len(KINDS_OF_ONE)
    scene.stock.check_refused(tokens["lost"])
    scene.wait_sweeps()
    assert all(scene.member.get(where)["metadata"]["uid"] in foreign for where in forged)
    assert scene.stock.on_member(scene.uid("kept")) == kept
    assert scene.stock.answer_to(tokens["kept"])[0] == 201
    deleted = [line["message"].split()[0] for line in scene.told("StrayDeleted")]
    assert deleted == ["ClusterRoleBinding", "ServiceAccount", "ClusterRole"]
    eventually(lambda: len(scene.events("StrayDeleted")) == len(deleted), what="an Event for each")
    assert len(scene.told("StraysUnproven")) == 1  # however many sweeps
    assert not scene.told("SweepStopped") and not scene.told("SweepDenied")
    # Secrets are neither read nor listed, and nothing else is written
    assert scene.proxy.seen("GET", "/secrets") == []
    broker.stop()
    for where in forged:
        scene.member.call("DELETE", where)


def test_a_request_that_lost_its_record_keeps_what_was_made(scene):
    """A new record has the same nonce, so what stands there is ours by its mark."""
    before = {item for item in scene.stock.on_member(scene.uid("kept")) if item[0] != "Secret"}
    scene.lose_record("kept")
    broker = scene.sweep()
    eventually(scene.fleet.ledgers, what="a new record")
    scene.stock.check_issued("kept")
    scene.wait_sweeps()
    record = scene.stock.ledger("kept")
    assert {item for item in scene.stock.on_member(scene.uid("kept"))
            if item[0] != "Secret"} == before
    assert {item["uid"] for item in record["objects"]} == {uid for *_, uid in before}
    assert not scene.told("StrayDeleted")
    scene.fleet.delete("kept")
    scene.stock.check_nothing_is_left()
    broker.stop()


def test_no_more_goes_than_the_budget(scene):
    names = [f"many-{number}" for number in range(MANY)]
    scene.issue(*names)
    for name in names:
        scene.lose(name)
    # anchors are not swept, they go with their ServiceAccounts
    whole = len(scene.fleet.on_member(scene.profile)) - MANY
    for left in (whole - BUDGET, whole - 2 * BUDGET):
        broker = scene.sweep()
        eventually(lambda: scene.told("SweepStopped"), what="it stops")
        broker.stop()
        found = scene.fleet.on_member(scene.profile)
        counts = collections.Counter(item.split("/")[0] for item in found)
        assert sum(counts.values()) - counts["Secret"] == left, counts
        [told] = scene.told("SweepStopped")
        assert told["message"].startswith(f"{left} objects") and f" {BUDGET} more" in told["message"]
        assert len(scene.told("StrayDeleted")) == BUDGET
    # without bindings, all of them are worth nothing
    assert counts["ClusterRoleBinding"] == 0
    assert len(scene.events("SweepStopped")) >= 2
    for resource in ("serviceaccounts", "clusterroles"):
        for item in scene.member.items(path(resource) + OURS):
            scene.member.call("DELETE", path(resource, item["metadata"].get("namespace"),
                                             item["metadata"]["name"]))
