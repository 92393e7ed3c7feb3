"""How worlds of the simulation ended, and how the same ended on real servers.

    difference(trace, Snapshot(fleet), works)    # "" when there is none
"""

import collections
import functools
import re

from fleet import KINDS, OURS
from kube_api import path

DIGEST = re.compile(r"-[a-z2-7]{26}$")
OWN_NAME = re.compile(r"-t\d+-")


class Snapshot:
    """What there is on hub and members, read once."""

    def __init__(self, fleet):
        self.requests = {item["metadata"]["uid"]: item
                         for item in fleet.hub_api.items(path("authtokenrequests"))}
        self.secrets = {(item["metadata"]["namespace"], item["metadata"]["name"]): item
                        for item in fleet.hub_api.items(path("secrets"))}
        self.records = {item["metadata"]["name"]: item for item in fleet.ledgers()}
        self.objects = collections.defaultdict(list)
        self.anchors = collections.defaultdict(set)
        for api in fleet.apis.values():
            for resource, kind in KINDS.items():
                for item in api.items(path(resource) + OURS):
                    self._add(kind, item["metadata"])

    def _add(self, kind, metadata):
        uid = metadata["labels"]["credbroker.dev/request-uid"]
        if kind == "Secret":
            self.anchors[uid].add(metadata["name"])
        elif DIGEST.search(metadata["name"]):
            name = OWN_NAME.sub("-", DIGEST.sub("", metadata["name"]))
            self.objects[uid].append(f"{kind} {name}")
        else:
            self.objects[uid].append(f"{kind} ")

    def owners(self):
        """UIDs of requests for which something stands."""
        ours = (item["metadata"].get("labels", {}).get("credbroker.dev/request-uid")
                for item in self.secrets.values())
        return {*self.records, *self.objects, *self.anchors, *filter(None, ours)}


def ready_of(request):
    return next((condition for condition in request.get("status", {}).get("conditions", [])
                 if condition["type"] == "Ready"), {})


def expected(end):
    """One request of a world at rest."""
    lines = end["objects"]
    anchors = [line for line in lines if line.startswith("Secret ")]
    return {"ready": end["ready"], "reason": end["reason"], "secret": end["secret"],
            "works": end["works"], "record": end["record"], "anchor": bool(anchors),
            "objects": sorted(line for line in lines if line not in anchors)}


def healed(trace, end):
    """The same as if nothing had been deleted by hand: an access that was taken back for a moment is
    whole afterwards, and whether it was noticed is a matter of time."""
    whole = expected(end)
    for event in trace.world["events"]:
        if event["do"] != "delete" or not event["ours"] or event.get("request") != end["uid"]:
            continue
        if event["resource"] in ("secrets", "serviceaccounts"):
            whole.update(works=True, secret="ours", anchor=True)
        if event["resource"] != "secrets":
            stem = event["name"].removesuffix("-*") if event["name"].endswith("-*") else ""
            whole["objects"] = sorted({*whole["objects"], f"{KINDS[event['resource']]} {stem}"})
    return whole


def found(snapshot, uid, works):
    """The same of a real one; None when there is no such request. WORKS asks the member about the
    token of a Secret."""
    request = snapshot.requests.get(uid)
    if not request:
        return None
    ready = ready_of(request)
    where = request["metadata"]["namespace"], request["metadata"]["name"]
    secret = snapshot.secrets.get(where)
    owner = (secret or {}).get("metadata", {}).get("labels", {}).get("credbroker.dev/request-uid")
    ours = owner == uid
    recorded = {anchor["name"] for anchor
                in snapshot.records.get(uid, {}).get("spec", {}).get("anchors", [])}
    return {"ready": ready.get("status"), "reason": ready.get("reason"),
            "secret": "none" if not secret else "ours" if ours else "foreign",
            "works": ours and works(secret), "record": uid in snapshot.records,
            "anchor": bool(snapshot.anchors[uid]), "objects": sorted(snapshot.objects[uid]),
            **({"anchors that nobody knows of": snapshot.anchors[uid] - recorded}
               if snapshot.anchors[uid] - recorded else {})}


def plain(states):
    """Without the objects, which differ by request."""
    return [{key: value for key, value in (state or {}).items() if key != "objects"}
            for state in states]


def stopped(end, state):
    """END as far as STATE has come, when both stopped for a foreign Secret: how much stood by then is a
    matter of time."""
    midway = all((one or {}).get("reason") == "SecretConflict" for one in (end, state))
    return {**end, "anchor": state["anchor"], "objects": state["objects"]} if midway else end


def difference(trace, snapshot, works):
    """How TRACE ended otherwise than its world; "" if it did not. Which of those that want one
    ServiceAccount gets it is a matter of time."""
    rivals = collections.defaultdict(list)
    for end in trace.world["end"]:
        rivals[end["member"], end["account"]].append(end)
    told = []
    for ends in rivals.values():
        wanted = [expected(end) for end in ends]
        got = [found(snapshot, trace.uids.get(end["uid"]),
                     functools.partial(works, trace, end["member"])) for end in ends]
        wanted = [whole if whole == state else stopped(end, state) for end, whole, state in
                  zip(wanted, [healed(trace, end) for end in ends], got)]
        if wanted != got and (plain(wanted) == plain(got) or len(ends) == 1
                              or sorted(plain(wanted), key=str) != sorted(plain(got), key=str)):
            told.append(f"expected {wanted}, found {got}")
    living = {trace.uids.get(end["uid"]) for end in trace.world["end"]}
    left = (set(trace.uids.values()) - living) & snapshot.owners()
    if left:
        told.append(f"left behind of requests that are gone: {sorted(left)}")
    return "; ".join(told)
