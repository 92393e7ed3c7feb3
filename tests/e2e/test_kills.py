"""The broker dies, or a reply does, at each call that changes something.

Three stretches of a request's life (its first credential, the next one, its end) are run once
undisturbed, which tells the calls. Then each call in turn meets each fate. Whatever happens, the
access is complete in the end, the ledger agrees with the member, and nothing is left behind.
"""

import itertools
import json
import re
import threading

import pytest

import fault_proxy
from fleet import BINDABLE, Fleet, eventually
from inventory import Inventory
from kube_api import path
from testbed import ROOT

LATE_SECONDS = 40
TEMPLATE = "work"
RULES = [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list"]}]

ISSUE = [
    "hub PATCH authtokenrequests/status Pending",
    "hub PATCH authtokenrequests add finalizer",
    "hub POST issuedcredentials",
    "member POST serviceaccounts",
    "member POST roles jobs",
    "member POST clusterroles jobs",
    "member POST rolebindings jobs",
    "member POST clusterrolebindings jobs",
    "member POST clusterrolebindings fleet-viewer",
    "member POST secrets anchor",
    "member POST serviceaccounts/token",
    "hub PUT issuedcredentials token",
    "hub POST secrets",
    "hub POST events Issued",
    "hub PUT issuedcredentials delivery",
    "hub PATCH authtokenrequests/status Issued",
]
RENEW = [
    "hub PUT issuedcredentials generation",
    "member POST secrets anchor",
    "member POST serviceaccounts/token",
    "hub PUT issuedcredentials token",
    "hub PATCH secrets",
    "hub POST events Renewed",
    "hub PUT issuedcredentials delivery",
]
# A template that gave "less" and "same" gives "same" otherwise, and "more".
CHANGE = [
    "member DELETE clusterrolebindings work-less",
    "member DELETE clusterroles work-less",
    "member PATCH clusterroles work-same",
    "hub PUT issuedcredentials delivery",
    "member POST clusterroles work-more",
    "member POST clusterrolebindings work-more",
]
END = [
    "member DELETE rolebindings jobs",
    "member DELETE clusterrolebindings jobs",
    "member DELETE clusterrolebindings fleet-viewer",
    "member DELETE secrets anchor",
    "member DELETE serviceaccounts",
    "member DELETE roles jobs",
    "member DELETE clusterroles jobs",
    "hub DELETE secrets",
    "hub DELETE issuedcredentials",
    "hub POST events Revoked",
    "hub PATCH authtokenrequests remove finalizer",
]
# Where each step of the plan shows; None: it changes nothing, or has no call.
CALL_OF_STEP = {
    "REPORT": "hub PATCH authtokenrequests/status Issued",
    "FORGET": None,
    "ACKNOWLEDGE": "hub PATCH authtokenrequests/status Pending",
    "ADD_FINALIZER": "hub PATCH authtokenrequests add finalizer",
    "CHECK_DESTINATION": None,
    "READ_DELIVERY": None,
    "LOOK_FOR_LEDGER": None,
    "OPEN_LEDGER": "hub POST issuedcredentials",
    "AMEND_LEDGER": "hub PUT issuedcredentials delivery",
    "APPLY_OBJECT": "member PATCH clusterroles work-same",
    "RESTORE_OBJECT": "member PATCH clusterroles work-same",
    "CHECK_REQUESTER": None,
    "SAVE_LEDGER": "hub PUT issuedcredentials token",
    "CREATE_OBJECT": "member POST clusterroles jobs",
    "RESERVE_ANCHOR": "hub PUT issuedcredentials generation",
    "CREATE_ANCHOR": "member POST secrets anchor",
    "MINT": "member POST serviceaccounts/token",
    "PROVE": None,
    "DELIVER": "hub POST secrets",
    "REDELIVER": "hub PATCH secrets",
    "CHECK_CREDENTIAL": "hub PUT issuedcredentials delivery",
    "DELETE_ANCHOR": "member DELETE secrets anchor",
    "CONFIRM_GONE": None,
    "CONFIRM_DENIAL": None,
    "MARK_REVOKING": "hub PUT issuedcredentials delivery",
    "RECORD_WAIT": "hub PUT issuedcredentials delivery",
    "DELETE_OBJECT": "member DELETE clusterroles jobs",
    "WITHDRAW": "hub DELETE secrets",
    "CLOSE_LEDGER": "hub DELETE issuedcredentials",
    "REMOVE_FINALIZER": "hub PATCH authtokenrequests remove finalizer",
}


def resource_of(url):
    """ "secrets", or with its subresource "serviceaccounts/token"; and the object's name."""
    parts = url.partition("?")[0].strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if parts[0] == "namespaces":
        parts = parts[2:]
    name = parts[1] if len(parts) > 1 else ""
    return "/".join([parts[0], *parts[2:]]), name


def readable(name):
    """What is readable in a derived name."""
    found = re.fullmatch(r"credbroker-(.+)-[a-z2-7]{26}", name)
    return found.group(1) if found else ""


def stage_of(ledger):
    """What a ledger that is written has just learnt."""
    newest = ledger["generation"]
    if newest not in [anchor["generation"] for anchor in ledger["anchors"]]:
        return "generation"
    return "delivery" if ledger["secret"].get("generation") == newest else "token"


def label_of(side, exchange):
    """One line for a call that changes something; None for one that does not."""
    method = exchange.record.method
    if (method == "GET" or exchange.record.path.endswith("reviews")
            or "dryRun=All" in exchange.record.path or "/leases" in exchange.record.path):
        return None
    resource, name = resource_of(exchange.record.path)
    body = json.loads(exchange.body)
    detail = readable(name)
    if resource == "authtokenrequests/status":
        detail = body[-1]["value"]["conditions"][0]["reason"]
    elif resource == "authtokenrequests":
        detail = f"{body[-1]['op']} finalizer"
    elif resource == "issuedcredentials" and method == "PUT":
        detail = stage_of(body["spec"])
    elif resource == "events":
        detail = body["reason"]
    elif method == "POST" and resource != "serviceaccounts/token":
        detail = readable(body["metadata"].get("name", ""))
    return f"{side} {method} {resource} {detail}".strip()


class Trap:
    """Sits in both proxies, tells the calls that change something, and gives one its fate."""

    def __init__(self, hub, member):
        self.lock = threading.Lock()
        self.sprung = threading.Event()
        self.set(None, None)
        for side, proxy in (("hub", hub), ("member", member)):
            proxy.on(self._handler(side), times=None)

    def set(self, target, fate):
        with self.lock:
            self.target, self.fate = target, fate
            self.calls = []
            self.sprung.clear()

    def _handler(self, side):
        def handle(exchange):
            label = label_of(side, exchange)
            with self.lock:
                self.calls.append(label)
                fate = fault_proxy.forward
                if label and label == self.target:
                    self.target, fate = None, self.fate
                    self.sprung.set()
            fate(exchange)
        return handle


class Scene:
    """A hub, a member, proxies before both, and one broker at a time."""

    def __init__(self, fleet, member):
        self.fleet = fleet
        self.member = member
        self.hub_proxy = fleet.proxy(fleet.hub)
        self.member_proxy = fleet.proxy(fleet.members[member])
        fleet.give_access(member, server=self.member_proxy.url)
        self.trap = Trap(self.hub_proxy, self.member_proxy)
        self.stock = Inventory(fleet, member)
        self.stock.roles_of_a_template = 2
        self.numbers = itertools.count()
        self.ended_tokens = []
        self.broker = None
        self.start()

    def start(self):
        self.broker = self.fleet.broker(hub_server=self.hub_proxy.url)

    def restart(self):
        self.broker.kill()
        self.start()

    # Fates.

    def killed_before_the_reply(self, exchange):
        exchange.fetch()
        self.broker.process.kill()
        exchange.cut()

    def killed_after_the_reply(self, exchange):
        exchange.fetch()
        exchange.pass_on()
        self.broker.process.kill()

    @staticmethod
    def reply_lost(exchange):
        fault_proxy.lose_reply(exchange)

    def await_fate(self, fate):
        """Until it has struck; a broker that died is followed by the next."""
        assert self.trap.sprung.wait(LATE_SECONDS), f"no call {self.trap.target}"
        if fate != "reply_lost":
            self.broker.process.wait(LATE_SECONDS)
            self.start()

    # A request's life.

    def new_request(self, **spec):
        name = f"case-{next(self.numbers)}"
        self.fleet.request(name, self.member, **{
            "clusterRoles": [{"name": "jobs", "rules": RULES}, {"name": BINDABLE}],
            "roles": [{"name": "jobs", "namespace": "apps", "rules": RULES}], **spec})
        return name

    def set_template(self, **verbs):
        """One ClusterRole for jobs of each name, with these verbs."""
        self.fleet.hub.apply({
            "apiVersion": "credbroker.dev/v1alpha1", "kind": "RBACTemplate",
            "metadata": {"name": TEMPLATE},
            "spec": {"description": "for a test", "clusterRoles": [
                {"name": name, "rules": [{**RULES[0], "verbs": allowed}]}
                for name, allowed in verbs.items()]}})

    def rules_on_member(self):
        """The verbs of each ClusterRole of ours that is bound."""
        bound = {binding["roleRef"]["name"] for binding in self.stock.ours("clusterrolebindings")}
        return {readable(role["metadata"]["name"]): role["rules"][0]["verbs"]
                for role in self.stock.ours("clusterroles") if role["metadata"]["name"] in bound}

    def record_is_complete(self, name):
        return all(item.get("uid") for item in self.stock.ledger(name)["objects"]) and \
            len(self.stock.ledger(name)["objects"]) == 5

    def issued_request(self, **spec):
        name = self.new_request(**spec)
        self.check_issued(name)
        return name

    def check_issued(self, name):
        self.fleet.wait_ready(name, seconds=LATE_SECONDS)
        return self.stock.check_issued(name)

    def ask_for_another(self, name):
        """Another lifetime means another token."""
        self.fleet.hub_api.merge(path("authtokenrequests", "team-a", name),
                                 {"spec": {"credential": {"expirationSeconds": 7200}}})

    def await_another(self, name, generation):
        """A token of a later GENERATION is delivered, and everything knows it."""
        def renewed():
            annotations = self.stock.secret(name)["metadata"]["annotations"]
            newest = self.stock.anchors(name)[-1]
            return (str(newest["generation"]) == annotations["credbroker.dev/anchor-generation"]
                    and newest["generation"] > generation
                    and self.stock.request(name)["status"].get("expirationTimestamp")
                    == newest["expirationTimestamp"])
        eventually(renewed, LATE_SECONDS, f"{name} has another token")

    def end(self, name):
        self.ended_tokens.append(self.stock.token(name))
        self.delete(name)
        self.stock.check_ended(name)

    def delete(self, name):
        self.fleet.hub_api.delete(path("authtokenrequests", "team-a", name))


@pytest.fixture(scope="module")
def scene(own_name):
    with Fleet(own_name("hub"), own_name("m1")) as fleet:
        fleet.policy.templates = [{"name": TEMPLATE}]
        fleet.policy.apply()
        scene = Scene(fleet, own_name("m1"))
        yield scene
        for token in scene.ended_tokens:
            scene.stock.check_refused(token)
        scene.broker.stop()


@pytest.fixture(autouse=True)
def clean(scene):
    """What a failed test leaves is not the next one's trouble."""
    yield
    scene.trap.set(None, None)
    if not scene.fleet.nothing_is_left() or scene.broker.process.poll() is not None:
        scene.broker.kill()
        scene.stock.purge()
        scene.start()


FATES = ["killed_before_the_reply", "killed_after_the_reply", "reply_lost"]


def made(calls, expected):
    """The calls that change something, without reports of progress, whose number depends on time."""
    found = [call for call in calls if call in expected or call and "/status" not in call]
    # Events are not waited for, so they may come a little earlier or later.
    order = [call for call in found if " events " not in call]
    return order, {call for call in found if " events " in call}


def split(expected):
    return [call for call in expected if " events " not in call], {
        call for call in expected if " events " in call}


def test_an_undisturbed_life_makes_exactly_these_calls(scene):
    scene.trap.set(None, None)
    name = scene.new_request()
    scene.check_issued(name)
    assert made(scene.trap.calls, ISSUE) == split(ISSUE)

    scene.restart()  # a broker mints at most once a minute for a request
    generation = scene.stock.anchors(name)[-1]["generation"]
    scene.trap.set(None, None)
    scene.ask_for_another(name)
    scene.await_another(name, generation)
    eventually(lambda: "hub POST events Renewed" in scene.trap.calls)
    assert made(scene.trap.calls, RENEW) == split(RENEW)

    scene.trap.set(None, None)
    scene.end(name)
    calls = scene.trap.calls
    anchors = [call for call in calls if call == "member DELETE secrets anchor"]
    assert len(anchors) == 2
    calls.remove(anchors[0])
    assert made(calls, END) == split(END)


def test_every_step_of_the_plan_is_among_these_calls():
    header = (ROOT / "broker/core/access_plan.h").read_text(encoding="ascii")
    steps = set(re.findall(r"^\tACCESS_(\w+),", header, re.MULTILINE)) - {"STEP_COUNT"}
    assert steps == set(CALL_OF_STEP)
    assert {call for call in CALL_OF_STEP.values() if call} <= {*ISSUE, *RENEW, *CHANGE, *END}


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("call", ISSUE)
def test_a_first_credential_survives(scene, call, fate):
    scene.trap.set(call, getattr(scene, fate))
    name = scene.new_request()
    scene.await_fate(fate)
    scene.fleet.wait_ready(name, seconds=LATE_SECONDS)
    # A token that got out, with nobody alive who knows it, lives on beside the next for two minutes.
    got_out = fate != "reply_lost" and call in ("hub POST secrets", "hub POST events Issued")
    scene.stock.check_issued(name, anchors=(1, 2) if got_out else (1,))
    scene.end(name)


@pytest.mark.parametrize("call", ISSUE)
def test_a_request_that_ends_while_the_broker_is_dead_leaves_nothing(scene, call):
    scene.trap.set(call, scene.killed_before_the_reply)
    name = scene.new_request()
    assert scene.trap.sprung.wait(LATE_SECONDS)
    scene.broker.process.wait(LATE_SECONDS)
    scene.delete(name)
    scene.start()
    scene.stock.check_ended(name)


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("call", RENEW)
def test_the_next_credential_survives(scene, call, fate):
    name = scene.issued_request()
    scene.restart()
    generation = scene.stock.anchors(name)[-1]["generation"]
    scene.trap.set(call, getattr(scene, fate))
    scene.ask_for_another(name)
    scene.await_fate(fate)
    scene.await_another(name, generation)
    # The one that was delivered before lives on for two minutes, and so does one that may have been.
    scene.stock.check_issued(name, anchors=(2, 3))
    assert {call for call in scene.trap.calls if call and "/status" in call} <= {
        "hub PATCH authtokenrequests/status Issued"}, "the request was Ready throughout"
    scene.end(name)


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("call", CHANGE)
def test_a_changed_template_survives(scene, call, fate):
    scene.set_template(less=["get"], same=["get"])
    name = scene.issued_request(clusterRoles=[], roles=[], templates=[{"name": TEMPLATE}])
    scene.restart()
    scene.trap.set(call, getattr(scene, fate))
    scene.set_template(same=["get", "list"], more=["get"])
    scene.await_fate(fate)
    eventually(lambda: scene.rules_on_member() == {"work-same": ["get", "list"], "work-more": ["get"]},
               LATE_SECONDS, "the member has what the template gives")
    eventually(lambda: scene.record_is_complete(name), LATE_SECONDS, "all of it is on record")
    scene.stock.check_issued(name)
    scene.end(name)


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("call", END)
def test_an_end_survives(scene, call, fate):
    name = scene.issued_request()
    scene.ended_tokens.append(scene.stock.token(name))
    scene.trap.set(call, getattr(scene, fate))
    scene.delete(name)
    scene.await_fate(fate)
    scene.stock.check_ended(name)
