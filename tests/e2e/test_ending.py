"""How accesses end while their member is away, on real control planes: requests abandoned, made anew,
or gone with their namespace by force, a ClusterProfile made anew, a record forgotten.

All in one outage, because an API server believes a token for some seconds that it has just seen.
"""

import calendar
import re
import time

import pytest

from fleet import API_MULTICLUSTER, IDENTITIES, OWN, PROFILES, TEAM, Fleet, eventually
from inventory import Inventory
from kube_api import path
from test_admission import check_refused, may

ABANDON = "credbroker.dev/abandon"
FORGET = "credbroker.dev/forget"
LEAVING, DOOMED = "leaving", "doomed"
ANEW = "anew"        # a ClusterProfile for the same member
RETURN_SECONDS = 60  # five minutes are promised
PLACES = {"abandoned": TEAM, "again": TEAM, "anew": TEAM, "forgotten": TEAM, "inside": LEAVING,
          "orphan": DOOMED}
GONE_FOR_GOOD = {"forgotten"}


@pytest.fixture(scope="module")
def fleet(own_name):
    member = own_name("m1")
    with Fleet(own_name("hub"), member, namespaces=(TEAM, LEAVING, DOOMED)) as fleet:
        fleet.member = member
        fleet.stock = Inventory(fleet, member)
        fleet.member_proxy = fleet.proxy(fleet.members[member])
        fleet.give_access(member, server=fleet.member_proxy.url)
        fleet.add_profile(ANEW)
        fleet.give_access(ANEW, member=member, server=fleet.member_proxy.url)
        fleet.current = fleet.broker()
        fleet.hub.kubectl("create", "rolebinding", "alice", "-n", TEAM, "--user=alice",
                          "--clusterrole=edit")
        fleet.hub.kubectl("create", "role", "annotates", "-n", TEAM, "--verb=get,patch,create",
                          "--resource=authtokenrequests.multicluster.x-k8s.io")
        for user in ("alice", "bob"):
            fleet.hub.kubectl("create", "rolebinding", f"{user}-annotates", "-n", TEAM,
                              f"--user={user}", "--role=annotates")
        may(fleet, "abandons", "abandon", "authtokenrequests", "multicluster.x-k8s.io",
            ["abandoned", "tried"], TEAM, "bob")
        yield fleet
        fleet.current.stop()


def where(name):
    return path("authtokenrequests", PLACES[name], name)


def annotate(api, target, **values):
    body = {"metadata": {"annotations": values}}
    return api.call("PATCH", target, body, "application/merge-patch+json")


def wait_until_abandonment_counts(fleet):
    """Whatever is older than the admission policy may have been annotated by anybody."""
    newest = max(calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ"))
                 for kind in ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
                 for stamp in [fleet.hub_api.get(path(kind, name="credbroker-own-fields"))
                               ["metadata"]["creationTimestamp"]])
    eventually(lambda: time.time() > newest + 11, what="the admission policy has settled")


class Outage:
    """What was there when the member went away, and what was seen while it was."""

    def __init__(self, fleet):
        self.fleet = fleet
        wait_until_abandonment_counts(fleet)
        for name, namespace in PLACES.items():
            fleet.request(name, ANEW if name == "anew" else fleet.member, namespace,
                          serviceAccountName=name)
        for name, namespace in PLACES.items():
            fleet.wait_ready(name, namespace)
        self.tokens = {name: fleet.stock.token(name, namespace)
                       for name, namespace in PLACES.items()}
        self.uids = {name: fleet.get_request(name, namespace)["metadata"]["uid"]
                     for name, namespace in PLACES.items()}
        self.accounts = self.accounts_on_member()

    def accounts_on_member(self):
        return {item["metadata"]["name"]: item["metadata"]["uid"]
                for item in self.fleet.stock.ours("serviceaccounts")}

    def record(self, name):
        return self.fleet.hub_api.get(path("issuedcredentials", OWN, self.uids[name]))

    def state(self, name):
        return (self.record(name) or {"spec": {}})["spec"].get("state")

    def wait_pending(self, name):
        eventually(lambda: self.state(name) == "RevocationPending", what=f"{name} is pending")

    def events_of_record(self, name):
        return [event["reason"] for event in self.fleet.hub_api.items(path("events", OWN))
                if event["regarding"]["name"] == self.uids[name]
                and event["regarding"]["kind"] == "IssuedCredential"]

    # What happens meanwhile.

    def abandon(self):
        api, target = self.fleet.hub_api, where("abandoned")
        api.delete(target)
        self.fleet.wait_reason("abandoned", "RevocationPending")
        self.secret_withdrawn = self.fleet.stock.secret("abandoned") is None
        self.refusal = annotate(api.impersonating("alice"), target, **{ABANDON: "true"})
        assert self.fleet.get_request("abandoned"), "it waits for its member"
        assert annotate(api.impersonating("bob"), target, **{ABANDON: "gone"}).status == 200
        eventually(lambda: not self.fleet.get_request("abandoned"), 10, "it is released at once")

    def make_anew(self):
        """Its finalizer goes by force, and the next request of the name comes at once."""
        api = self.fleet.hub_api
        api.delete(where("again"))
        api.call("PATCH", where("again"), {"metadata": {"finalizers": None}},
                 "application/merge-patch+json")
        eventually(lambda: not self.fleet.get_request("again"), what="it is gone")
        self.fleet.request("again", self.fleet.member, serviceAccountName="again")

    def end_namespace(self):
        """The finalizers of what is in it are taken away."""
        self.fleet.hub.kubectl("delete", "namespace", LEAVING, "--wait=false")
        self.fleet.wait_reason("inside", "RevocationPending", namespace=LEAVING)
        self.fleet.hub_api.merge(where("inside"), {"metadata": {"finalizers": None}})
        self.fleet.hub.kubectl("wait", "--for=delete", f"namespace/{LEAVING}", "--timeout=60s")

    def finalize_namespace(self):
        """The Namespace itself goes, and the request in it stays behind."""
        target = path("namespaces", name=DOOMED)
        self.fleet.hub_api.delete(target)
        eventually(lambda: self.finalized(target), what="the namespace is gone by force")

    def finalized(self, target):
        body = self.fleet.hub_api.get(target)
        if body:
            self.fleet.hub_api.call("PUT", f"{target}/finalize", {**body, "spec": {"finalizers": []}})
        return not body

    def replace_profile(self):
        target = path("clusterprofiles", PROFILES, ANEW)
        old = self.fleet.hub_api.get(target)["metadata"]["uid"]
        self.fleet.hub_api.delete(target)
        self.fleet.add_profile(ANEW)
        self.profiles = old, self.fleet.hub_api.get(target)["metadata"]["uid"]

    def outlast_tokens(self):
        """All that its tokens could live is over, says the record."""
        self.fleet.hub_api.delete(where("forgotten"))
        self.wait_pending("forgotten")
        self.fleet.current.stop()
        body = self.record("forgotten")
        for anchor in body["spec"]["anchors"]:
            anchor["expirationTimestamp"] = "2026-01-01T00:00:00Z"
        reply = self.fleet.hub_api.call("PUT", path("issuedcredentials", OWN,
                                                    self.uids["forgotten"]), body)
        assert reply.status == 200, reply
        self.fleet.current = self.fleet.broker()
        eventually(lambda: self.state("forgotten") == "ExpiredUnconfirmed", what="it is expired")
        eventually(lambda: not self.fleet.get_request("forgotten"), what="it is released")
        self.forgotten_stands = "forgotten" in self.accounts_on_member()
        target = path("issuedcredentials", OWN, self.uids["forgotten"])
        assert annotate(self.fleet.hub_api, target, **{FORGET: "scrapped"}).status == 200
        eventually(lambda: not self.record("forgotten"), what="it is closed")


@pytest.fixture(scope="module")
def outage(fleet):
    outage = Outage(fleet)
    fleet.member_proxy.refuse()
    outage.make_anew()
    outage.abandon()
    outage.replace_profile()
    outage.end_namespace()
    outage.finalize_namespace()
    outage.outlast_tokens()
    for name in set(PLACES) - GONE_FOR_GOOD:
        outage.wait_pending(name)
    outage.shown = fleet.hub.kubectl("get", "icred", "-n", OWN)
    outage.told = {event["reason"] for event in fleet.hub_api.items(path("events"))
                   if event["regarding"]["name"] in ("again", outage.uids["again"])}
    fleet.member_proxy.resume()
    outage.returned = time.monotonic()
    yield outage
    fleet.hub.kubectl("create", "namespace", DOOMED)  # for what was left in it


def check_revoked(fleet, outage, name):
    """The old token is really refused, and nothing of the old request is left anywhere."""
    eventually(lambda: not outage.record(name), RETURN_SECONDS, f"{name} is revoked")
    print(f"{name}: {time.monotonic() - outage.returned:.1f} s after the return")
    assert fleet.stock.on_member(outage.uids[name]) == set()
    fleet.stock.check_refused(outage.tokens[name])


# Who may abandon.


def test_the_annotation_is_for_those_who_may_abandon(fleet):
    alice, bob = (fleet.hub_api.impersonating(user) for user in ("alice", "bob"))
    body = {"apiVersion": API_MULTICLUSTER, "kind": "AuthTokenRequest",
            "metadata": {"name": "tried", "namespace": TEAM, "annotations": {ABANDON: "true"}},
            "spec": {"targetClusterProfile": {"name": "nowhere"}, "serviceAccountName": "tried"}}
    requests, target = path("authtokenrequests", TEAM), path("authtokenrequests", TEAM, "tried")
    for user in ("alice", "bob"):
        may(fleet, f"{user}-asks", "request-token", "clusterprofiles", "multicluster.x-k8s.io",
            ["nowhere"], TEAM, user)
    eventually(lambda: bob.call("POST", f"{requests}?dryRun=All", body).status == 201,
               what="bob may make a request that is abandoned")
    check_refused(alice.call("POST", requests, body), "credbroker-own-fields", "abandon")
    body["metadata"].pop("annotations")
    alice.create(requests, body)
    check_refused(annotate(alice, target, **{ABANDON: ""}), "credbroker-own-fields", "abandon")
    assert annotate(bob, target, **{ABANDON: "true"}).status == 200
    assert annotate(alice, target, other="x").status == 200
    check_refused(annotate(alice, target, **{ABANDON: "more"}), "credbroker-own-fields")
    assert annotate(alice, target, **{ABANDON: None}).status == 200
    fleet.hub_api.delete(target)


# One outage.


def test_an_abandoned_request_goes_at_once_and_is_revoked_later(fleet, outage):
    check_refused(outage.refusal, "credbroker-own-fields", "abandon")
    assert outage.secret_withdrawn
    check_revoked(fleet, outage, "abandoned")
    eventually(lambda: "Revoked" in outage.events_of_record("abandoned"), what="it is told")


def test_a_request_made_anew_inherits_nothing_of_the_one_before(fleet, outage):
    check_revoked(fleet, outage, "again")
    fleet.wait_ready("again")
    token = fleet.stock.token("again")
    assert token != outage.tokens["again"]
    assert fleet.stock.answer_to(token) == (201, f"system:serviceaccount:{IDENTITIES}:again")
    assert outage.accounts_on_member()["again"] != outage.accounts["again"]


def test_a_profile_made_anew_inherits_nothing_of_the_one_before(fleet, outage):
    old, new = outage.profiles
    eventually(lambda: (outage.record("anew") or {"spec": {"clusterProfile": {"uid": old}}})
               ["spec"]["clusterProfile"]["uid"] == new, RETURN_SECONDS,
               "it has a record for the new one")
    fleet.stock.check_refused(outage.tokens["anew"])
    fleet.wait_ready("anew", seconds=90)
    assert fleet.stock.token("anew") != outage.tokens["anew"]
    assert outage.accounts_on_member()["anew"] != outage.accounts["anew"]


@pytest.mark.parametrize("name", ["inside", "orphan"])
def test_a_namespace_that_goes_by_force_takes_its_credentials_along(fleet, outage, name):
    check_revoked(fleet, outage, name)


def test_a_forgotten_record_was_expired_and_leaves_what_stands(fleet, outage):
    """The token lives on here: only the record said that it had expired."""
    assert outage.forgotten_stands and "forgotten" in outage.accounts_on_member()
    assert outage.record("forgotten") is None
    eventually(lambda: {"ExpiredUnconfirmed", "Forgotten"} <= {
        event["reason"] for event in fleet.hub_api.items(path("events"))
        if event["regarding"]["name"] in ("forgotten", outage.uids["forgotten"])},
        what="both are told")


def test_what_could_not_be_revoked_was_to_be_seen(outage):
    head, *rows = outage.shown.splitlines()
    for column in ("REQUEST", "PROFILE", "STATE", "REASON", "EXPIRES", "AGE"):
        assert f" {column}" in head
    pending = [row for row in rows if "RevocationPending" in row]
    assert len(pending) == len(PLACES) - len(GONE_FOR_GOOD)
    for row in pending:
        assert "MemberUnreachable" in row and re.search(r" 20\d\d-\d\d-\d\dT[\d:]+Z ", row)
    # On the request, or where that was gone already, on its record.
    assert "RevocationPending" in outage.told
