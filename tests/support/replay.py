"""Worlds of the simulation, done again to a real hub and real members.

    batch = Batch(fleet, traces)
    batch.prepare()
    batch.play()
    batch.rest(seconds)     # until all have ended as their worlds did, or the time is over
    print(batch.unequal)    # by the number of the trace

Each trace has namespaces, ClusterProfiles and ServiceAccounts of its own, and a fault proxy for each of
its members. The hub and the broker are one for all: when they are down, they are so for each trace, as
often as the traces together need it. In between, each trace goes on at its own pace.
"""

import base64
import concurrent.futures
import heapq
import itertools
import queue
import re
import time

import fault_proxy
from fleet import OURS, OWN, Broker, access_object
from kube_api import KubeApi, path
from testbed import kubeconfig
from world_ends import DIGEST, Snapshot, difference, ready_of
from worlds import DEAD, HUB_DOWN, UP, address_of, phases, refusal, suffer

EVENTS_MAX = 60         # in a second, of all traces together
EVENTS_PER_CALL = 0.1   # of our own calls, which tell how fast the machine is
PHASE_MIN_SECONDS = 2
PAUSE_MAX_SECONDS = 5   # between two events of a trace
LATE_SECONDS = 10       # what an event waits for until it may be done
LATE_CALLS = 3000       # the same on a slow machine, as the time of so many calls
AGAIN_SECONDS = 0.3
POLL_SECONDS = 1
LOOKS = 8               # that find the same, one after the other
WORKERS = 24
TRACE_OF = re.compile(r"\bt(\d+)-team-")


class Raced(Exception):
    """What was to be done was too late to mean the same as in the world."""


class NotYet(Exception):
    """The trace is not as far as its world was."""


class MemberProxy(fault_proxy.FaultProxy):
    """One that can be away without giving its port to another."""

    away = False

    def _serve(self, sock):
        if self.away:
            sock.close()
        else:
            super()._serve(sock)

    def go(self):
        self.away = True
        self.cut_connections()


class Batch:
    """Traces that are done at the same time."""

    def __init__(self, fleet, traces, flags=()):
        self.fleet = fleet
        self.traces = traces
        self.flags = flags
        self.api = fleet.hub_api
        self.members = list(fleet.members)
        self.tokens = {name: fleet.members[name].token("credbroker", OWN) for name in self.members}
        fleet.tokens.update(self.tokens.values())
        self.by_uid = {}
        self.hub_proxy = fleet.proxy(fleet.hub)
        self.hub_proxy.on(self._hub_call, times=None)
        self.missing_api = None
        self.broker = None
        self.state = DEAD
        self.events_per_second = EVENTS_MAX
        self.late_seconds = LATE_SECONDS
        self.unequal = {}
        self.anonymous = {name: KubeApi(plane.server, plane.ca_pem())
                          for name, plane in fleet.members.items()}
        self.known_good = set()  # resourceVersions of Secrets

    # Names and ways.

    def member_of(self, trace, index):
        return self.members[(trace.number + index) % len(self.members)]

    def _hub_call(self, exchange):
        where = exchange.record.path
        if "watch=" in where:
            exchange.forward()
            return
        trace = self.by_uid.get(address_of(where)[1])
        if trace is None:
            found = TRACE_OF.search(where) or TRACE_OF.search(exchange.body.decode(errors="replace"))
            trace = self.traces[int(found.group(1))] if found else None
        suffer(exchange, trace.take_fault(-1, exchange) if trace else None)

    def _access(self, trace, index):
        plane = self.fleet.members[self.member_of(trace, index)]
        text = kubeconfig(trace.proxies[index].url, plane.ca_pem(), self.tokens[plane.name])
        return access_object(trace.own(f"member-{index}"), text)

    def _proxy(self, trace, index):
        plane = self.fleet.members[self.member_of(trace, index)]
        proxy = MemberProxy(server=plane.server, ca=plane.ca, certificate=plane.certificate,
                            key=plane.key)
        proxy.on(trace.meets(index), times=None)
        self.fleet.proxies.append(proxy)
        trace.proxies[index] = proxy

    def prepare(self):
        """Namespaces, and access to members."""
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(self._prepare, self.traces))
        calls = sum(2 + trace.world["members"] for trace in self.traces)
        speed = calls / (time.monotonic() - begun)
        self.events_per_second = min(EVENTS_MAX, speed * EVENTS_PER_CALL)
        self.late_seconds = max(LATE_SECONDS, LATE_CALLS / speed)
        print(f"{speed:.0f} calls a second: {self.events_per_second:.0f} events a second")

    def _prepare(self, trace):
        for team in ("team-a", "team-b"):
            self.api.create(path("namespaces"), {"apiVersion": "v1", "kind": "Namespace",
                                                 "metadata": {"name": trace.own(team)}})
        for index in range(trace.world["members"]):
            self._proxy(trace, index)
            self.api.create(path("secrets", OWN), self._access(trace, index))

    # The hub and the broker.

    def enter(self, state):
        """From now on, for all."""
        if self.state != DEAD:
            assert self.broker.process.poll() is None, self.broker.log_path.read_text()[-6000:]
        self.state = state
        if state == DEAD:
            if self.broker:
                self.broker.kill()
            return
        if not self.hub_proxy.is_listening():
            self.hub_proxy.resume()
        if self.missing_api:
            self.missing_api.remove()
            self.missing_api = None
        if self.broker is None or self.broker.process.poll() is not None:
            self.broker = Broker(self.fleet, self.hub_proxy.url, *self.flags).wait_ready()
        if state == HUB_DOWN:
            self.hub_proxy.refuse()
        elif state.startswith("no "):
            self.missing_api = self.hub_proxy.on(refusal(404), path="/" + state[3:], times=None)
            self.hub_proxy.cut_connections(idle_only=True)

    def play(self):
        """All events; then the broker is started again, and all is well, as at the end of a world."""
        for number, (state, taken) in enumerate(phases([trace.world for trace in self.traces])):
            begun = time.monotonic()
            self.enter(state)
            events = sum(len(own) for own in taken.values())
            seconds = max(PHASE_MIN_SECONDS, events / self.events_per_second) if number else 0
            self._play_phase(taken, seconds, cut=state == UP)
            print(f"{state}: {len(taken)} traces, {events} events, "
                  f"{time.monotonic() - begun:.1f} s", flush=True)
        self.enter(DEAD)
        for trace in self.traces:
            self._make_well(trace)
        self.enter(UP)

    def _make_well(self, trace):
        """Of those that came too late as well, so that nothing of them is left."""
        trace.faults.clear()
        for index, proxy in trace.proxies.items():
            proxy.away = False
            access = self._access(trace, index)
            if not self.api.get(path("secrets", OWN, access["metadata"]["name"])):
                self.api.create(path("secrets", OWN), access)

    def _play_phase(self, taken, seconds, cut):
        order, done = itertools.count(), queue.Queue()
        begun = time.monotonic()
        times = {number: self._timed(number, events, seconds, begun)
                 for number, events in taken.items()}
        due = [(timed[0][0], next(order), number, 0) for number, timed in times.items()]
        heapq.heapify(due)
        if cut and any(event["do"] == "lose watches" for own in taken.values() for event, _ in own):
            self.hub_proxy.cut_connections(idle_only=True)
        running = 0
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            while due or running:
                while due and due[0][0] <= time.monotonic():
                    _, _, number, index = heapq.heappop(due)
                    running += 1
                    pool.submit(self._perform, number, index, times[number][index][1], done)
                until = due[0][0] - time.monotonic() if due else LATE_SECONDS
                try:
                    number, index, is_done = done.get(timeout=max(0.001, until))
                except queue.Empty:
                    continue
                running -= 1
                at = time.monotonic() + AGAIN_SECONDS
                if is_done:
                    index += 1
                    at = times[number][index][0] if index < len(times[number]) else 0
                if index < len(times[number]):
                    heapq.heappush(due, (at, next(order), number, index))

    @staticmethod
    def _timed(number, events, seconds, begun):
        """When each event is to be done: a quarter of the traces end with the phase, so that what
        comes then comes in the midst of their work, the others are spread over it."""
        pauses = [min(pause / 1000, PAUSE_MAX_SECONDS) for _, pause in events]
        total = sum(pauses)
        scale = min(1, seconds / total) if total else 0
        spread = number * 0.618 % 1 if number % 4 else 1
        at = begun + (seconds - total * scale) * spread
        timed = []
        for (event, _), pause in zip(events, pauses):
            timed.append((at, event))
            at += pause * scale
        return timed

    # One event.

    def _perform(self, number, index, event, done):
        trace = self.traces[number]
        is_done = True
        try:
            if not trace.raced:
                getattr(self, "_do_" + event["do"].replace(" ", "_"))(trace, event)
            trace.waits_since = None
        except NotYet as reason:
            is_done = not self._may_wait(trace)
            trace.raced = str(reason) if is_done else None
        except Raced as raced:
            trace.raced = str(raced)
        except Exception as error:  # what is wrong with one trace is told with it
            trace.raced = f"{type(error).__name__} at {event['do']} {event.get('name')}: {error}"
        finally:
            done.put((number, index, is_done))

    def _may_wait(self, trace):
        """Where nothing works, nothing changes."""
        trace.waits_since = trace.waits_since or time.monotonic()
        return self.state == UP and time.monotonic() - trace.waits_since < self.late_seconds

    def _do_lose_watches(self, trace, event):
        """Once for all, in _play_phase()."""

    def _do_await(self, trace, event):
        if event.get("request") in trace.uids:
            self._wait_until_as_far(trace, event, trace.uids[event["request"]])

    def _do_down(self, trace, event):
        trace.proxies[event["place"]].go()

    def _do_up(self, trace, event):
        trace.proxies[event["place"]].away = False

    def _do_fault(self, trace, event):
        with trace.lock:
            trace.faults[event["place"]].append(event)

    def _do_calm(self, trace, event):
        with trace.lock:
            trace.faults[event["place"]].clear()

    def _do_take_access(self, trace, event):
        self.api.delete(path("secrets", OWN, f"member-{trace.own('member-')}{event['place']}"))

    def _do_give_access(self, trace, event):
        self.api.call("POST", path("secrets", OWN), self._access(trace, event["place"]))

    def _do_make(self, trace, event):
        resource = event["resource"]
        if resource == "namespaces":
            return
        namespace, name = trace.place(event)
        if resource in ("secrets", "serviceaccounts"):
            self._plant(trace, event, namespace, name)
            return
        if resource == "authtokenrequests":
            self._make_room(trace, path(resource, namespace, name))
        made = self.api.create(path(resource, namespace or None), trace.body(event))
        if resource == "authtokenrequests":
            trace.uids[event["uid"]] = made["metadata"]["uid"]
            trace.requests[made["metadata"]["uid"]] = path(resource, namespace, name)
            self.by_uid[made["metadata"]["uid"]] = trace

    def _make_room(self, trace, where):
        """The one before must be gone; its end may take longer here, or be kept up by what had not
        happened before in the world."""
        before = self.api.get(where)
        if before is None:
            return
        if "deletionTimestamp" in before["metadata"] and not self._may_wait(trace):
            trace.hurried += 1
            self.api.call("PATCH", where, {"metadata": {"finalizers": None}},
                          "application/merge-patch+json")
            trace.waits_since = None
        raise NotYet("the request before does not go")

    def _api(self, trace, event):
        place = event["place"]
        return self.api if place < 0 else self.fleet.apis[self.member_of(trace, place)]

    def _plant(self, trace, event, namespace, name):
        kind = {"secrets": "Secret", "serviceaccounts": "ServiceAccount"}[event["resource"]]
        where = path(event["resource"], namespace)
        made = self._api(trace, event).call("POST", where, {
            "apiVersion": "v1", "kind": kind, "metadata": {"name": name}})
        if made.status == 409:
            raise Raced(f"ours was there before another's {kind}")
        trace.foreign[event["place"], path(event["resource"], namespace, name)] = (
            made.body["metadata"]["uid"])

    def _do_change(self, trace, event):
        namespace, name = trace.place(event)
        where = path(event["resource"], namespace or None, name)
        if self.api.get(where):  # a request that is being deleted goes at a time of its own
            self.api.merge(where, {"spec": trace.spec(event)})

    def _do_strip(self, trace, event):
        self._on_request("PATCH", trace, event, {"metadata": {"finalizers": None}})

    def _on_request(self, method, trace, event, body=None):
        """For the request that is meant, and for no later one of its name."""
        where = path(event["resource"], *trace.place(event))
        request = self.api.get(where)
        if request and request["metadata"]["uid"] == trace.uids.get(event["uid"]):
            self.api.call(method, where, body, "application/merge-patch+json" if body else
                          "application/json")

    def _do_delete(self, trace, event):
        if event["ours"]:
            self._delete_by_hand(trace, event)
            return
        if event["resource"] == "authtokenrequests":
            self._on_request("DELETE", trace, event)
            return
        namespace, name = trace.place(event)
        where = path(event["resource"], namespace or None, name)
        self._api(trace, event).delete(where)
        trace.foreign.pop((event["place"], where), None)

    def _delete_by_hand(self, trace, event):
        """Something of ours: when the request is as far as it was in the world."""
        uid = trace.uids.get(event.get("request"))
        if not uid:
            raise Raced("a hand edit for a request that was not made")
        self._wait_until_as_far(trace, event, uid)
        wanted = event["name"].removesuffix("-*")  # the digest is another one
        where = path(event["resource"]) + OURS + f",credbroker.dev/request-uid%3D{uid}"
        api = self._api(trace, event)
        for item in api.items(where):
            name, namespace = item["metadata"]["name"], item["metadata"].get("namespace")
            if wanted == event["name"] or DIGEST.sub("", name) == wanted:
                api.call("DELETE", path(event["resource"], namespace, name))
                return
        raise NotYet(f"a hand edit finds no {event['resource']}")

    def _wait_until_as_far(self, trace, event, uid):
        wanted = event.get("ready")
        request = self.api.get(trace.requests[uid]) if wanted else None
        if request and request["metadata"]["uid"] == uid:
            ready = ready_of(request)
            if any(ready.get(key) != wanted.get(key) for key in ("reason", "observedGeneration")):
                raise NotYet(f"a hand edit finds {ready.get('reason')} in place of "
                             f"{wanted['reason']}")

    # Rest, and the end.

    def judged(self):
        return [trace for trace in self.traces if not trace.raced]

    def look(self):
        """Compares all; what differs is kept in .unequal, by trace."""
        snapshot = Snapshot(self.fleet)
        self.unequal = {}
        for trace in self.judged():
            told = difference(trace, snapshot, self.works)
            if told:
                self.unequal[trace.number] = told
        return self.unequal

    def works(self, trace, member, secret):
        """Asks the member whether the token is good."""
        version = secret["metadata"]["resourceVersion"]
        if version not in self.known_good:
            token = base64.b64decode(secret["data"]["token"]).decode()
            self.fleet.tokens.add(token)
            reply = self.anonymous[self.member_of(trace, member)].with_token(token).call(
                "POST", path("selfsubjectreviews"),
                {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
            if reply.status != 201:
                return False
            self.known_good.add(version)
        return True

    def rest(self, seconds):
        """Until all have ended as their worlds, and go on to be so for some looks."""
        deadline = time.monotonic() + seconds
        calm = 0
        while calm < LOOKS and time.monotonic() < deadline:
            calm = 0 if self.look() else calm + 1
            time.sleep(POLL_SECONDS)
        return self.unequal

    def end(self):
        """All requests are deleted."""
        for item in self.api.items(path("authtokenrequests")):
            self.api.call("DELETE", path("authtokenrequests", item["metadata"]["namespace"],
                                         item["metadata"]["name"]))

    def check_foreign(self):
        """What others made is still there."""
        for trace in self.judged():
            for (place, where), uid in trace.foreign.items():
                api = self.api if place < 0 else self.fleet.apis[self.member_of(trace, place)]
                thing = api.get(where)
                assert thing and thing["metadata"]["uid"] == uid, f"{where} of t{trace.number}"
