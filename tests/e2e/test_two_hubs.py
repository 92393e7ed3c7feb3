"""Two hubs, each with a broker, ask for the same on one member: the same names, at the same time.

What each has made is its own, and the end of one is not felt by the other.
"""

import json

import pytest

from fleet import IDENTITIES, KINDS, OWN, TEAM, Fleet, eventually
from inventory import Inventory
from kube_api import KubeApi, path

OTHER_IDENTITIES = "identities-of-two"
NAMES = [f"same-{i}" for i in range(6)]
ROLES = [{"namespace": "apps", "name": "r",
          "rules": [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]}]}]
LATE_SECONDS = 60


class Hub:
    """One of the two."""

    def __init__(self, fleet, member, identities):
        self.fleet = fleet
        self.member = member
        self.identities = identities
        self.stock = Inventory(fleet, member)
        self.ended_tokens = []
        self.broker = fleet.broker()

    def id(self):
        return self.fleet.hub_api.get(path("configmaps", OWN, "credbroker-hub"))["data"]["hubID"]

    def ask(self, names):
        for name in names:
            self.fleet.request(name, self.member, serviceAccountNamespace=self.identities,
                               roles=ROLES)

    def wait_ready(self, names):
        for name in names:
            self.fleet.wait_ready(name, seconds=LATE_SECONDS)

    def delete(self, names):
        for name in names:
            self.fleet.hub_api.delete(path("authtokenrequests", TEAM, name))

    def wait_gone(self, names):
        for name in names:
            eventually(lambda: self.stock.request(name) is None, LATE_SECONDS, f"{name} is gone")

    def made(self, names):
        """All that stands on the member for these requests, as it is."""
        found = {}
        for name in names:
            label = f"?labelSelector=credbroker.dev/request-uid%3D{self.uid(name)}"
            for resource in KINDS:
                for item in self.stock.member.items(path(resource) + label):
                    found[resource, item["metadata"].get("namespace"),
                          item["metadata"]["name"]] = item
        return found

    def uid(self, name):
        return self.stock.request(name)["metadata"]["uid"]

    def works(self, name):
        config = json.loads(self.fleet.credential(name)["kubeconfig"])
        return KubeApi.of_kubeconfig(config).call("GET", path("jobs")).status == 200


@pytest.fixture(scope="module")
def hubs(own_name):
    member = own_name("m1")
    opened = (IDENTITIES, OTHER_IDENTITIES)
    with Fleet(own_name("hub1"), member, identity_namespaces=opened) as one, \
            Fleet(own_name("hub2")) as two:
        two.members[member], two.apis[member] = one.members[member], one.apis[member]
        two.add_profile(member)
        two.give_access(member)
        hubs = Hub(one, member, IDENTITIES), Hub(two, member, OTHER_IDENTITIES)
        yield hubs
        for hub in hubs:
            for token in hub.ended_tokens:
                hub.stock.check_refused(token)
            hub.broker.stop()


@pytest.fixture
def asked(hubs):
    """Both hubs ask for the same at the same time."""
    for hub in hubs:
        hub.ask(NAMES)
    for hub in hubs:
        hub.wait_ready(NAMES)
    yield hubs
    for hub in hubs:
        for name in NAMES:
            hub.fleet.hub_api.call("DELETE", path("authtokenrequests", TEAM, name))
        hub.wait_gone(NAMES)
    assert hubs[0].fleet.nothing_is_left() and hubs[1].fleet.nothing_is_left()


def hub_ids(made):
    return {item["metadata"]["labels"]["credbroker.dev/hub-id"] for item in made.values()}


def check_issued(hub, names):
    return [hub.stock.check_issued(name) for name in names]


def test_equal_requests_get_access_of_their_own(asked):
    one, two = asked
    tokens = check_issued(one, NAMES) + check_issued(two, NAMES)
    assert len(set(tokens)) == len(tokens)
    made = one.made(NAMES), two.made(NAMES)
    assert len(made[0]) == len(made[1]) == 6 * len(NAMES) and not made[0].keys() & made[1].keys()
    assert hub_ids(made[0]) == {one.id()} and hub_ids(made[1]) == {two.id()}
    assert one.id() != two.id()


def check_the_end_of_one(one, two):
    one.ended_tokens += check_issued(one, NAMES)
    before = two.made(NAMES)
    one.delete(NAMES)
    two.ask(["meanwhile"])
    one.wait_gone(NAMES)
    assert one.fleet.ledgers() == []
    two.wait_ready(["meanwhile"])
    assert two.made(NAMES) == before
    assert all(two.works(name) for name in NAMES)
    check_issued(two, [*NAMES, "meanwhile"])
    two.delete(["meanwhile"])
    two.wait_gone(["meanwhile"])


def test_the_end_of_one_leaves_the_others_intact_and_working(asked):
    check_the_end_of_one(*asked)


def test_a_broker_that_is_killed_is_not_felt_by_the_other_hub(asked):
    one, two = asked
    before = two.made(NAMES)
    one.delete(NAMES[:3])
    one.broker.kill()
    one.delete(NAMES[3:])
    two.ask(["meanwhile"])
    two.wait_ready(["meanwhile"])
    one.broker = one.fleet.broker()
    one.wait_gone(NAMES)
    assert two.made(NAMES) == before
    check_issued(two, [*NAMES, "meanwhile"])
    two.delete(["meanwhile"])
    two.wait_gone(["meanwhile"])


def test_hubs_that_have_one_id_by_mistake_touch_nothing_of_each_other(hubs, request):
    """As after one was copied from the other: the UIDs of the requests still differ."""
    one, two = hubs
    two.broker.stop()
    two.broker = two.fleet.broker("--hub-id", one.id())
    request.getfixturevalue("asked")
    assert hub_ids(two.made(NAMES)) == {one.id()}
    check_the_end_of_one(one, two)
