"""Many requests at once, over two members, with some among them that can never be served.

What is bad costs nobody else a thing, nothing is missing, and when all are gone nothing is left.
"""

import concurrent.futures
import time
import uuid

import pytest

from fleet import OWN, PROFILES, TEAM, Fleet, eventually
from inventory import Inventory
from kube_api import path

COUNT = 300
LIMIT_SECONDS = 240  # of minutes on a machine with much company; about 10 s without
POISON_SECONDS = 60
TOO_MUCH = [{"name": "too-much", "rules": [
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]}]


class Scene:
    def __init__(self, fleet, members):
        self.fleet = fleet
        self.members = members
        self.stocks = {member: Inventory(fleet, member) for member in members}
        self.names = {member: [f"{member}-{i}" for i in range(COUNT // len(members))]
                      for member in members}

    def all_names(self):
        return [name for names in self.names.values() for name in names]

    def requests(self):
        return {item["metadata"]["name"]: item
                for item in self.fleet.hub_api.items(path("authtokenrequests", TEAM))}

    def count_ready(self):
        """Of those that can be served."""
        found = self.requests()
        return sum(is_ready(found[name]) for name in self.all_names() if name in found)


def is_ready(request):
    return any(condition["type"] == "Ready" and condition["status"] == "True"
               for condition in request.get("status", {}).get("conditions", []))


def in_parallel(function, items):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(function, items))


@pytest.fixture(scope="module")
def scene(own_name):
    members = own_name("m1"), own_name("m2")
    with Fleet(own_name("hub"), *members) as fleet:
        broker = fleet.broker()
        yield Scene(fleet, members)
        broker.stop()


def unreadable_record(name, request_uid):
    """As the API server takes it, but without an identity or a Secret: it says of nothing whose
    it is."""
    return {"apiVersion": "credbroker.dev/v1alpha1", "kind": "IssuedCredential",
            "metadata": {"name": name, "namespace": OWN},
            "spec": {"hubID": "somebody", "nonce": "a" * 32, "generation": 1, "memberUID": "none",
                     "request": {"namespace": TEAM, "name": name, "uid": request_uid},
                     "clusterProfile": {"namespace": PROFILES, "name": "nowhere", "uid": "none"}}}


class Poison:
    """What an administrator or a tenant may do, and no broker can serve."""

    def __init__(self, scene):
        self.fleet = scene.fleet
        for member in scene.members:
            self.fleet.request(f"refused-{member}", member, clusterRoles=TOO_MUCH)
        self.fleet.request("nowhere", "no-such-profile")
        self.fleet.request("on-record", "comes-late")
        self.requests = [*(f"refused-{member}" for member in scene.members), "nowhere",
                         "on-record"]
        self.fleet.wait_reason("on-record", "ClusterProfileNotFound")
        uid = self.fleet.get_request("on-record")["metadata"]["uid"]
        self.records = [self.write(str(uuid.uuid4()), str(uuid.uuid4())), self.write(uid, uid)]
        self.fleet.add_profile("comes-late")
        self.fleet.give_access("comes-late", member=scene.members[0])

    def write(self, name, request_uid):
        return self.fleet.hub_api.create(path("issuedcredentials", OWN),
                                         unreadable_record(name, request_uid))

    def records_now(self):
        names = [record["metadata"]["name"] for record in self.records]
        return [self.fleet.hub_api.get(path("issuedcredentials", OWN, name)) for name in names]

    def remove(self):
        for record in self.records:
            self.fleet.hub_api.call("DELETE", path("issuedcredentials", OWN,
                                                   record["metadata"]["name"]))
        for name in self.requests:
            self.fleet.hub_api.call("DELETE", path("authtokenrequests", TEAM, name))


def test_many_requests_at_once_are_served_and_undone_whatever_is_among_them(scene):
    fleet = scene.fleet
    poison = Poison(scene)
    fleet.wait_reason(f"refused-{scene.members[0]}", "GrantRefused")

    begun = time.monotonic()
    in_parallel(lambda name: fleet.request(name, name.rpartition("-")[0]), scene.all_names())
    eventually(lambda: scene.count_ready() == COUNT, LIMIT_SECONDS, "all are Ready")
    print(f"{COUNT} requests are Ready after {time.monotonic() - begun:.1f} s")
    for member, names in scene.names.items():
        scene.stocks[member].check_all_issued(names, besides=[f"refused-{member}"])
        scene.stocks[member].check_issued(names[-1])
    found = scene.requests()
    assert not any(is_ready(found[name]) for name in poison.requests)
    fleet.wait_reason("on-record", "LedgerUnreadable")
    assert poison.records_now() == poison.records

    begun = time.monotonic()
    in_parallel(lambda name: fleet.hub_api.delete(path("authtokenrequests", TEAM, name)),
                scene.all_names())
    eventually(lambda: not any(name in scene.requests() for name in scene.all_names()),
               LIMIT_SECONDS, "all are gone")
    print(f"{COUNT} requests are gone after {time.monotonic() - begun:.1f} s")
    assert poison.records_now() == poison.records
    poison.remove()
    eventually(lambda: not scene.requests(), POISON_SECONDS, "the bad ones are gone")
    scene.stocks[scene.members[0]].check_nothing_is_left()
