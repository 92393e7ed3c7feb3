"""How long a credential works on after its request was deleted: until its binding is gone (403), and
until its anchor is (401).

Requests are deleted one after another, while their tokens are in use: each was last believed by the
API server at some moment of the ten seconds for which it remembers. When the broker's deletions were
done, and when the first call came that was forbidden, is read from the member's audit log.
"""

import calendar
import json
import pathlib
import random
import sys
import tempfile
import threading
import time

import machine
from fleet import IDENTITIES, Broker, Fleet
from kube_api import KubeApi, path
from workload import REQUESTS, Observer, Workload, name_of

REMEMBERED_SECONDS = 10   # by an API server, that it took a token
STEP_SECONDS = 0.4        # from one deletion to the next
SLOW_SECONDS = 0.2        # from one question to the next, of a token that may do nothing any more
LIMIT_SECONDS = 60
READY_SECONDS = 300
AUDITED = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
           "rules": [{"level": "Metadata", "verbs": ["delete"]},
                     {"level": "Metadata", "verbs": ["list"],
                      "resources": [{"group": "batch", "resources": ["jobs"]}]},
                     {"level": "None"}]}


def seconds_of(stamp):
    """Of RFC 3339 with a fraction."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + (fraction or "0"))


class Credential:
    """One that is in use: what its token was answered, and when."""

    def __init__(self, api, user, record):
        self.api, self.user = api, user
        [self.binding] = [item["name"] for item in record["objects"]
                          if item["kind"] == "ClusterRoleBinding"]
        [self.anchor] = [item["name"] for item in record["anchors"]]
        self.deleted = self.refused = self.unknown = None

    def ask(self):
        """The call that the credential was made for."""
        status = self.api.call("GET", path("jobs")).status
        now = time.time()
        if status != 200:
            self.refused = self.refused or now
        if status == 401:
            self.unknown = self.unknown or now
        return status


class Background(threading.Thread):
    """Uses each token once before its request goes, and asks afterwards until it is unknown."""

    def __init__(self):
        super().__init__(daemon=True)
        self.lock = threading.Lock()
        self.due = []     # (time, credential): first uses
        self.asked = []   # credentials
        self.ended = False

    def first_use(self, credential, at):
        with self.lock:
            self.due.append((at, credential))

    def watch(self, credential):
        with self.lock:
            self.asked.append(credential)

    def run(self):
        while not self.ended:
            begun = time.time()
            with self.lock:
                first = [credential for at, credential in self.due if at <= begun]
                self.due = [(at, credential) for at, credential in self.due if at > begun]
                asked = [credential for credential in self.asked if credential.unknown is None]
            for credential in first + asked:
                credential.ask()
            time.sleep(max(0, SLOW_SECONDS - (time.time() - begun)))


class Revocation:
    """A hub, a member that keeps an audit log, and credentials to be revoked."""

    def __init__(self, fleet, audit_log):
        self.fleet, self.audit_log = fleet, audit_log
        self.workload = Workload(fleet)
        self.machine = machine.Machine([fleet.hub, *fleet.members.values()])

    def issue(self, count):
        token = self.fleet.hub.admin_token("observer")
        observer = Observer(self.fleet, token)
        for index in range(count):
            self.workload.create(index)
        observer.wait(count, READY_SECONDS)
        observer.close()
        records = {ledger["metadata"]["name"]: ledger["spec"] for ledger in self.fleet.ledgers()}
        return [self.credential(index, records) for index in range(count)]

    def credential(self, index, records):
        name = name_of(index)
        config = json.loads(self.fleet.credential(name)["kubeconfig"])
        uid = self.fleet.get_request(name)["metadata"]["uid"]
        return Credential(KubeApi.of_kubeconfig(config),
                          f"system:serviceaccount:{IDENTITIES}:{name}", records[uid])

    def revoke(self, credentials):
        """Deletes the requests, one every STEP_SECONDS, after the tokens were used."""
        background = Background()
        begin = time.time() + REMEMBERED_SECONDS
        for index, credential in enumerate(credentials):
            at = begin + index * STEP_SECONDS
            background.first_use(credential, at - random.uniform(0, REMEMBERED_SECONDS))
        background.start()
        self.machine.start()
        for index, credential in enumerate(credentials):
            time.sleep(max(0, begin + index * STEP_SECONDS - time.time()))
            self.delete(index, credential)
            background.watch(credential)
        deadline = time.monotonic() + LIMIT_SECONDS
        while any(credential.unknown is None for credential in credentials):
            assert time.monotonic() < deadline, "a token is still known"
            time.sleep(SLOW_SECONDS)
        self.machine.stop()
        background.ended = True
        background.join()

    def delete(self, index, credential):
        credential.deleted = time.time()
        self.fleet.hub_api.delete(f"{REQUESTS}/{name_of(index)}")
        deadline = time.monotonic() + LIMIT_SECONDS
        while credential.ask() == 200:
            assert time.monotonic() < deadline, "a credential still works"

    def audit(self):
        """When the member had done the deletions, by name, and when the first forbidden call came,
        by user."""
        deleted, forbidden = {}, {}
        for line in self.audit_log.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            code = event.get("responseStatus", {}).get("code")
            if event["verb"] == "delete" and code == 200:
                deleted[event["objectRef"].get("name")] = seconds_of(event["stageTimestamp"])
            elif code == 403:
                forbidden.setdefault(event["user"]["username"],
                                     seconds_of(event["requestReceivedTimestamp"]))
        return deleted, forbidden


def measure(revocation, credentials):
    """Seconds, by what they are of."""
    deleted, forbidden = revocation.audit()
    found = {"request deleted, first refusal": [], "request deleted, first 401": [],
             "binding deleted, first 403": [], "anchor deleted, first 401": []}
    for credential in credentials:
        binding, anchor = deleted[credential.binding], deleted[credential.anchor]
        found["request deleted, first refusal"].append(credential.refused - credential.deleted)
        found["request deleted, first 401"].append(credential.unknown - credential.deleted)
        if credential.user in forbidden:  # else it was forgotten just then, and a 401 came first
            found["binding deleted, first 403"].append(
                max(0, forbidden[credential.user] - binding))
        found["anchor deleted, first 401"].append(credential.unknown - anchor)
    return found


def report(found, foreign):
    """A table for people, a line for programs."""
    for name, values in found.items():
        values.sort()
        figures = {"p50": values[len(values) // 2], "p90": values[len(values) * 9 // 10],
                   "worst": values[-1]}
        print(f"{name:31}" + "".join(f"  {key} {value * 1000:8.1f} ms"
                                     for key, value in figures.items()))
        print(json.dumps({"measure": name, "count": len(values), "foreign": round(foreign, 3),
                          **{key: round(value, 4) for key, value in figures.items()}}))


def run(count):
    with tempfile.TemporaryDirectory(prefix="credbroker-audit-") as scratch:
        policy, log = pathlib.Path(scratch) / "policy.json", pathlib.Path(scratch) / "audit.log"
        policy.write_text(json.dumps(AUDITED), encoding="utf-8")
        flags = (f"--audit-policy-file={policy}", f"--audit-log-path={log}",
                 "--audit-log-mode=blocking-strict")
        with Fleet("hub", "m1", member_flags=flags) as fleet:
            broker = Broker(fleet, fleet.hub.server).wait_ready()
            revocation = Revocation(fleet, log)
            credentials = revocation.issue(count)
            print(f"{count} credentials are issued and will be revoked", file=sys.stderr, flush=True)
            revocation.revoke(credentials)
            report(measure(revocation, credentials), revocation.machine.foreign)
            broker.stop()
