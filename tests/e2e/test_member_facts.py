"""What the broker learns of a member, and what follows from it: where it is, and whom to trust there."""

import base64
import json
import pathlib
import time

import pytest

from fleet import OWN, Fleet, eventually
from kube_api import KubeApi, path
from testbed import authority, kubeconfig

MOVED_SECONDS = 5  # as promised; half a second on an idle machine


class Scene:
    """One credential, for a member with two addresses: its own, and a proxy's."""

    NAME = "stays"

    def __init__(self, fleet):
        self.fleet = fleet
        [self.profile] = fleet.members
        self.member = fleet.members[self.profile]
        self.proxy = fleet.proxy(self.member)
        self.broker = fleet.broker()
        fleet.request(self.NAME, self.profile)
        fleet.wait_ready(self.NAME)

    def secret(self):
        return self.fleet.hub_api.get(path("secrets", "team-a", self.NAME))

    def give(self, server=None, ca=None, secret=None):
        token = self.member.token("credbroker", OWN)
        self.fleet.tokens.add(token)
        self.fleet.give_access(self.profile, secret=secret, text=kubeconfig(
            server or self.member.server, ca or self.member.ca_pem(), token))

    def delivered(self):
        """The cluster of the kubeconfig that is delivered."""
        config = json.loads(self.fleet.credential(self.NAME)["kubeconfig"])
        return config["clusters"][0]["cluster"]

    def works(self):
        return self.fleet.use(self.fleet.credential(self.NAME), "get", "jobs", "-A").returncode == 0

    def wait_moved(self, begun, what, field, value):
        eventually(lambda: self.delivered()[field] == value, what=what)
        seconds = time.monotonic() - begun
        print(f"delivered {seconds:.2f} s after {what}")
        assert seconds < MOVED_SECONDS

    def recorded(self):
        [ledger] = self.fleet.ledgers()
        return ledger["spec"]["secret"]["cluster"]

    def wait_recorded(self, before):
        return eventually(lambda: self.recorded() != before and self.recorded(),
                          what="the new address is on record")


@pytest.fixture(scope="module")
def scene(own_name):
    with Fleet(own_name("hub"), own_name("m1")) as fleet:
        yield Scene(fleet)
        fleet.brokers[-1].stop()


def test_another_address_is_delivered_with_the_same_token(scene):
    before, record = scene.fleet.credential(scene.NAME), scene.recorded()
    uid = scene.secret()["metadata"]["uid"]
    begun = time.monotonic()
    scene.give(server=scene.proxy.url)
    scene.wait_moved(begun, "the member moved", "server", scene.proxy.url)
    after = scene.fleet.credential(scene.NAME)
    assert after["token"] == before["token"] and after["ca.crt"] == before["ca.crt"]
    assert scene.secret()["metadata"]["uid"] == uid
    assert scene.works() and scene.proxy.seen("GET", "/jobs")
    scene.wait_recorded(record)


def test_one_more_certificate_is_delivered_with_the_same_token(scene, tmp_path):
    before, record = scene.fleet.credential(scene.NAME), scene.recorded()
    bundle = scene.member.ca_pem() + pathlib.Path(authority(tmp_path)[0]).read_text("ascii")
    begun = time.monotonic()
    scene.give(server=scene.proxy.url, ca=bundle)
    scene.wait_moved(begun, "the CA changed", "certificate-authority-data",
                     base64.b64encode(bundle.encode()).decode())
    after = scene.fleet.credential(scene.NAME)
    assert after["token"] == before["token"] and after["ca.crt"] == bundle
    assert scene.works()
    scene.wait_recorded(record)


def test_an_address_that_does_not_answer_is_not_delivered(scene):
    before = scene.secret()
    scene.give(server="https://127.0.0.1:1")
    eventually(lambda: any(line.get("reason") == "MemberUnreachable" for line in scene.broker.log()),
               what="the broker asked there")
    assert scene.secret() == before and scene.works()


def test_an_address_that_changed_while_the_broker_was_down_is_delivered_and_nothing_twice(scene):
    scene.give(server=scene.proxy.url)
    before = scene.fleet.credential(scene.NAME)
    scene.broker.stop()
    record = scene.recorded()
    scene.give()
    scene.broker = scene.fleet.broker()
    eventually(lambda: scene.delivered()["server"] == scene.member.server, what="it is delivered")
    assert scene.fleet.credential(scene.NAME)["token"] == before["token"] and scene.works()
    scene.wait_recorded(record)
    written = scene.secret()["metadata"]["resourceVersion"]
    scene.broker.stop()
    scene.give(server=scene.proxy.url)
    scene.give()  # as it was, with another credential of the broker
    scene.broker = scene.fleet.broker()
    scene.fleet.request("later", scene.profile)
    scene.fleet.wait_ready("later")  # the member is known by then
    assert scene.secret()["metadata"]["resourceVersion"] == written
    scene.fleet.delete("later")


def test_a_secret_that_was_edited_gets_a_new_token_with_the_address(scene):
    before = scene.fleet.credential(scene.NAME)
    other = base64.b64encode(b"eyJhbGciOiJub25lIn0.e30.c2ln").decode()
    scene.fleet.hub_api.merge(path("secrets", "team-a", scene.NAME), {"data": {"token": other}})
    scene.give(server=scene.proxy.url)
    eventually(lambda: scene.delivered()["server"] == scene.proxy.url, seconds=90,
               what="a new token is delivered")  # no two tokens within a minute
    after = scene.fleet.credential(scene.NAME)
    assert after["token"] != before["token"] and scene.works()
    assert any(line.get("reason") == "SecretEdited" for line in scene.broker.log())
