"""A member that lies, floods or echoes harms nobody but itself, and its request says so.

Each case has a proxy of its own in front of the one real member, so that the broker takes them for
many; all are asked for at once, and so is an honest one. Sanitizers watch over the broker.
"""

import base64
import json
import time

import pytest

import fault_proxy as fault
from fleet import OWN, TEAM, Fleet, access_object, eventually, profile_object
from inventory import Inventory
from kube_api import path
from testbed import kubeconfig

HONEST = [f"honest-{i}" for i in range(3)]
LATE_SECONDS = 60
GOES_ON_SECONDS = 20
MESSAGE_MAX = 1024
LONG = "x" * (200 << 10)      # fits into what a member may answer with
TOO_LONG = "x" * (300 << 10)  # does not
DEEP = "[" * 100_000 + "]" * 100_000
JSON_TYPE = [["Content-Type", "application/json"]]


# What it does.


def garbage(exchange):
    exchange.wire.send(b"\x00\x01 no HTTP at all\r\n" * 100)
    exchange.cut()


def drip(exchange):
    """A body that never ends and never is too long."""
    exchange.begin_reply(200, JSON_TYPE, chunked=True)
    exchange.data(b'{"metadata":{"uid":"')
    while not exchange.proxy.closing.is_set():
        exchange.data(b"x")
        exchange.pause(0.2)


def interim(exchange):
    """Headers that go before the reply, and nothing else."""
    while not exchange.proxy.closing.is_set():
        exchange.wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n")


def echo(status):
    """It says back whatever credential it was shown."""
    def action(exchange):
        shown = exchange.head.value("authorization")
        GIVEN.add(shown.removeprefix("Bearer "))
        exchange.answer(status, json.dumps({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status,
            "reason": shown, "message": f"you sent {shown}", "details": {"name": shown}}),
            headers=[("Warning", f'299 - "{shown}"')])
    return action


def says(**fields):
    return fault.answer(200, json.dumps({"kind": "Namespace", **fields}))


def changed(function):
    """The real object, as FUNCTION changes it."""
    def make(body):
        body = json.loads(body)
        function(body)
        return json.dumps(body).encode()
    return fault.rewrite(make)


def with_uid(uid):
    return changed(lambda body: body["metadata"].update(uid=uid))


def decoded(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def encoded(part):
    text = part if isinstance(part, str) else json.dumps(part)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


GIVEN = set()  # tokens that the member really gave; the made ones have their signatures


def token(make):
    def change(body):
        GIVEN.add(body["status"]["token"])
        body["status"]["token"] = make(body["status"]["token"])
    return changed(change)


def claims(change):
    def make(text):
        header, payload, signature = text.split(".")
        payload = decoded(payload)
        payload = change(payload) or payload
        return ".".join([header, encoded(payload), signature])
    return token(make)


def claim(**fields):
    return claims(lambda payload: payload.update(fields))


def bound_to(kind):
    return claims(lambda payload: payload["kubernetes.io"][kind].update(uid="another"))


def user(**fields):
    return changed(lambda body: body["status"]["userInfo"].update(fields))


FIRST = ("GET", "/kube-system$")
ACCOUNT = (None, "/serviceaccounts(/|$)")
ROLE = (None, "/clusterroles(/|$)")
ANCHOR = ("POST", "/secrets$")
TOKEN = ("POST", "/token$")
PROOF = ("POST", "reviews$")

# What it does, at which call, and the reasons that the request may then give.
AWAY = {"MemberUnreachable"}
BROKEN = {"MemberUnreachable", "MemberUnavailable"}
REFUSED = {"TokenRefused"}
CASES = {
    "oversize body": (FIRST, fault.answer(200, json.dumps({"x": TOO_LONG})), AWAY),
    "endless body": (FIRST, fault.endless_body, AWAY),
    "endless headers": (FIRST, fault.endless_headers, AWAY),
    "endless interim replies": (FIRST, interim, AWAY | {"MemberConnecting"}),
    "dripping body": (FIRST, drip, AWAY | {"MemberConnecting"}),
    "no answer": (FIRST, fault.deaf, AWAY | {"MemberConnecting"}),
    "deep JSON": (FIRST, fault.answer(200, DEEP), AWAY),
    "no JSON": (FIRST, fault.answer(200, "{"), AWAY),
    "a web page": (FIRST, fault.answer(200, "<html>", "text/html"), AWAY),
    "no HTTP": (FIRST, garbage, AWAY),
    "echoed in a refusal": (FIRST, echo(403), AWAY),
    "echoed in a failure": (FIRST, echo(500), AWAY),
    "no identity": (FIRST, says(metadata={}), AWAY),
    "a number for an identity": (FIRST, says(metadata={"uid": 7}), AWAY),
    "an endless identity": (FIRST, says(metadata={"uid": LONG}), AWAY),
    "an identity with a line's end": (FIRST, says(metadata={"uid": "a\r\nb"}), AWAY),
    "redirect": (FIRST, None, AWAY),
    "redirect of a write": (TOKEN, None, {"TokenRequestFailed"}),

    "an endless UID": (ACCOUNT, with_uid(LONG), BROKEN),
    "an oversize account": (ACCOUNT, with_uid(TOO_LONG), BROKEN),
    "a UID that is none": (ACCOUNT, with_uid(["a"]), BROKEN | {"ServiceAccountConflict"}),
    "echoed for an account": (ACCOUNT, echo(422), {"MemberUnavailable"}),
    "a role with other rules": (ROLE, changed(lambda body: body.update(rules=[
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])), {"RoleConflict"}),
    "an endless UID of an anchor": (ANCHOR, with_uid(LONG), {"Retrying"}),
    "an anchor without a UID": (ANCHOR, with_uid(""), {"Retrying"}),

    "a token for another subject": (TOKEN, claim(sub="system:serviceaccount:kube-system:x"),
                                    REFUSED),
    "a token for another anchor": (TOKEN, bound_to("secret"), REFUSED),
    "a token for another account": (TOKEN, bound_to("serviceaccount"), REFUSED),
    "a token that is not bound": (TOKEN, claims(lambda c: c.pop("kubernetes.io") and None),
                                  REFUSED),
    "a token for ever": (TOKEN, claim(exp=10 ** 18), REFUSED),
    "a token for a century": (TOKEN, claim(exp=int(time.time()) + 3_000_000_000), REFUSED),
    "a token from the past": (TOKEN, claim(exp=-1), REFUSED),
    "a token until infinity": (TOKEN, claims(lambda c: json.dumps(c).replace(
        str(c["exp"]), "1e999")), REFUSED),
    "a token until a word": (TOKEN, claim(exp="tomorrow"), REFUSED),
    "a token without an end": (TOKEN, claims(lambda c: c.pop("exp") and None), REFUSED),
    "a token for no time": (TOKEN, claims(lambda c: c.update(exp=c["iat"] + 1)), REFUSED),
    "an endless id": (TOKEN, claim(jti="j" * 9000), REFUSED),
    "an id with a line's end": (TOKEN, claim(jti="a\nb"), REFUSED),
    "deep claims": (TOKEN, claims(lambda _: '{"a":' * 1000 + "1" + "}" * 1000), REFUSED),
    "an endless token": (TOKEN, token(lambda text: text + LONG), REFUSED),
    "a token with a header": (TOKEN, token(lambda text: text + "\r\nX-Header: x"), REFUSED),
    "two parts of a token": (TOKEN, token(lambda text: text.rpartition(".")[0]), REFUSED),
    "no token": (TOKEN, token(lambda _: ""), REFUSED),
    "a number for a token": (TOKEN, token(lambda _: 7), REFUSED),
    "an oversize token": (TOKEN, token(lambda text: text + TOO_LONG), {"TokenRequestFailed"}),

    "another user": (PROOF, user(username="system:admin"), REFUSED),
    "another user's UID": (PROOF, user(uid="another"), REFUSED),
    "no user": (PROOF, changed(lambda body: body.update(status=None)), REFUSED),
    "the token echoed": (PROOF, echo(401), {"TokenNotAccepted"}),
    "the token echoed in a failure": (PROOF, echo(503), {"MemberUnavailable"}),
}


def slug(case):
    return case.lower().replace(" ", "-").replace("'", "")


class Scene:
    def __init__(self, fleet, member):
        self.fleet = fleet
        self.member = member
        self.stock = Inventory(fleet, member)
        self.elsewhere = fleet.proxy(fleet.members[member])  # where redirects lead
        self.proxies = {case: fleet.proxy(fleet.members[member]) for case in CASES}
        for case, ((method, where), action, _) in CASES.items():
            action = action or fault.redirect(self.elsewhere.url + "/version")
            self.proxies[case].on(action, method=method, path=where, times=None)
        self.give_access()
        self.broker = fleet.broker()

    def give_access(self):
        plane = self.fleet.members[self.member]
        own_token = plane.token("credbroker", OWN)
        self.fleet.tokens.add(own_token)
        self.fleet.hub.apply(*map(profile_object, map(slug, CASES)), *(
            access_object(slug(case), kubeconfig(proxy.url, plane.ca_pem(), own_token))
            for case, proxy in self.proxies.items()))

    def reason(self, case):
        return self.fleet.condition(slug(case)).get("reason")


@pytest.fixture(scope="module")
def scene(own_name):
    member = own_name("m1")
    with Fleet(own_name("hub"), member) as fleet:
        scene = Scene(fleet, member)
        for case in CASES:
            fleet.request(slug(case), slug(case))
        for name in HONEST:
            fleet.request(name, member)
        yield scene
        fleet.tokens |= GIVEN
        scene.broker.stop()


def test_an_honest_member_is_served_meanwhile(scene):
    begun = time.monotonic()
    for name in HONEST:
        scene.fleet.wait_ready(name, seconds=GOES_ON_SECONDS)
        scene.stock.check_issued(name)
    print(f"Ready after {time.monotonic() - begun:.2f} s")


@pytest.mark.parametrize("case", CASES)
def test_what_a_member_does_is_told_and_nothing_is_delivered(scene, case):
    _, _, reasons = CASES[case]
    eventually(lambda: scene.reason(case) in reasons, LATE_SECONDS,
               f"{case}: {scene.fleet.condition(slug(case))}")
    condition = scene.fleet.condition(slug(case))
    assert condition["status"] == "False"
    assert condition["message"].isprintable() and len(condition["message"]) <= MESSAGE_MAX
    assert scene.stock.secret(slug(case)) is None
    assert scene.broker.process.poll() is None


def test_no_redirect_is_followed(scene):
    assert [proxy for proxy in scene.proxies.values() if proxy.rules[0].count == 0] == []
    assert scene.elsewhere.seen() == []


def test_all_of_it_ends_when_the_member_is_honest_again(scene):
    for proxy in scene.proxies.values():
        proxy.forget()
        proxy.cut_connections()
    names = [*HONEST, *map(slug, CASES)]
    for name in names:
        scene.fleet.hub_api.delete(path("authtokenrequests", TEAM, name))
    scene.stock.check_ended(*names, seconds=LATE_SECONDS)
