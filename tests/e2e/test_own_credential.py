"""The broker's own credential on a member: what an administrator gives is used once.

It has exactly the rights that hub-rbac and member-rbac print. The kubeconfigs that it is given hold
tokens bound to Secrets, so that a test can end them at once.
"""

import base64
import datetime
import json

import pytest

import fault_proxy
from fleet import OWN, PROFILES, Broker, Fleet, eventually
from kube_api import KubeApi, path
from testbed import kubeconfig

LIFETIME = ("--member-credential-lifetime", "1h")
RECORDS = path("secrets", OWN) + "?labelSelector=credbroker.dev/own-credential%3Dtrue"
REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
UNAUTHORIZED = json.dumps({"apiVersion": "v1", "kind": "Status", "metadata": {},
                           "status": "Failure", "reason": "Unauthorized", "code": 401})
ANCHORS = rf"/namespaces/{OWN}/secrets"


@pytest.fixture(scope="module")
def fleet(own_name):
    member = own_name("m1")
    with Fleet(own_name("hub"), member) as fleet:
        fleet.hub_api.delete(path("secrets", OWN, f"member-{member}"))
        fleet.member = member
        fleet.member_api = fleet.apis[member]
        fleet.member_proxy = fleet.proxy(fleet.members[member])
        fleet.hub_proxy = fleet.proxy(fleet.hub)
        fleet.ended = {}  # tokens that must be refused in the end, by what they were
        start(fleet)
        yield fleet
        for one in records(fleet):
            fleet.tokens.add(token_of(one))
        fleet.current.stop()


@pytest.fixture
def access(fleet):
    """Gives access to the member under a name of its own, and takes it away in the end."""
    given = []

    def give(name, token=None, server=None, **more):
        member = fleet.members[fleet.member]
        text = kubeconfig(server or fleet.member_proxy.url, member.ca_pem(), token or bound(fleet, name))
        if name not in given:
            fleet.add_profile(name)
        given.append(name)
        fleet.give_access(name, member=fleet.member, text=text, **more)

    yield give
    for name in given:
        fleet.hub_api.call("DELETE", path("secrets", OWN, f"member-{name}"))
    eventually(lambda: not [one for one in records(fleet) if told(one)["access"] in
                            {f"member-{name}" for name in given}], what="its records are gone")


def start(fleet):
    fleet.current = fleet.broker(*LIFETIME, hub_server=fleet.hub_proxy.url)


def bound(fleet, name):
    """A token of the broker's ServiceAccount that ends with the Secret given-NAME."""
    fleet.member_api.create(path("secrets", OWN), {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"given-{name}"}})
    token = fleet.members[fleet.member].kubectl(
        "create", "token", "credbroker", "-n", OWN, "--duration=10m", "--bound-object-kind=Secret",
        f"--bound-object-name=given-{name}").strip()
    fleet.tokens.add(token)
    return token


def is_taken(fleet, token):
    member = fleet.members[fleet.member]
    api = KubeApi(member.server, member.ca_pem(), token=token)
    return api.call("POST", path("selfsubjectreviews"), REVIEW).status == 201


def end_given(fleet, name, token):
    fleet.member_api.delete(path("secrets", OWN, f"given-{name}"))
    eventually(lambda: not is_taken(fleet, token), what="what was given is refused")


def records(fleet):
    return fleet.hub_api.items(RECORDS)


def told(record):
    return json.loads(record["metadata"]["annotations"]["credbroker.dev/own-credential"])


def token_of(record):
    if "kubeconfig" not in record.get("data", {}):
        return ""
    config = json.loads(base64.b64decode(record["data"]["kubeconfig"]))
    return config["users"][0]["user"]["token"]


def record_of(fleet, name):
    found = [one for one in records(fleet) if told(one)["access"] == f"member-{name}"]
    return found[0] if len(found) == 1 else None


def wait_live(fleet, name, after=0):
    """The record with a token of a later generation than AFTER and nothing left of those before."""
    def live():
        record = record_of(fleet, name)
        return record and told(record)["live"] > after and not told(record)["stale"] and record
    record = eventually(live, what=f"an own credential for {name}")
    fleet.tokens.add(token_of(record))
    return record


def anchors(fleet):
    return {item["metadata"]["name"] for item in fleet.member_api.items(path("secrets", OWN))
            if item["type"] == "credbroker.dev/anchor"}


def reasons(fleet, name):
    return [event["reason"] for event in fleet.hub_api.items(path("events", OWN))
            if event["regarding"]["name"] == f"member-{name}"]


def wait_issued(fleet, request, profile):
    fleet.request(request, fleet.member,
                  targetClusterProfile={"kind": "ClusterProfile", "name": profile,
                                        "namespace": PROFILES})
    fleet.wait_ready(request)
    fleet.delete(request)


def test_what_was_given_is_used_once_and_a_restart_needs_it_no_more(fleet, access):
    token = bound(fleet, "once")
    access("once", token=token)
    record = wait_live(fleet, "once")
    assert record["type"] == "Opaque" and token_of(record) != token
    assert told(record)["accessUID"] == fleet.hub_api.get(
        path("secrets", OWN, "member-once"))["metadata"]["uid"]
    assert "OwnCredentialRenewed" in reasons(fleet, "once")
    end_given(fleet, "once", token)
    wait_issued(fleet, "while-it-runs", "once")

    fleet.current.stop()
    fleet.member_proxy.forget()
    start(fleet)
    wait_issued(fleet, "after-a-restart", "once")
    assert not [seen for seen in fleet.member_proxy.seen() if seen.status == 401]
    assert not fleet.member_proxy.seen(path=r"/serviceaccounts/credbroker/token$")
    assert told(record_of(fleet, "once")) == told(record)

    # A member in a bad state takes neither for a moment: its own is not given up.
    fleet.current.stop()
    rule = fleet.member_proxy.on(fault_proxy.answer(401, UNAUTHORIZED), path="/kube-system$")
    start(fleet)
    wait_issued(fleet, "after-a-bad-moment", "once")
    rule.wait(10)
    eventually(lambda: "OwnCredentialRefused" in reasons(fleet, "once"), what="it is told")
    assert told(record_of(fleet, "once")) == told(record)


def test_a_rotation_ends_the_token_before_when_the_next_is_in_use(fleet, access):
    access("rotated")
    first = wait_live(fleet, "rotated")
    before = anchors(fleet)
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    # No two tokens within a minute by one process: as after an upgrade.
    fleet.current.stop()
    fleet.hub.kubectl("annotate", "secret", "member-rotated", "-n", OWN,
                      f"credbroker.dev/rotate-at={now}")
    start(fleet)
    second = wait_live(fleet, "rotated", after=told(first)["live"])
    assert len(anchors(fleet)) == len(before) and anchors(fleet) != before
    assert token_of(second) != token_of(first) and is_taken(fleet, token_of(second))
    fleet.ended["before a rotation"] = token_of(first)
    wait_issued(fleet, "after-a-rotation", "rotated")
    assert told(record_of(fleet, "rotated"))["live"] == told(second)["live"]


def test_a_refused_credential_is_replaced_by_what_is_given(fleet, access):
    access("refused")
    first = wait_live(fleet, "refused")
    for name in anchors(fleet):
        fleet.member_api.delete(path("secrets", OWN, name))
    eventually(lambda: not is_taken(fleet, token_of(first)), what="it is refused")
    # What was given still works: that it is used again shows in a request that goes on.
    fleet.current.stop()
    start(fleet)
    fleet.request("goes-on", fleet.member, targetClusterProfile={
        "kind": "ClusterProfile", "name": "refused", "namespace": PROFILES})
    fleet.wait_ready("goes-on")
    second = wait_live(fleet, "refused", after=told(first)["live"])
    assert is_taken(fleet, token_of(second))
    assert "OwnCredentialRefused" in reasons(fleet, "refused")
    fleet.delete("goes-on")


def test_a_record_that_somebody_deletes_is_written_again(fleet, access):
    access("deleted")
    record = wait_live(fleet, "deleted")
    fleet.hub_api.delete(path("secrets", OWN, record["metadata"]["name"]))
    again = wait_live(fleet, "deleted")
    assert again["metadata"]["uid"] != record["metadata"]["uid"]
    assert (told(again), token_of(again)) == (told(record), token_of(record))


def test_another_kubeconfig_is_used_at_once_and_what_was_made_with_the_first_goes(fleet, access):
    access("another")
    first = wait_live(fleet, "another")
    access("another", token=bound(fleet, "another-again"))
    eventually(lambda: record_of(fleet, "another")
               and record_of(fleet, "another")["metadata"]["name"] != first["metadata"]["name"],
               what="another record in its place")
    second = wait_live(fleet, "another")
    fleet.ended["of another kubeconfig"] = token_of(first)
    assert is_taken(fleet, token_of(second))


@pytest.mark.parametrize("running", [True, False])
def test_a_member_access_that_goes_takes_the_credential_with_it(fleet, access, running):
    name = "goes" if running else "goes-unseen"
    before = anchors(fleet)
    access(name)
    record = wait_live(fleet, name)
    if not running:
        fleet.current.stop()
    fleet.hub_api.delete(path("secrets", OWN, f"member-{name}"))
    if not running:
        start(fleet)
    eventually(lambda: record_of(fleet, name) is None, what="the record is gone")
    assert anchors(fleet) == before
    fleet.ended[f"of {name}"] = token_of(record)


def test_two_brokers_at_once_end_with_one_credential(fleet, access):
    """Until the one before notices that another one leads, both may act: each anchor is one's
    alone, and one token is kept."""
    before = anchors(fleet)
    other = fleet.broker(*LIFETIME, hub_server=fleet.hub_proxy.url)
    access("two")
    fleet.current.process.wait(60)
    fleet.current = other
    record = wait_live(fleet, "two")
    eventually(lambda: len(anchors(fleet) - before) == 1, what="one anchor is left")
    assert is_taken(fleet, token_of(record))


def test_switched_off_they_are_revoked_and_removed(fleet, access):
    before = anchors(fleet)
    access("off")
    record = wait_live(fleet, "off")
    fleet.current.stop()
    fleet.current = fleet.broker(hub_server=fleet.hub_proxy.url)
    eventually(lambda: not records(fleet), what="the record is gone")
    assert anchors(fleet) == before
    fleet.ended["of a broker that makes none"] = token_of(record)
    wait_issued(fleet, "switched-off", "off")
    fleet.current.stop()
    start(fleet)


def test_a_client_certificate_is_used_as_it_is(fleet, access):
    member = fleet.members[fleet.member]
    config = json.loads(member.kubectl("config", "view", "--raw", "-o", "json"))
    fleet.add_profile("certified")
    fleet.give_access("certified", member=fleet.member, text=json.dumps(config))
    eventually(lambda: "OwnCredentialNotRenewed" in reasons(fleet, "certified"),
               what="the administrator is told")
    wait_issued(fleet, "with-a-certificate", "certified")
    assert record_of(fleet, "certified") is None
    fleet.hub_api.delete(path("secrets", OWN, "member-certified"))


def test_without_the_right_work_goes_on_with_what_was_given(fleet, access):
    member = fleet.members[fleet.member]
    role = json.loads(member.kubectl("get", "role", "credbroker-own", "-n", OWN, "-o", "json"))
    member.kubectl("delete", "role", "credbroker-own", "-n", OWN)
    try:
        access("without")
        eventually(lambda: "OwnCredentialNotRenewed" in reasons(fleet, "without"),
                   what="the administrator is told")
        wait_issued(fleet, "with-what-was-given", "without")
        assert record_of(fleet, "without") is None
    finally:
        for field in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
            role["metadata"].pop(field, None)
        member.apply(role)


CALLS = [
    ("hub", "POST", rf"{ANCHORS}$", 0),
    ("member", "POST", rf"{ANCHORS}$", 0),
    ("member", "POST", r"/serviceaccounts/credbroker/token$", 0),
    ("member", "POST", r"/selfsubjectreviews$", 1),  # the first asks who the given one is
    ("hub", "PUT", rf"{ANCHORS}/", 0),
]


def test_killed_at_any_call_it_goes_on_and_leaves_one_anchor(fleet, access):
    fleet.current.stop()
    before = anchors(fleet)
    for index, (side, method, where, skip) in enumerate(CALLS):
        name = f"killed-{index}"
        access(name)
        proxy = fleet.hub_proxy if side == "hub" else fleet.member_proxy
        rule = proxy.on(fault_proxy.call_with_reply(lambda: fleet.brokers[-1].kill()),
                        method=method, path=where, skip=skip)
        dying = Broker(fleet, fleet.hub_proxy.url, *LIFETIME)
        rule.wait(60)
        dying.process.wait(10)
        start(fleet)
        record = wait_live(fleet, name)
        assert is_taken(fleet, token_of(record))
        assert len(anchors(fleet) - before) == 1, f"after {side} {method} {where}"
        before = anchors(fleet)
        fleet.current.stop()
    start(fleet)


def test_every_token_that_was_ended_is_refused(fleet):
    """API servers remember for ten seconds whom they let in."""
    assert len(fleet.ended) == 5
    for what, token in fleet.ended.items():
        eventually(lambda: not is_taken(fleet, token), what=f"the token {what} is refused")


def test_the_broker_can_write_no_other_secret_beside_its_own(fleet):
    """deploy/policies/secrets.yaml: not a lasting token, nor access to a member."""
    broker = KubeApi(fleet.hub.server, fleet.hub.ca_pem(), token=fleet.hub_token)
    ours = {"name": "made", "labels": {"credbroker.dev/own-credential": "true"}}
    lasting = {"annotations": {"kubernetes.io/service-account.name": "credbroker"}, **ours}
    access = {"name": "made", "labels": {**ours["labels"], "credbroker.dev/member-access": "true"}}

    def write(metadata, kind="Opaque", method="POST"):
        where = path("secrets", OWN, "made" if method != "POST" else None)
        return broker.call(method, where, {"apiVersion": "v1", "kind": "Secret", "type": kind,
                                           "metadata": metadata}).status

    assert write(lasting, "kubernetes.io/service-account-token") in (403, 422)
    assert write({"name": "made"}) in (403, 422) and write(access) in (403, 422)
    assert write(ours) == 201
    assert write(access, method="PUT") in (403, 422)
    given = fleet.hub_api.create(path("secrets", OWN), {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "of-an-administrator"}})
    given["metadata"]["labels"] = ours["labels"]
    assert broker.call("PUT", path("secrets", OWN, given["metadata"]["name"]), given).status in (
        403, 422)
    assert broker.call("DELETE", path("secrets", OWN, "made")).status == 200
