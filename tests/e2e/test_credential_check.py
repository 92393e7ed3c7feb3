"""Credentials that ended before their time: found by asking the member, and replaced."""

import base64
import datetime
import subprocess

import pytest

from fleet import IDENTITIES, TEAM, Fleet, eventually
from inventory import Inventory
from kube_api import path

NAMES = ("kept", "anchorless", "edited", "orphaned", "usurped")
INTERVAL = "3s"
ASKED_SECONDS, MOST_SECONDS = 7200, 3600


def events(fleet, name, reason):
    uid = fleet.get_request(name)["metadata"]["uid"]
    return [event for event in fleet.hub_api.items(path("events", TEAM))
            if event["reason"] == reason and event["regarding"]["uid"] == uid]


def delete_anchor(stock, name):
    [anchor] = stock.anchors(name)
    stock.member.delete(path("secrets", anchor["namespace"], anchor["name"]))


def edit_secret(fleet, name, token):
    data = {"token": base64.b64encode(token.encode()).decode()}
    fleet.hub_api.merge(path("secrets", TEAM, name), {"data": data})


def replace_service_account(stock, name):
    where = path("serviceaccounts", IDENTITIES)
    stock.member.delete(f"{where}/{name}")
    stock.member.create(where, {"apiVersion": "v1", "kind": "ServiceAccount",
                                "metadata": {"name": name, "namespace": IDENTITIES}})


def check_replaced(fleet, stock, name, old):
    eventually(lambda: stock.token(name) not in old.values(), what="another token is delivered")
    fleet.wait_ready(name)
    assert stock.answer_to(stock.token(name)) == (
        201, f"system:serviceaccount:{IDENTITIES}:{name}")


@pytest.fixture(name="scene", scope="module")
def ended_credentials(own_name):
    """What is done to them while no broker is there, which the next one is not told of. A new
    process need not wait for a minute after the last token, either."""
    most = f"--service-account-max-token-expiration={MOST_SECONDS}s"
    with Fleet(own_name("hub"), own_name("m1"), member_flags=(most,)) as fleet:
        [profile] = fleet.members
        stock = Inventory(fleet, profile)
        broker = fleet.broker()
        for name in NAMES:
            fleet.request(name, profile, credential={"expirationSeconds": ASKED_SECONDS})
        for name in NAMES:
            fleet.wait_ready(name)
        broker.stop()
        old = {name: stock.check_issued(name) for name in NAMES}
        delete_anchor(stock, "anchorless")
        edit_secret(fleet, "edited", old["kept"])
        stock.member.delete(path("serviceaccounts", IDENTITIES, "orphaned"))
        replace_service_account(stock, "usurped")
        fleet.broker("--credential-check-interval", INTERVAL)
        yield fleet, stock, old
        fleet.brokers[-1].stop()


@pytest.mark.parametrize("name", ["anchorless", "edited", "orphaned"])
def test_what_ended_is_replaced_without_being_told(scene, name):
    fleet, stock, old = scene
    check_replaced(fleet, stock, name, old)
    reason = "SecretEdited" if name == "edited" else "CredentialRefused"
    assert events(fleet, name, reason)
    assert any(line.get("reason") == reason and line["request"] == f"{TEAM}/{name}"
               for line in fleet.brokers[-1].log())


def test_a_token_for_another_service_account_is_not_made(scene):
    fleet, stock, _ = scene
    fleet.wait_reason("usurped", "ServiceAccountReplaced")
    assert fleet.condition("usurped")["status"] == "False"
    assert len(stock.anchors("usurped")) == 1


def test_what_works_is_left_alone(scene):
    fleet, stock, old = scene
    assert stock.token("kept") == old["kept"]
    assert len(stock.anchors("kept")) == 1
    assert not events(fleet, "kept", "CredentialRefused")


def test_a_member_that_shortens_lifetimes_is_told_of_and_not_asked_again(scene):
    fleet, stock, _ = scene
    condition = fleet.condition("kept", "LifetimeShortened")
    assert condition["status"] == "True" and condition["reason"] == "ShortenedByMember"
    assert str(ASKED_SECONDS) in condition["message"] and str(MOST_SECONDS) in condition["message"]
    [anchor] = stock.anchors("kept")
    assert (anchor["requestedSeconds"], anchor["renewAtPercent"]) == (ASKED_SECONDS, 60)
    status = stock.request("kept")["status"]
    issued, renewed, expires = (
        datetime.datetime.fromisoformat(time) for time in
        (anchor["issuedAt"], status["renewalTimestamp"], status["expirationTimestamp"]))
    assert (expires - issued).total_seconds() == MOST_SECONDS
    assert 0.5 <= (renewed - issued).total_seconds() / MOST_SECONDS <= 0.7


def test_a_new_signing_key_ends_all_tokens_and_they_are_replaced(scene):
    fleet, stock, old = scene
    plane = stock.plane
    plane.stop("kube-apiserver")
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out",
                    str(plane.directory / "pki/service-account.key")],
                   check=True, capture_output=True, timeout=30)
    plane.start("kube-apiserver")
    fleet.give_access(plane.name)  # the broker's own ended, too
    check_replaced(fleet, stock, "kept", old)
    assert events(fleet, "kept", "CredentialRefused")
