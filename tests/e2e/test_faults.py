"""Faults of hub and members while the broker works: servers die, forget, refuse, or are others.

Whatever happens, access is complete in the end, nothing is doubled, and nothing is left behind.
Each member has two ClusterProfiles: its own name leads to it, "NAME-behind" through a proxy.
"""

import concurrent.futures
import itertools
import json
import time

import pytest

import fault_proxy as fault
from fleet import IDENTITIES, OWN, TEAM, Fleet, eventually
from inventory import Inventory
from kube_api import path

MANY = 30
HELD = 5      # of the 8 calls that a member gets at a time
LATE_SECONDS = 60
GOES_ON_SECONDS = 10
WRITES = ("POST", "PUT", "PATCH", "DELETE")
LIST = r"/authtokenrequests\?(?!.*watch=)"
WATCH = r"/authtokenrequests\?.*watch="
PLAIN_404 = fault.answer(404, "404 page not found\n", "text/plain; charset=utf-8")
EXPIRED = fault.stream(json.dumps({"type": "ERROR", "object": {
    "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired",
    "message": "too old resource version", "code": 410}}) + "\n")
COUNTER = itertools.count()


class Scene:
    """A hub, two members, proxies before all of them, and one broker at a time."""

    def __init__(self, fleet, m1, m2):
        self.fleet = fleet
        self.hub = fleet.hub
        self.m1, self.m2 = m1, m2
        self.hub_proxy = fleet.proxy(fleet.hub)
        self.proxies = {name: fleet.proxy(fleet.members[name]) for name in (m1, m2)}
        self.stock = Inventory(fleet, m1)
        for name in (m1, m2):
            fleet.add_profile(behind(name))
            fleet.give_access(behind(name), member=name, server=self.proxies[name].url)
        self.broker = None

    def serve(self, through_proxy=True):
        """A new broker, unless there is one that reaches the hub in this way."""
        wanted = self.hub_proxy.url if through_proxy else self.hub.server
        if self.broker and self.broker.server == wanted and self.broker.process.poll() is None:
            return
        self.restart(wanted)

    def restart(self, server=None, *flags):
        server = server or self.broker.server
        if self.broker:
            self.broker.stop()
        self.broker = self.fleet.broker(*flags, hub_server=server)
        self.broker.server = server

    def ask(self, member, count=1, prefix="one", **spec):
        number = next(COUNTER)
        names = [f"{prefix}-{number}-{i}" for i in range(count)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda name: self.fleet.request(name, member, **spec), names))
        return names

    def issued(self, member, count=1):
        names = self.ask(member, count)
        self.wait_ready(names)
        return names

    def wait_ready(self, names, seconds=LATE_SECONDS):
        eventually(lambda: all(self.is_ready(name) for name in names), seconds,
                   f"all are Ready: {[self.fleet.condition(name) for name in names]}")

    def is_ready(self, name):
        return self.fleet.condition(name).get("status") == "True"

    def delete(self, names):
        for name in names:
            self.fleet.hub_api.delete(path("authtokenrequests", TEAM, name))

    def end(self, names):
        self.delete(names)
        self.stock.check_ended(*names, seconds=LATE_SECONDS)

    def forget(self):
        for proxy in (self.hub_proxy, *self.proxies.values()):
            proxy.forget()
            if not proxy.is_listening():
                proxy.resume()

    def member_writes(self):
        return [record for proxy in self.proxies.values() for method in WRITES
                for record in proxy.seen(method=method)]

    def secret_versions(self, names):
        return [self.stock.secret(name)["metadata"]["resourceVersion"] for name in names]


def behind(name):
    return f"{name}-behind"


@pytest.fixture(scope="module")
def scene(own_name):
    m1, m2 = own_name("m1"), own_name("m2")
    with Fleet(own_name("hub"), m1, m2) as fleet:
        scene = Scene(fleet, m1, m2)
        yield scene
        scene.broker.stop()


@pytest.fixture(autouse=True)
def clean(scene):
    """What a failed test leaves is not the next one's trouble."""
    scene.forget()
    yield
    scene.forget()
    if not scene.fleet.nothing_is_left():
        scene.broker.kill()
        scene.stock.purge()
        Inventory(scene.fleet, scene.m2).purge()


# Servers that die.


def test_a_hub_that_is_killed_in_the_middle_of_work_leads_to_nothing_lost_or_doubled(scene):
    scene.serve(through_proxy=False)
    proxy = scene.proxies[scene.m1]
    held = proxy.on(fault.hold_reply, method="POST", path="/token$", skip=3, times=HELD)
    names = scene.ask(behind(scene.m1), MANY)
    held.wait(LATE_SECONDS, count=HELD)
    scene.hub.stop("kube-apiserver")
    held.release()
    assert scene.broker.process.poll() is None
    scene.hub.start("kube-apiserver")
    scene.wait_ready(names)
    scene.stock.check_all_issued(names)
    scene.stock.check_issued(names[0])
    scene.end(names)


def test_a_member_that_is_killed_in_the_middle_of_work_leads_to_nothing_lost_or_doubled(scene):
    scene.serve()
    member = scene.fleet.members[scene.m1]
    held = scene.hub_proxy.on(fault.hold, method="PUT", path="/issuedcredentials/", skip=3,
                              times=HELD)
    names = scene.ask(scene.m1, MANY)
    held.wait(LATE_SECONDS, count=HELD)
    member.stop("kube-apiserver")
    held.release()
    eventually(lambda: any(scene.fleet.condition(name).get("reason") == "MemberUnreachable"
                           for name in names), LATE_SECONDS, "the dead member is told")
    member.start("kube-apiserver")
    scene.wait_ready(names)
    scene.stock.check_all_issued(names)
    scene.stock.check_issued(names[0])
    scene.end(names)


def test_what_happens_while_the_history_is_compacted_is_not_missed(scene):
    """Neither a new request, nor a deletion, nor one that left nothing behind to be watched."""
    scene.serve()
    stays, goes, stripped = scene.issued(scene.m1, 3)
    before = scene.secret_versions([stays])
    scene.hub_proxy.refuse()
    [comes] = scene.ask(scene.m1)
    scene.delete([goes, stripped])
    scene.fleet.hub_api.merge(path("authtokenrequests", TEAM, stripped),
                              {"metadata": {"finalizers": None}})
    assert scene.stock.request(stripped) is None and scene.stock.request(goes)
    scene.hub.compact()
    scene.hub_proxy.forget()
    scene.hub_proxy.resume()
    scene.wait_ready([comes])
    assert scene.hub_proxy.seen(method="GET", path=LIST), "the history was really gone"
    eventually(lambda: scene.stock.request(goes) is None, LATE_SECONDS, f"{goes} is gone")
    scene.stock.check_all_issued([stays, comes])
    assert scene.secret_versions([stays]) == before
    scene.end([stays, comes])


# Servers that are too busy.


@pytest.mark.parametrize("hub_says, member_says", [(429, 503), (503, 429)])
def test_work_goes_on_after_a_server_was_too_busy(scene, hub_says, member_says):
    actions = {429: fault.too_many_requests(1),
               503: fault.answer(503, "upstream connect error", "text/plain")}
    scene.serve()
    [old] = scene.issued(behind(scene.m1))
    rules = [scene.hub_proxy.on(actions[hub_says], path=pattern)
             for pattern in (WATCH, "/status$", "/issuedcredentials", "/secrets")]
    rules += [scene.proxies[scene.m1].on(actions[member_says], method="POST", path=pattern)
              for pattern in ("/serviceaccounts$", "/secrets$", "/token$", "reviews$")]
    scene.hub_proxy.cut_connections()
    [new] = scene.ask(behind(scene.m1))
    scene.wait_ready([new])
    for rule in rules:
        rule.wait(GOES_ON_SECONDS)
    scene.stock.check_all_issued([old, new])
    gone = [proxy.on(actions[code], method="DELETE") for proxy, code in (
        (scene.hub_proxy, hub_says), (scene.proxies[scene.m1], member_says))]
    scene.end([old, new])
    for rule in gone:
        rule.wait(GOES_ON_SECONDS)


# Members that are away.


def test_a_deletion_waits_for_a_member_that_is_away_but_the_hub_keeps_no_secret(scene):
    scene.serve()
    names = scene.issued(behind(scene.m1), 2)
    scene.proxies[scene.m1].refuse()
    for name in names:  # the first tells that the member is away, the second is told
        scene.delete([name])
        assert scene.fleet.wait_reason(name, "RevocationPending")["status"] == "False"
        assert scene.stock.secret(name) is None
        assert scene.stock.request(name)["metadata"]["finalizers"]
    assert len(scene.fleet.ledgers()) == len(names) and scene.fleet.on_member(scene.m1)
    scene.proxies[scene.m1].resume()
    scene.stock.check_ended(*names)


def test_a_namespace_that_ends_while_its_member_is_away_is_undone_when_it_returns(scene):
    scene.serve()
    scene.hub.kubectl("create", "namespace", "leaving")
    scene.fleet.open_namespace("leaving")
    scene.fleet.request("inside", behind(scene.m1), namespace="leaving")
    scene.fleet.wait_ready("inside", "leaving")
    scene.proxies[scene.m1].refuse()
    scene.hub.kubectl("delete", "namespace", "leaving", "--wait=false")
    scene.fleet.wait_reason("inside", "RevocationPending", namespace="leaving")
    assert scene.fleet.on_member(scene.m1)
    scene.proxies[scene.m1].resume()
    scene.hub.kubectl("wait", "--for=delete", "namespace/leaving", "--timeout=60s")
    scene.stock.check_nothing_is_left()


def test_a_deletion_waits_no_longer_than_its_deadline_and_is_made_up_for(scene):
    scene.serve()
    scene.restart(scene.hub_proxy.url, "--deletion-deadline", "2s")
    [name] = scene.issued(behind(scene.m1))
    scene.proxies[scene.m1].refuse()
    scene.delete([name])
    eventually(lambda: scene.stock.request(name) is None, what="the request is released")
    assert scene.stock.secret(name) is None
    assert len(scene.fleet.ledgers()) == 1 and scene.fleet.on_member(scene.m1)
    scene.restart(scene.hub_proxy.url)
    scene.proxies[scene.m1].resume()
    scene.stock.check_nothing_is_left()


def test_a_dead_and_a_slow_member_delay_no_request_of_a_healthy_one(scene):
    scene.serve()
    scene.fleet.add_profile("dead")
    scene.fleet.give_access("dead", member=scene.m2, server=scene.proxies[scene.m2].url)
    dead, slow = scene.proxies[scene.m2], scene.proxies[scene.m1]
    dead.on(fault.deaf, times=None)
    slow.on(fault.delay(3), times=None)
    others = scene.ask("dead", MANY // 2) + scene.ask(behind(scene.m1), MANY // 2)
    begun = time.monotonic()
    names = scene.ask(scene.m2, MANY // 3)
    scene.wait_ready(names, GOES_ON_SECONDS)
    print(f"{len(names)} are Ready after {time.monotonic() - begun:.2f} s")
    assert not any(scene.is_ready(name) for name in others)
    scene.forget()
    for proxy in (dead, slow):
        proxy.cut_connections()
    scene.wait_ready(others)
    scene.end(names + others)


# Members that refuse.


READ_ONLY = fault.answer(500, json.dumps({
    "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "InternalError",
    "message": "etcdserver: mvcc: database space exceeded", "code": 500}))
OVER_QUOTA = fault.answer(403, json.dumps({
    "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden",
    "message": "exceeded quota: objects", "code": 403}))
NO_TOKENS = fault.answer(404, "404 page not found\n", "text/plain; charset=utf-8")
DENIED_BY_A_WEBHOOK = fault.answer(422, json.dumps({
    "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid",
    "message": "admission webhook denied the request", "code": 422}))


@pytest.mark.parametrize("refusal, where", [
    (READ_ONLY, ""), (OVER_QUOTA, "/secrets$"), (NO_TOKENS, "/token$"),
    (DENIED_BY_A_WEBHOOK, "bindings$")], ids=["read-only", "quota", "no tokens", "webhook"])
def test_a_member_that_refuses_writes_is_waited_for_and_costs_nothing_that_works(
        scene, refusal, where):
    scene.serve()
    proxy = scene.proxies[scene.m1]
    stays, goes = scene.issued(behind(scene.m1), 2)
    secrets = scene.secret_versions([stays])
    rules = [proxy.on(refusal, method=method, path=where, times=None)
             for method in (WRITES if not where else ["POST"])]
    [new] = scene.ask(behind(scene.m1))
    eventually(lambda: sum(rule.count for rule in rules), LATE_SECONDS, "a write is refused")
    scene.delete([goes])
    eventually(lambda: scene.stock.secret(goes) is None, LATE_SECONDS, "the Secret is withdrawn")
    assert not scene.is_ready(new) and scene.is_ready(stays)
    assert scene.secret_versions([stays]) == secrets
    proxy.forget()
    scene.wait_ready([new])
    eventually(lambda: scene.stock.request(goes) is None, LATE_SECONDS, f"{goes} is gone")
    scene.stock.check_all_issued([stays, new])
    scene.end([stays, new])


def test_an_identity_that_goes_before_its_token_is_made_gets_none_of_another(scene):
    """Between the ServiceAccount and its first token, somebody makes another one of its name."""
    scene.serve()
    api = scene.fleet.apis[scene.m1]
    name = f"fleeting-{next(COUNTER)}"
    where = path("serviceaccounts", IDENTITIES, name)

    def exchange():
        api.delete(where)
        api.create(path("serviceaccounts", IDENTITIES), {
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})

    taken = scene.proxies[scene.m1].on(fault.call_before(exchange), method="POST",
                                       path=f"/{name}/token$")
    scene.fleet.request(name, behind(scene.m1))
    taken.wait(LATE_SECONDS)
    scene.fleet.wait_reason(name, "ServiceAccountConflict")
    assert scene.stock.secret(name) is None
    uid = api.get(where)["metadata"]["uid"]
    scene.end([name])
    assert api.get(where)["metadata"]["uid"] == uid
    assert "labels" not in api.get(where)["metadata"], "another's, as it was made"
    api.delete(where)


# A hub that is mistaken.


def emptied(body):
    return json.dumps({**json.loads(body), "items": []}).encode()


def lose_requests(scene, restart):
    """The next list of requests is empty."""
    lists = scene.hub_proxy.on(fault.rewrite(emptied), method="GET", path=LIST)
    if restart:
        scene.restart()
    else:
        scene.hub_proxy.on(EXPIRED, path=WATCH)
        scene.hub_proxy.cut_connections()
    lists.wait(LATE_SECONDS)


def check_nothing_was_revoked(scene, names, secrets):
    assert [record for proxy in (scene.hub_proxy, *scene.proxies.values())
            for record in proxy.seen(method="DELETE")] == []
    assert scene.secret_versions(names) == secrets


@pytest.mark.parametrize("restart", [False, True], ids=["after a gap", "at the start"])
def test_an_empty_list_of_requests_revokes_nothing(scene, restart):
    scene.serve()
    names = scene.issued(behind(scene.m1), 3)
    secrets = scene.secret_versions(names)
    scene.forget()
    lose_requests(scene, restart)
    for name in names:
        eventually(lambda: scene.hub_proxy.seen(method="GET", path=f"/{name}$"),
                   what="it is asked for once more")
    [new] = scene.issued(behind(scene.m1))
    check_nothing_was_revoked(scene, names, secrets)
    scene.stock.check_all_issued([*names, new])
    scene.end([*names, new])


def test_a_missing_api_revokes_nothing(scene):
    """Each request answers 404 as well, as while the CRD is away or not served yet."""
    scene.serve()
    names = scene.issued(behind(scene.m1), 3)
    secrets = scene.secret_versions(names)
    scene.forget()
    gone = scene.hub_proxy.on(PLAIN_404, path="/authtokenrequests", times=None)
    lose_requests(scene, restart=False)
    for name in names:
        eventually(lambda: len(scene.hub_proxy.seen(method="GET", path=f"/{name}$")) > 2,
                   LATE_SECONDS, "it is asked for again and again")
    assert gone.count > 0
    check_nothing_was_revoked(scene, names, secrets)
    scene.forget()
    scene.hub_proxy.cut_connections()
    scene.stock.check_all_issued(names)
    scene.end(names)


# A member that is another.


def state_of(api):
    return {(resource, item["metadata"]["namespace"], item["metadata"]["name"]):
            item["metadata"]["resourceVersion"] for resource in ("serviceaccounts", "secrets")
            for item in api.items(path(resource)) if item["metadata"]["namespace"] == IDENTITIES}


def test_another_cluster_under_the_same_address_is_left_alone(scene):
    scene.serve()
    proxy = scene.proxies[scene.m1]
    other, other_api = scene.fleet.members[scene.m2], scene.fleet.apis[scene.m2]
    stays, goes = scene.issued(behind(scene.m1), 2)
    proxy.on(fault.answer(503), method="POST", path="/serviceaccounts$", times=None)
    [begun] = scene.ask(behind(scene.m1))
    eventually(lambda: scene.stock.ledger(begun), what="it is on record before it is made")
    credential = scene.fleet.credential(stays)
    for name in (stays, goes, begun):
        other_api.create(path("serviceaccounts", IDENTITIES), {
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
    before = state_of(other_api)

    bearer = other.token("credbroker", OWN)
    scene.fleet.tokens.add(bearer)
    proxy.refuse()
    eventually(lambda: scene.fleet.condition(begun).get("reason") == "MemberUnreachable")
    proxy.switch(other.server, other.ca, bearer=bearer)
    proxy.forget()
    proxy.resume()
    scene.delete([goes])
    for name in (stays, goes, begun):
        assert scene.fleet.wait_reason(name, "MemberChanged")["status"] == "False"
    assert scene.stock.secret(goes) is None
    assert scene.member_writes() == []
    assert state_of(other_api) == before and scene.fleet.on_member(scene.m2) == []

    proxy.refuse()
    mine = scene.fleet.members[scene.m1]
    proxy.switch(mine.server, mine.ca)
    proxy.resume()
    scene.fleet.give_access(behind(scene.m1), member=scene.m1, server=proxy.url)
    eventually(lambda: scene.stock.request(goes) is None, LATE_SECONDS, f"{goes} is gone")
    scene.wait_ready([stays, begun])
    assert scene.fleet.credential(stays) == credential
    scene.stock.check_all_issued([stays, begun])
    scene.end([stays, begun])
    for name in (stays, goes, begun):
        other_api.delete(path("serviceaccounts", IDENTITIES, name))


# A broker that is started again.


def test_a_restart_mints_nothing_and_writes_no_secret(scene):
    scene.serve()
    names = scene.issued(behind(scene.m1), 3)
    secrets = scene.secret_versions(names)
    scene.forget()
    scene.restart()
    [new] = scene.issued(behind(scene.m1))  # the others had their turn before
    assert len(scene.proxies[scene.m1].seen(method="POST", path="/token$")) == 1
    assert scene.secret_versions(names) == secrets
    scene.stock.check_all_issued([*names, new])
    scene.end([*names, new])
