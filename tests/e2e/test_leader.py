"""Several brokers at one hub: one of them works, and hand-over loses and repeats nothing.

Each broker reaches the hub through a proxy of its own, which tells what that one has sent. The
proxy before the member is everybody's.
"""

import http.client
import json
import time

import pytest

import fault_proxy as fault
from fleet import OWN, TEAM, Broker, Fleet, eventually
from inventory import Inventory
from kube_api import path

WRITES = ("POST", "PUT", "PATCH", "DELETE")
LEASE = path("leases", OWN, "credbroker")
SHORT = ("--leader-election-lease-duration", "5s", "--leader-election-renew-deadline", "3s",
         "--leader-election-retry-period", "1s")
SHORT_DEADLINE_SECONDS = 3
HAND_OVER_SECONDS = 20
LIVE = 5


class Replica(Broker):
    """A broker with its own proxy before the hub."""

    def __init__(self, fleet, *flags):
        self.proxy = fleet.proxy(fleet.hub)
        super().__init__(fleet, self.proxy.url, "--health-probe-bind-address", "127.0.0.1:0",
                         *flags)

    def log(self):
        """What it ends with, unlike all else, is for people."""
        lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        assert all(line.startswith(("{", "credbroker: ")) for line in lines), "\n".join(lines)
        return [json.loads(line) for line in lines if line.startswith("{")]

    def lines(self, message):
        return [line for line in self.log() if line["message"] == message]

    def wait_line(self, message, seconds=60):
        return eventually(lambda: self.lines(message), seconds, f'it says "{message}"')[-1]

    def wait_end(self, seconds=30):
        """Its exit code, and the line for people."""
        code = self.process.wait(seconds)
        return code, self.log_path.read_text().splitlines()[-1]

    def probe(self, where):
        connection = http.client.HTTPConnection(
            self.wait_line("listening for probes")["address"], timeout=30)
        connection.request("GET", where)
        response = connection.getresponse()
        lines = response.read().decode().splitlines()
        connection.close()
        return response.status, lines

    def freeze(self):
        """SIGSTOP, and when."""
        self.process.send_signal(19)
        return time.monotonic()

    def thaw(self):
        self.process.send_signal(18)
        return time.monotonic()

    def renewals(self):
        return [record for record in self.proxy.seen("PUT", "/leases/") if record.status]


@pytest.fixture(scope="module")
def fleet(own_name):
    with Fleet(own_name("hub"), own_name("m1")) as fleet:
        fleet.member = next(iter(fleet.members))
        fleet.member_proxy = fleet.proxy(fleet.members[fleet.member])
        fleet.give_access(fleet.member, server=fleet.member_proxy.url)
        fleet.stock = Inventory(fleet, fleet.member)
        yield fleet


@pytest.fixture
def replica(fleet):
    """Makes brokers; none is left when the test ends."""
    made = []

    def make(*flags):
        made.append(Replica(fleet, *flags))
        return made[-1]
    yield make
    for broker in made:
        if broker.process.poll() is None:
            broker.stop()  # which gives the Lease back
    fleet.member_proxy.forget()


def elected(replica, *flags):
    leader = replica("--leader-elect", *flags)
    leader.wait_ready()
    standby = replica("--leader-elect=true", *flags)
    standby.wait_line("standing by")
    return leader, standby


def lease(fleet):
    return fleet.hub_api.get(LEASE)["spec"]


def issue(fleet, *names):
    for name in names:
        fleet.request(name, fleet.member)
    for name in names:
        fleet.wait_ready(name)


def generations(fleet, names):
    return {name: (fleet.stock.ledger(name)["generation"], fleet.credential(name)["token"])
            for name in names}


def writes(proxy, since=0.0):
    """What was sent to change something: no questions, no dry runs, not the Lease itself."""
    return [record for method in WRITES for record in proxy.seen(method)
            if record.begin >= since and "/leases" not in record.path
            and "dryRun" not in record.path and not record.path.endswith("reviews")]


def quick_hand_over(replica, leader):
    """From SIGTERM until the next one leads; a machine may be busy with other things, but not three
    times in a row."""
    seconds = []
    for _ in range(3):
        standby = replica("--leader-elect")
        standby.wait_line("standing by")
        begun = time.monotonic()
        leader.stop()
        standby.wait_line("leading")
        seconds.append(time.monotonic() - begun)
        leader = standby
        if seconds[-1] < 2:
            break
    print("told to end: led after", ", ".join(f"{one:.1f} s" for one in seconds))
    return seconds[-1]


def test_a_killed_leader_is_followed_and_nothing_is_minted_again(fleet, replica):
    first, second = elected(replica)
    assert second.lines("standing by")[-1]["holder"] == first.lines("leading")[-1]["identity"]
    assert second.probe("/readyz") == (200, ["ok"])
    assert "[+]leader-election ok: standing by" in second.probe("/readyz?verbose")[1]
    assert "[+]leader-election ok: leading" in first.probe("/readyz?verbose")[1]
    assert second.probe("/livez?verbose") == (200, ["[+]loop ok", "[+]lease ok",
                                                    "livez check passed"])
    names = [f"live-{number}" for number in range(LIVE)]
    issue(fleet, *names)
    before = generations(fleet, names)
    epoch = lease(fleet)["leaseTransitions"]
    assert {item["spec"]["epoch"] for item in fleet.ledgers()} == {epoch}
    assert writes(second.proxy) == [] and second.renewals() == []

    fleet.member_proxy.forget()
    first.kill()
    begun = time.monotonic()
    fleet.request("meanwhile", fleet.member)
    second.wait_line("leading", HAND_OVER_SECONDS)
    led = time.monotonic()
    fleet.wait_ready("meanwhile")
    print(f"killed: led after {led - begun:.1f} s, "
          f"served {time.monotonic() - led:.1f} s later")
    assert led - begun < HAND_OVER_SECONDS
    assert generations(fleet, names) == before
    assert len(fleet.member_proxy.seen("POST", "/token$")) == 1
    assert lease(fleet)["leaseTransitions"] == epoch + 1
    assert fleet.stock.ledger("meanwhile")["epoch"] == epoch + 1
    assert lease(fleet)["holderIdentity"] == second.lines("leading")[-1]["identity"]

    assert quick_hand_over(replica, second) < 2
    assert generations(fleet, names) == before
    assert len(fleet.member_proxy.seen("POST", "/token$")) == 1


def test_a_late_renewal_and_a_conflict_are_survived(fleet, replica):
    leader = replica("--leader-elect")
    leader.wait_ready()
    identity, epoch = lease(fleet)["holderIdentity"], lease(fleet)["leaseTransitions"]
    late = leader.proxy.on(fault.delay(4), method="PUT", path="/leases/")
    late.wait(30)
    count = len(leader.renewals())
    eventually(lambda: len(leader.renewals()) > count + 1, what="it renews again")
    fleet.hub_api.merge(LEASE, {"metadata": {"annotations": {"test": "conflict"}}})
    eventually(lambda: any(record.status == 409 for record in leader.renewals()),
               what="a renewal conflicts")
    count = len(leader.renewals())
    eventually(lambda: any(record.status == 200 for record in leader.renewals()[count:]),
               what="it renews all the same")
    assert (lease(fleet)["holderIdentity"], lease(fleet)["leaseTransitions"]) == (identity, epoch)
    assert leader.process.poll() is None and len(leader.lines("leading")) == 1
    leader.stop()
    assert lease(fleet)["holderIdentity"] == ""


@pytest.mark.parametrize("flags", [("--leader-elect", *SHORT), SHORT],
                         ids=["elected", "newest-wins"])
def test_a_leader_that_slept_past_its_deadline_writes_nothing_and_ends(fleet, replica, flags):
    first = replica(*flags)
    first.wait_ready()
    names = [f"asleep-{flags[0]}-{number}".replace("--", "") for number in range(LIVE)]
    held = fleet.member_proxy.on(fault.hold_reply, method="POST", times=LIVE)
    for name in names:
        fleet.request(name, fleet.member)
    held.wait(30, LIVE)
    second = replica(*flags)
    frozen = first.freeze()
    held.release()  # the next step of each is due as soon as it wakes up
    second.wait_line("leading")
    for name in names:
        fleet.wait_ready(name)
    eventually(lambda: time.monotonic() > frozen + SHORT_DEADLINE_SECONDS, what="it is too late")
    before = generations(fleet, names)

    fleet.member_proxy.forget()
    thawed = first.thaw()
    code, last = first.wait_end()
    print(f"slept {thawed - frozen:.1f} s, ended {time.monotonic() - thawed:.1f} s later")
    assert code == 1 and last.startswith("credbroker: leadership is lost")
    assert first.lines("leadership is lost: ending")
    assert writes(first.proxy, thawed) == [] and writes(fleet.member_proxy) == []
    assert generations(fleet, names) == before
    assert second.process.poll() is None


def test_a_leader_that_is_cut_off_from_the_hub_ends_before_another_one_leads(fleet, replica):
    leader, standby = elected(replica, *SHORT)
    leader.proxy.refuse()
    begun = time.monotonic()
    code, last = leader.wait_end()
    assert standby.lines("leading") == []
    assert code == 1 and "leadership is lost: not renewed for 3 s" in last
    ended = time.monotonic()
    standby.wait_line("leading")
    print(f"cut off: ended after {ended - begun:.1f} s, "
          f"the next one led {time.monotonic() - ended:.1f} s later")


def test_the_lease_is_not_given_back_while_a_step_is_in_flight(fleet, replica):
    broker = replica()
    broker.wait_ready()
    held = fleet.member_proxy.on(fault.hold_reply, method="POST")
    fleet.request("in-flight", fleet.member)
    held.wait(30)
    broker.stop()
    assert lease(fleet)["holderIdentity"] == broker.lines("leading")[-1]["identity"]


def test_the_newest_of_two_brokers_without_election_works_alone(fleet, replica):
    first = replica()
    first.wait_ready()
    second = replica()
    second.wait_ready()
    begun = time.monotonic()
    code, last = first.wait_end()
    print(f"ended {time.monotonic() - begun:.1f} s after the other one led")
    assert code == 1 and "leadership is lost to" in last
    fleet.delete("asleep-leader-elect-0")
    assert second.process.poll() is None


def test_a_lone_broker_holds_still_while_the_hub_is_away_and_goes_on(fleet, replica):
    broker = replica(*SHORT)
    broker.wait_ready()
    broker.proxy.refuse()
    eventually(lambda: "[-]leader-election failed: the lease was not renewed in time"
               in broker.probe("/readyz")[1], what="it holds still")
    assert broker.probe("/livez") == (200, ["ok"])
    broker.proxy.resume()
    issue(fleet, "after-all")
    assert len(broker.lines("leading")) == 1
    assert fleet.stock.ledger("after-all")["epoch"] == lease(fleet)["leaseTransitions"]
    broker.stop()


def test_a_lease_that_was_deleted_lowers_no_epoch(fleet, replica):
    name = f"{TEAM}/after-all"
    before = max(item["spec"]["epoch"] for item in fleet.ledgers())
    fleet.hub_api.delete(LEASE)
    broker = replica()
    broker.wait_ready()
    fleet.delete(name.split("/")[1])
    issue(fleet, "anew")
    assert lease(fleet)["leaseTransitions"] > before
    assert fleet.stock.ledger("anew")["epoch"] > before
    broker.stop()
