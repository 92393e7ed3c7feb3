"""Worlds of the simulation, as `simulation --record` writes them, with names for real servers.

    traces, left_out = chosen(file.read_text().splitlines(), 200)
    for state, events in phases([trace.world for trace in traces]): ...

A Trace keeps what became of its world here: UIDs, proxies, the faults that calls have yet to meet.
"""

import collections
import itertools
import json
import threading

import fault_proxy

MOMENTS_MAX = 14        # of the hub and the broker
SLOW_MAX_SECONDS = 1.5  # a call that is late
UP, DEAD, HUB_DOWN = "up", "broker dead", "hub down"
KIND_OF = {"accesspolicies": ("credbroker.dev/v1alpha1", "AccessPolicy"),
           "clusterprofiles": ("multicluster.x-k8s.io/v1alpha1", "ClusterProfile"),
           "rbactemplates": ("credbroker.dev/v1alpha1", "RBACTemplate"),
           "authtokenrequests": ("multicluster.x-k8s.io/v1alpha1", "AuthTokenRequest")}
REASONS = {401: "Unauthorized", 403: "Forbidden", 409: "Conflict", 410: "Expired",
           429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}


# Which worlds, and when.


def with_moments(events):
    """Each event that is one trace's own, with what the hub and the broker were like then, and the
    milliseconds until the next event. What is edited by hand while nothing works must be there
    before, so that is awaited."""
    alive, up, unserved = False, True, ""
    found = []
    working = 0  # behind the last event while all was up
    for event, following in itertools.zip_longest(events, events[1:]):
        if event["do"] in ("start", "kill"):
            alive = event["do"] == "start"
        elif event["do"] == "serve all but":
            unserved = event["resource"]
        elif event["place"] < 0 and event["do"] in ("up", "down"):
            up = event["do"] == "up"
        else:
            state = DEAD if not alive else HUB_DOWN if not up else f"no {unserved}" if unserved else UP
            if state != UP and working and is_hand_edit(event):
                found.insert(working, (UP, {**event, "do": "await"}, 0))
            found.append((state, event, following["at"] - event["at"] if following else 0))
            working = len(found) if state == UP else working
    return found


def is_hand_edit(event):
    return event["do"] == "delete" and event["ours"]


def chosen(lines, count):
    """The first COUNT worlds that can be done again, and why others before them cannot."""
    worlds, left_out = [], collections.Counter()
    for line in lines:
        world = json.loads(line)
        if any(event["do"] == "exchange" for event in world["events"]):
            left_out["a member is exchanged"] += 1
        elif not world["end"]:
            left_out["nothing is asked for in the end"] += 1
        else:
            worlds.append(world)
    plan = phases(worlds)
    late = set().union(*(taken for _, taken in plan[MOMENTS_MAX:]))
    left_out["the hub and the broker die too often"] = len(late)
    left = [world for number, world in enumerate(worlds) if number not in late]
    left_out["enough are found"] = len(left[count:])
    return [Trace(number, world) for number, world in enumerate(left[:count])], left_out


def phases(worlds):
    """What the hub and the broker are like, one moment after the other, and which events each world
    has then, by its index. What most of them need next comes next."""
    waiting = {number: collections.deque(with_moments(world["events"]))
               for number, world in enumerate(worlds)}
    plan = []
    while any(waiting.values()):
        needed = collections.Counter(events[0][0] for events in waiting.values() if events)
        state = needed.most_common(1)[0][0]
        taken = {}
        for number, events in waiting.items():
            while events and events[0][0] == state:
                taken.setdefault(number, []).append(events.popleft()[1:])
        plan.append((state, taken))
    return plan


class Trace:
    """One world, with names of its own."""

    def __init__(self, number, world):
        self.number = number
        self.world = world
        self.uids = {}      # real ones of requests, by those of the world
        self.requests = {}  # where they are, by their real UIDs
        self.proxies = {}   # by member
        self.faults = collections.defaultdict(list)  # to come, by place
        self.lock = threading.Lock()
        self.raced = None
        self.hurried = 0
        self.waits_since = None
        self.met = 0        # faults that a call has met
        self.foreign = {}   # what somebody else made, by path: the real UID

    def own(self, name):
        return f"t{self.number}-{name}"

    def account(self, member, name):
        return self.own(f"m{member}-{name}")

    def place(self, event):
        """The real namespace and name of an event's object."""
        namespace, name, resource = event["namespace"], event["name"], event.get("resource")
        if event["place"] >= 0:
            return namespace, self.account(event["place"], name)
        if resource in ("authtokenrequests", "secrets"):
            return self.own(namespace), name
        return namespace, self.own(name)

    def spec(self, event):
        """As in the world, with our names."""
        spec = json.loads(json.dumps(event["object"]["spec"]))
        for template in spec.get("templates", []) + spec.get("allow", {}).get("templates", []):
            template["name"] = self.own(template["name"])
        for subject in spec.get("subjects", []):
            subject["namespaces"] = [self.own(name) for name in subject["namespaces"]]
        if "targetClusterProfile" in spec:
            member = int(spec["targetClusterProfile"]["name"].rsplit("-", 1)[1])
            spec["targetClusterProfile"]["name"] = self.own(f"member-{member}")
            spec["serviceAccountName"] = self.account(member, spec["serviceAccountName"])
        return spec

    def body(self, event):
        version, kind = KIND_OF[event["resource"]]
        namespace, name = self.place(event)
        metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": self.spec(event)}

    # Faults.

    def take_fault(self, place, exchange):
        """The next fault that is meant for a call like this one; None: there is none."""
        method = exchange.record.method
        resource, name, subresource = address_of(exchange.record.path)
        with self.lock:
            for fault in self.faults[place]:
                if ((fault["method"], fault.get("resource"), fault.get("subresource", ""))
                        == (method, resource, subresource) and self._means(fault, name)):
                    self.faults[place].remove(fault)
                    self.met += 1
                    return fault
        return None

    def _means(self, fault, name):
        if fault["place"] >= 0 or not fault["name"]:
            return True
        if fault["resource"] == "issuedcredentials":
            return self.uids.get(fault["name"]) == name
        return fault["name"] == name

    def meets(self, place):
        """The action of a proxy that lets each call meet its fault."""
        def action(exchange):
            suffer(exchange, self.take_fault(place, exchange))
        return action


def address_of(url):
    """Resource, name and subresource."""
    parts = url.partition("?")[0].strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if parts[:1] == ["namespaces"] and len(parts) > 2:
        parts = parts[2:]
    parts += [""] * 3
    return parts[0], parts[1], parts[2]


def refusal(status):
    if status not in REASONS:
        return fault_proxy.answer(status, "404 page not found\n", "text/plain")
    return fault_proxy.answer(status, json.dumps({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status,
        "reason": REASONS[status]}))


def broken_answer(exchange):
    exchange.fetch()
    exchange.answer(500, "", "text/plain", ())


def suffer(exchange, fault):
    """What has not come to the server dies with its sender, as in the worlds."""
    if fault and fault["fate"] == "late":
        exchange.pause(min(fault["delay"] / 1000, SLOW_MAX_SECONDS))
    if fault_proxy.is_hung_up(exchange.wire.sock):
        exchange.cut()
    actions = {"lost": fault_proxy.cut, "answer lost": fault_proxy.lose_reply,
               "answer broken": broken_answer, "late": fault_proxy.forward,
               "refused": refusal(fault["status"] if fault else 0)}
    actions[fault["fate"] if fault else "late"](exchange)
