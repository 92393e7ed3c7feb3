"""Requests by the hundred: made, watched until they are Ready, and cleared away."""

import contextlib
import http.client
import re
import socket
import ssl
import threading
import time
import urllib.parse

from fleet import API_MULTICLUSTER, IDENTITIES, OWN, PROFILES, TEAM
from kube_api import path
from plan import INDEX_DIGITS

REQUESTS = path("authtokenrequests", TEAM)
OURS = "?labelSelector=app.kubernetes.io/managed-by%3Dcredbroker"
# The API server writes keys in order, so this is all that has to be read of an object.
READY = re.compile(rb'"status":"True","type":"Ready"')
NAME = re.compile(rb'"name":"(bench-\d+)","namespace"')
WATCH_SECONDS = 900
ANSWERED = re.compile(r'apiserver_request_total\{(?:.*,)?resource="([a-z]+)"')
RESOURCES = {"authtokenrequests", "issuedcredentials", "secrets", "serviceaccounts", "events",
             "clusterroles", "clusterrolebindings", "selfsubjectreviews",
             "selfsubjectaccessreviews"}


def name_of(index):
    return f"bench-{index:0{INDEX_DIGITS}d}"


def body_of(index, profile, more):
    return {"apiVersion": API_MULTICLUSTER, "kind": "AuthTokenRequest",
            "metadata": {"name": name_of(index), "namespace": TEAM},
            "spec": {
                "targetClusterProfile": {"apiGroup": "multicluster.x-k8s.io", "kind": "ClusterProfile",
                                         "name": profile, "namespace": PROFILES},
                "serviceAccountName": name_of(index),
                "clusterRoles": [{"name": "jobs", "rules": [
                    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list"]}]}],
                **more}}


class Workload:
    """On one fleet; request I is for member I modulo their number. MORE: for each spec."""

    def __init__(self, fleet, more=None):
        self.fleet = fleet
        self.more = more or {}
        self.profiles = list(fleet.members)

    def create(self, index):
        """Returns the line that tells bare_client of it."""
        member = index % len(self.profiles)
        created = self.fleet.hub_api.create(REQUESTS, body_of(index, self.profiles[member],
                                                               self.more))
        return f"{index:0{INDEX_DIGITS}d} {created['metadata']['uid']} {member}\n"

    def clear(self):
        """Removes the requests and all that was made for them, without the broker."""
        hub = self.fleet.hub_api
        for request in hub.items(REQUESTS):
            if request["metadata"].get("finalizers"):
                hub.merge(path("authtokenrequests", TEAM, request["metadata"]["name"]),
                          {"metadata": {"finalizers": None}})
        hub.delete(REQUESTS)
        hub.delete(path("secrets", TEAM) + OURS)
        hub.delete(path("issuedcredentials", OWN))
        hub.delete(path("events", TEAM))
        for api in self.fleet.apis.values():
            for resource in ("serviceaccounts", "secrets"):
                api.delete(path(resource, IDENTITIES) + OURS)
            for resource in ("clusterrolebindings", "clusterroles"):
                api.delete(path(resource) + OURS)


class Observer:
    """Watches requests become Ready, at the cost of a look at the bytes of each event."""

    def __init__(self, fleet, token):
        self.ready = {}  # monotonic time by name
        self.changed = threading.Condition()
        where = urllib.parse.urlsplit(fleet.hub.server)
        self.connection = http.client.HTTPSConnection(
            where.hostname, where.port, timeout=WATCH_SECONDS,
            context=ssl.create_default_context(cadata=fleet.hub.ca_pem()))
        version = fleet.hub_api.get(f"{REQUESTS}?limit=1")["metadata"]["resourceVersion"]
        query = f"watch=1&timeoutSeconds={WATCH_SECONDS}&resourceVersion={version}"
        self.connection.request("GET", f"{REQUESTS}?{query}",
                                headers={"Authorization": f"Bearer {token}"})
        self.response = self.connection.getresponse()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in iter(self.response.readline, b""):
            if not READY.search(line):
                continue
            now = time.monotonic()
            with self.changed:
                self.ready.setdefault(NAME.search(line).group(1).decode(), now)
                self.changed.notify_all()

    def wait(self, count, seconds):
        """When the last of COUNT became Ready."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.ready) >= count, seconds), (
                f"{len(self.ready)} of {count} are Ready after {seconds} s")
            return max(self.ready.values())

    def close(self):
        """Ends the thread that reads."""
        with contextlib.suppress(OSError):
            self.connection.sock.shutdown(socket.SHUT_RDWR)


def calls_answered(apis):
    """By the servers' own count, of the kinds of calls that issuing is made of."""
    count = 0
    for api in apis:
        for line in api.call("GET", "/metrics").body["message"].splitlines():
            found = ANSWERED.match(line)
            if found and found.group(1) in RESOURCES and 'verb="WATCH"' not in line:
                count += float(line.rsplit(" ", 1)[1])
    return count
