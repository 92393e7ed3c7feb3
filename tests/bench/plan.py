"""What the broker calls for one credential, recorded and turned into a plan for bare_client.

The fault proxy stands between the broker and the API servers while one credential is issued. What
differs from one credential to the next becomes a mark that bare_client fills in; the rest stays as
the broker sent it, byte for byte.
"""

import json
import re
import threading

INDEX_DIGITS = 5
HUB_CONNECTIONS = 16
MEMBER_CONNECTIONS = 8
PROOF_CONNECTIONS = 4
# Calls that no other call waits for.
ASIDE = re.compile(r"/apis/events\.k8s\.io/")
PROOF = re.compile(r"/selfsubjectreviews$")
# Asked once a minute for a namespace, however many credentials are issued in it.
SHARED = re.compile(r"/selfsubjectaccessreviews$")
WATCHED = ("/apis/multicluster.x-k8s.io/v1alpha1/authtokenrequests",
           "/apis/credbroker.dev/v1alpha1/namespaces/credbroker-system/issuedcredentials")
WATCH_SECONDS = 900
DERIVED_NAME = re.compile(r"credbroker-[a-z-]+-[a-z2-7]{26}")


class Recorder:
    """Keeps the calls that pass a proxy, with their bodies, in the order of their beginning."""

    def __init__(self):
        self.calls = []
        self.lock = threading.Lock()

    def listen(self, proxy, peer):
        proxy.on(lambda exchange: self._pass(exchange, peer), path=r"^(?!.*watch=1)", times=None)

    def _pass(self, exchange, peer):
        record = exchange.record
        call = {"peer": "proof" if PROOF.search(record.path) else peer,
                "method": record.method, "path": record.path,
                "accept": record.headers.get("accept", ""),
                "type": record.headers.get("content-type", ""), "body": exchange.body.decode()}
        with self.lock:
            self.calls.append(call)
        exchange.fetch()
        call["status"] = int(exchange.reply_head.line.split(" ")[1])
        call["reply"] = exchange.reply_body.decode()
        exchange.pass_on()


def first_value(reply, key):
    """As bare_client finds it."""
    found = re.search(f'"{key}":"([^"]*)"', reply)
    return found.group(1) if found else None


def marks_of(calls, name, uid):
    """What is to be replaced, with the mark in its place; longer texts first."""
    marks = {name: name[:-INDEX_DIGITS] + "@i@", uid: "@u@"}
    for call in calls:
        for derived in DERIVED_NAME.findall(call["body"]):
            marks[derived] = derived[:-INDEX_DIGITS] + "@i@"
    for number, call in enumerate(calls):
        if call["status"] >= 300:
            continue
        metadata = json.loads(call["reply"])["metadata"]
        values = {"u": ("uid", metadata.get("uid"))}
        if call["peer"] == "hub":
            values["v"] = ("resourceVersion", metadata.get("resourceVersion"))
        for letter, (key, value) in values.items():
            if value not in (None, uid) and value == first_value(call["reply"], key):
                marks.setdefault(f'"{value}"', f'"@{letter}{number}@"')
    return dict(sorted(marks.items(), key=lambda item: -len(item[0])))


def with_marks(text, marks):
    assert "@" not in text, "the plan's own mark occurs in a call"
    for value, mark in marks.items():
        text = text.replace(value, mark)
    return text


def call_lines(calls, name, uid):
    calls = [call for call in calls if not SHARED.search(call["path"])]
    marks = marks_of(calls, name, uid)
    for call in calls:
        yield "\t".join(["call", call["peer"], call["method"], with_marks(call["path"], marks),
                         call["type"], call["accept"], str(call["status"]),
                         "1" if ASIDE.search(call["path"]) else "0",
                         with_marks(call["body"], marks)])


def watch_lines():
    """Those watches of the broker's that tell of the credentials themselves."""
    for resource in WATCHED:
        yield f"watch\t{resource}?watch=1&timeoutSeconds={WATCH_SECONDS}"


def peer_line(server, ca, token_file, connections):
    return "\t".join(["peer", server, ca, str(token_file), str(connections)])
