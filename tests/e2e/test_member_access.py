"""What a request waits for: its ClusterProfile, access to the member, a namespace to deliver to.

It says what is missing, nothing is made before all is there, and then it goes on by itself.
"""

import base64
import copy
import json
import socket
import threading
import time

import pytest

from fleet import OWN, PROFILES, TEAM, Fleet, eventually, program
from kube_api import KubeApi, path
from testbed import kubeconfig

CLOSED = "closed"
LATER = "later"
WRITES = ("POST", "PUT", "PATCH", "DELETE")
GOES_ON_SECONDS = 5  # a second on an idle machine; tests have company
CANARY = "eyJhbGciOiJub25lIn0.Y2FuYXJ5IG9mIGEgYmFkIGt1YmVjb25maWc.Y2FuYXJ5c2lnbmF0dXJl"


@pytest.fixture(scope="module")
def fleet(own_name):
    member = own_name("m1")
    with Fleet(own_name("hub"), member) as fleet:
        fleet.member = member
        fleet.member_api = fleet.apis[member]
        fleet.member_proxy = fleet.proxy(fleet.members[member])
        fleet.tokens.add(CANARY)
        for namespace in (CLOSED, LATER):
            fleet.hub.kubectl("create", "namespace", namespace)
        give_back(fleet)
        fleet.current = fleet.broker()
        yield fleet
        fleet.current.stop()


def give_back(fleet):
    """The member access as it should be, through the proxy."""
    fleet.give_access(fleet.member, server=fleet.member_proxy.url)


def start_again(fleet, **options):
    fleet.current.stop()
    fleet.current = fleet.broker(**options)


@pytest.fixture
def asked(fleet):
    names = []

    def ask(name, namespace=TEAM, **spec):
        names.append((name, namespace))
        fleet.request(name, fleet.member, namespace=namespace, **spec)
        return name

    yield ask
    for name, namespace in names:
        fleet.hub_api.call("DELETE", path("authtokenrequests", namespace, name))
        eventually(lambda: fleet.get_request(name, namespace) is None, what=f"{name} is gone")


def profile(name, namespace=PROFILES):
    return {"kind": "ClusterProfile", "name": name, "namespace": namespace}


def works(fleet, name, namespace=TEAM):
    config = json.loads(fleet.credential(name, namespace)["kubeconfig"])
    return KubeApi.of_kubeconfig(config).call("GET", path("jobs")).status == 200


def goes_on(fleet, name, begun, after):
    """The request becomes Ready soon after BEGUN."""
    fleet.wait_ready(name)
    seconds = time.monotonic() - begun
    print(f"Ready {seconds:.2f} s after {after}")
    assert seconds < GOES_ON_SECONDS


# The ClusterProfile.


def test_a_request_waits_for_its_profile_and_goes_on_when_it_appears(fleet, asked):
    text = access_text(fleet)
    fleet.give_access("appears", member=fleet.member, secret="member-appears", text=text)
    name = asked("no-profile", targetClusterProfile=profile("appears"))
    condition = fleet.wait_reason(name, "ClusterProfileNotFound")
    assert condition["status"] == "False" and condition["observedGeneration"] == 1
    valid = fleet.condition(name, "AuthTokenRequestValid")
    assert (valid["status"], valid["reason"]) == ("False", "InvalidTargetClusterProfile")
    assert "finalizers" not in fleet.get_request(name)["metadata"] and fleet.ledgers() == []
    begun = time.monotonic()
    fleet.hub_api.create(path("clusterprofiles", PROFILES), {
        "apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ClusterProfile",
        "metadata": {"name": "appears"}, "spec": {"clusterManager": {"name": "tests"}}})
    goes_on(fleet, name, begun, "its ClusterProfile appeared")


def test_a_profile_of_the_same_name_in_another_namespace_does_not_count(fleet, asked):
    name = asked("own-namespace", targetClusterProfile={"name": fleet.member})
    fleet.wait_reason(name, "ClusterProfileNotFound")
    fleet.add_profile(fleet.member, TEAM)
    fleet.wait_reason(name, "MemberAccessNotFound")


def test_a_credential_goes_with_its_profile_and_comes_with_it(fleet, asked):
    text = access_text(fleet)
    fleet.add_profile("leaves")
    fleet.give_access("leaves", member=fleet.member, secret="member-leaves", text=text)
    name = asked("profile-leaves", targetClusterProfile=profile("leaves"))
    fleet.wait_ready(name)
    fleet.hub_api.delete(path("clusterprofiles", PROFILES, "leaves"))
    assert fleet.wait_reason(name, "ClusterProfileNotFound")["status"] == "False"
    assert fleet.nothing_is_left()
    fleet.add_profile("leaves")
    fleet.wait_ready(name, seconds=90)  # no two tokens within a minute
    assert works(fleet, name)


# Access to the member.


def access_text(fleet):
    member = fleet.members[fleet.member]
    token = member.token("credbroker", OWN)
    fleet.tokens.add(token)
    return kubeconfig(fleet.member_proxy.url, member.ca_pem(), token)


def test_a_request_waits_for_member_access_and_goes_on_when_it_appears(fleet, asked):
    fleet.add_profile("no-access")
    text = access_text(fleet)
    name = asked("waits", targetClusterProfile=profile("no-access"))
    condition = fleet.wait_reason(name, "MemberAccessNotFound")
    assert "credbroker.dev/member-access" in condition["message"]
    assert fleet.condition(name, "AuthTokenRequestValid")["status"] == "True"
    begun = time.monotonic()
    fleet.hub_api.create(path("secrets", OWN), access_secret("no-access", text))
    goes_on(fleet, name, begun, "its member access appeared")


def access_secret(profile_name, text, **metadata):
    return {"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": f"member-{profile_name}",
                         "labels": {"credbroker.dev/member-access": "true"},
                         "annotations": {
                             "credbroker.dev/cluster-profile": f"{PROFILES}/{profile_name}"},
                         **metadata},
            "data": {"kubeconfig": base64.b64encode(text.encode()).decode()}}


@pytest.mark.parametrize("metadata", [
    {"labels": {}}, {"labels": {"credbroker.dev/member-access": "false"}}, {"annotations": {}},
    {"annotations": {"credbroker.dev/cluster-profile": "marked"}},
    {"annotations": {"credbroker.dev/cluster-profile": f"{PROFILES}/marked/more"}}])
def test_a_secret_without_the_right_marks_is_no_member_access(fleet, asked, metadata):
    fleet.add_profile("marked")
    fleet.hub_api.create(path("secrets", OWN), access_secret("marked", "no matter", **metadata))
    try:
        name = asked("unmarked", targetClusterProfile=profile("marked"))
        fleet.wait_reason(name, "MemberAccessNotFound")
    finally:
        fleet.hub_api.delete(path("secrets", OWN, "member-marked"))


def test_a_secret_in_another_namespace_is_no_member_access(fleet, asked):
    fleet.add_profile("marked")
    fleet.hub_api.create(path("secrets", TEAM), access_secret("marked", access_text(fleet)))
    try:
        name = asked("elsewhere", targetClusterProfile=profile("marked"))
        fleet.wait_reason(name, "MemberAccessNotFound")
    finally:
        fleet.hub_api.delete(path("secrets", TEAM, "member-marked"))


def test_two_accesses_for_one_profile_are_a_conflict_until_one_goes(fleet, asked):
    fleet.add_profile("twice")
    text = access_text(fleet)
    for secret in ("member-twice-a", "member-twice-b"):
        fleet.give_access("twice", member=fleet.member, secret=secret, text=text)
    fleet.member_proxy.forget()
    name = asked("two-accesses", targetClusterProfile=profile("twice"))
    fleet.wait_reason(name, "MemberAccessConflict")
    assert fleet.member_proxy.seen() == []
    begun = time.monotonic()
    fleet.hub_api.delete(path("secrets", OWN, "member-twice-b"))
    goes_on(fleet, name, begun, "the second access had gone")


class Ear:
    """Listens on loopback and counts who connects."""

    def __init__(self):
        self.connections = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                self.socket.accept()[0].close()
            except OSError:
                return
            self.connections += 1


@pytest.fixture(scope="module")
def ear():
    ear = Ear()
    yield ear
    ear.socket.shutdown(socket.SHUT_RDWR)
    ear.socket.close()


def at_cluster(**fields):
    return lambda config: config["clusters"][0]["cluster"].update(fields)


def at_user(**fields):
    return lambda config: config["users"][0]["user"].update(fields)


def at_server(pattern):
    def change(config):
        cluster = config["clusters"][0]["cluster"]
        cluster["server"] = pattern.format(where=cluster["server"].removeprefix("https://"))
    return change


def without(group, inner, field):
    return lambda config: config[group][0][inner].pop(field)


BAD = {
    "exec": at_user(exec={"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/true",
                          "interactiveMode": "Never"}),
    "auth-provider": at_user(**{"auth-provider": {"name": "gcp"}}),
    "username": at_user(username="admin"),
    "password": at_user(password="secret"),
    "tokenFile": at_user(tokenFile="/etc/hostname"),
    "client-certificate": at_user(**{"client-certificate": "/etc/hostname"}),
    "client-key": at_user(**{"client-key": "/etc/hostname"}),
    "certificate-authority ": at_cluster(**{"certificate-authority": "/etc/hostname"}),
    "insecure-skip-tls-verify": at_cluster(**{"insecure-skip-tls-verify": True}),
    "proxy-url": at_cluster(**{"proxy-url": "http://127.0.0.1:1"}),
    "as ": at_user(**{"as": "system:admin"}),
    "as-groups": at_user(**{"as-groups": ["system:masters"]}),
    "as-uid": at_user(**{"as-uid": "0"}),
    "as-user-extra": at_user(**{"as-user-extra": {"a": ["b"]}}),
    "not known": at_user(madeUp="x"),
    "https://": at_server("http://{where}"),
    "host": at_server("https://user@{where}"),
    "port": at_server("https://user:password@{where}"),
    "server": at_server("https://{where}?query"),
    "server is missing": without("clusters", "cluster", "server"),
    "certificate-authority-data is missing": without("clusters", "cluster",
                                                     "certificate-authority-data"),
    "certificate-authority-data is no PEM": at_cluster(
        **{"certificate-authority-data": base64.b64encode(b"no certificate").decode()}),
    "certificate-authority-data": at_cluster(**{"certificate-authority-data": "%%%"}),
    "neither a token nor a client certificate": without("users", "user", "token"),
    "token has": at_user(token=CANARY + "\r\nX-Header: x"),
    "client-key-data is missing": at_user(**{"client-certificate-data": None}),
    "tls-server-name": at_cluster(**{"tls-server-name": "no/name"}),
    "current-context": lambda config: config.pop("current-context"),
    "clusters": lambda config: config["clusters"].append(config["clusters"][0]),
    "users": lambda config: config.pop("users"),
    "v1 Config": lambda config: config.update(kind="Secret"),
}
BAD_TEXT = {
    "empty": "",
    "no object": "[]",
    "no YAML": "a: [b",
    "two documents": "a: b\n---\na: b\n",
    "an alias": "a: &a [x]\nb: *a\n",
}


@pytest.fixture(scope="module")
def refused(fleet, ear):
    """Two requests that need an access which is never good."""
    fleet.add_profile("refused")
    for name in ("needs-it", "needs-it-too"):
        fleet.request(name, fleet.member, targetClusterProfile=profile("refused"))
    member = fleet.members[fleet.member]
    good = json.loads(kubeconfig(f"https://127.0.0.1:{ear.port}", member.ca_pem(), CANARY))
    names = iter(range(1000))

    def write(text, **data):
        """A new Secret each time, so that what is read belongs to it."""
        old = f"refused-{next(names)}"
        fleet.hub_api.call("DELETE", path("secrets", OWN, fleet.refused_secret))
        fleet.wait_reason("needs-it", "MemberAccessNotFound")
        fleet.refused_secret = old
        fleet.give_access("refused", member=fleet.member, secret=old, text=text, **data)
        return fleet.wait_reason("needs-it", "MemberAccessRefused")

    fleet.refused_secret = "none-yet"
    yield write, good
    fleet.hub_api.call("DELETE", path("secrets", OWN, fleet.refused_secret))
    for name in ("needs-it", "needs-it-too"):
        fleet.delete(name)


def certificate_without_key(config, fleet):
    pem = fleet.members[fleet.member].ca_pem().encode()
    config["users"][0]["user"]["client-certificate-data"] = base64.b64encode(pem).decode()


@pytest.mark.parametrize("field", BAD)
def test_a_kubeconfig_with_what_is_not_served_is_refused_by_name(fleet, ear, refused, field):
    write, good = refused
    config = copy.deepcopy(good)
    BAD[field](config)
    if field == "client-key-data is missing":
        certificate_without_key(config, fleet)
    condition = write(json.dumps(config))
    assert field in condition["message"], condition["message"]
    assert condition["status"] == "False"
    too = fleet.wait_reason("needs-it-too", "MemberAccessRefused")
    assert too["message"] == condition["message"]
    assert ear.connections == 0


@pytest.mark.parametrize("kind", BAD_TEXT)
def test_a_kubeconfig_that_is_none_is_refused(fleet, ear, refused, kind):
    write, _ = refused
    assert "kubeconfig" in write(BAD_TEXT[kind])["message"]
    assert ear.connections == 0


def test_a_mode_other_than_push_is_refused(fleet, ear, refused):
    write, good = refused
    assert "mode" in write(json.dumps(good), mode="pull")["message"]
    assert ear.connections == 0


def test_a_member_access_without_a_kubeconfig_is_refused(fleet, refused):
    write, good = refused
    write(json.dumps(good), mode="pull")
    fleet.hub_api.merge(path("secrets", OWN, fleet.refused_secret),
                        {"data": {"kubeconfig": None, "mode": None}})
    eventually(lambda: "no key kubeconfig" in fleet.condition("needs-it")["message"],
               what="the missing key is named")


def test_a_request_goes_on_when_its_member_access_is_repaired(fleet, asked):
    fleet.add_profile("repaired")
    good = access_text(fleet)
    bad = json.loads(good)
    at_cluster(**{"insecure-skip-tls-verify": True})(bad)
    fleet.give_access("repaired", member=fleet.member, secret="member-repaired",
                      text=json.dumps(bad))
    name = asked("repair", targetClusterProfile=profile("repaired"))
    fleet.wait_reason(name, "MemberAccessRefused")
    begun = time.monotonic()
    fleet.hub_api.merge(path("secrets", OWN, "member-repaired"),
                        {"data": {"kubeconfig": base64.b64encode(good.encode()).decode()}})
    goes_on(fleet, name, begun, "the access was repaired")
    assert works(fleet, name)


def test_a_credential_that_the_member_does_not_know_is_told_and_replaced(fleet, asked):
    fleet.add_profile("stranger")
    member = fleet.members[fleet.member]
    fleet.give_access("stranger", member=fleet.member, secret="member-stranger",
                      text=kubeconfig(fleet.member_proxy.url, member.ca_pem(), CANARY))
    name = asked("strange", targetClusterProfile=profile("stranger"))
    assert "Unauthorized" in fleet.wait_reason(name, "MemberUnreachable")["message"]
    fleet.give_access("stranger", member=fleet.member, secret="member-stranger",
                      text=access_text(fleet))
    fleet.wait_ready(name)


def test_a_member_with_another_certificate_is_not_believed(fleet, asked):
    fleet.add_profile("impostor")
    member = fleet.members[fleet.member]
    fleet.give_access("impostor", member=fleet.member, secret="member-impostor",
                      text=kubeconfig(fleet.hub.server, member.ca_pem(), CANARY))
    name = asked("impostor", targetClusterProfile=profile("impostor"))
    condition = fleet.wait_reason(name, "MemberUnreachable")
    assert "certificate" in condition["message"].lower(), condition["message"]


def test_access_that_is_taken_away_keeps_the_credential_but_not_beyond_the_request(fleet):
    fleet.add_profile("taken-away")
    text = access_text(fleet)
    fleet.give_access("taken-away", member=fleet.member, secret="member-taken-away", text=text)
    fleet.request("keeps", fleet.member, targetClusterProfile=profile("taken-away"))
    fleet.wait_ready("keeps")
    fleet.hub_api.delete(path("secrets", OWN, "member-taken-away"))
    assert fleet.condition("keeps")["status"] == "True" and works(fleet, "keeps")
    fleet.delete("keeps", wait=False)
    fleet.wait_reason("keeps", "RevocationPending")
    assert fleet.hub_api.get(path("secrets", TEAM, "keeps")) is None
    begun = time.monotonic()
    fleet.give_access("taken-away", member=fleet.member, secret="member-taken-away", text=text)
    eventually(lambda: fleet.get_request("keeps") is None, what="the request is gone")
    print(f"gone {time.monotonic() - begun:.2f} s after the access came back")


def test_another_cluster_under_the_same_access_stops_the_work(fleet, asked):
    fleet.hub.kubectl("apply", "-f", "-", stdin=program(
        "member-rbac", "--identity-namespace", TEAM, "--service-account", f"{OWN}/as-member"))
    token = fleet.hub.token("as-member", OWN)
    fleet.tokens.add(token)
    fleet.add_profile("exchanged")
    good = access_text(fleet)
    fleet.give_access("exchanged", member=fleet.member, secret="member-exchanged", text=good)
    name = asked("exchanged", targetClusterProfile=profile("exchanged"))
    fleet.wait_ready(name)
    before = fleet.credential(name)
    fleet.give_access("exchanged", member=fleet.member, secret="member-exchanged",
                      text=kubeconfig(fleet.hub.server, fleet.hub.ca_pem(), token))
    assert fleet.wait_reason(name, "MemberChanged")["status"] == "False"
    made = fleet.hub_api.items(path("serviceaccounts")
                               + "?labelSelector=app.kubernetes.io/managed-by%3Dcredbroker")
    assert made == []
    fleet.give_access("exchanged", member=fleet.member, secret="member-exchanged", text=good)
    fleet.wait_ready(name)
    assert fleet.credential(name) == before and works(fleet, name)


# Where the Secret goes.


def test_a_namespace_without_hub_rbac_is_not_opened_and_nothing_is_made(fleet, asked):
    fleet.member_proxy.forget()
    name = asked("no-destination", namespace=CLOSED)
    condition = fleet.wait_reason(name, "DestinationNotOpened", namespace=CLOSED)
    assert "credbroker hub-rbac" in condition["message"]
    assert [r for method in WRITES for r in fleet.member_proxy.seen(method=method)] == []
    assert "finalizers" not in fleet.get_request(name, CLOSED)["metadata"]
    fleet.open_namespace(CLOSED)  # nothing tells the broker: it asks four times a minute
    fleet.wait_ready(name, CLOSED)
    assert works(fleet, name, CLOSED)


# Without a policy.


def test_without_a_policy_requests_are_denied_and_no_member_is_called(fleet, asked):
    fleet.policy.withdraw()
    fleet.member_proxy.forget()
    name = asked("denied")
    assert fleet.wait_reason(name, "PolicyMissing")["status"] == "False"
    assert fleet.condition(name, "ServiceAccountFoundOrCreated")["status"] == "Unknown"
    assert "finalizers" not in fleet.get_request(name)["metadata"]
    assert fleet.member_proxy.seen() == [] and fleet.ledgers() == []

    fleet.policy.apply()
    fleet.wait_ready(name)
    assert works(fleet, name)

    fleet.policy.withdraw()
    assert fleet.wait_reason(name, "PolicyMissing")["status"] == "False"
    assert fleet.nothing_is_left()
    fleet.delete(name)
    fleet.policy.apply()


def test_a_member_on_this_machine_is_refused_unless_that_is_allowed(fleet, asked):
    fleet.current.stop()
    fleet.member_proxy.forget()
    fleet.current = fleet.broker(loopback=False)
    name = asked("on-loopback")
    condition = fleet.wait_reason(name, "MemberUnreachable")
    assert "address" in condition["message"], condition["message"]
    assert fleet.member_proxy.seen() == []
    start_again(fleet)
    fleet.wait_ready(name)
