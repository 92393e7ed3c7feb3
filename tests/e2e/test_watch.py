"""Our list and watch against a real API server, with faults in front of it.

Each test names the items of the rule book that it proves.
"""

import json
import os
import re
import time
import urllib.parse

import pytest

import fault_proxy as fault
import testbed
from kube_probe import Probe

EXPIRED = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410,
           "message": "too old resource version", "metadata": {}}
WATCH = "watch=1"
LIST = r"limit=\d+"


def secret(name, **fields):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, **fields}}


def event(event_type, **fields):
    return json.dumps({"type": event_type, "object": fields}) + "\n"


@pytest.fixture(scope="module")
def plane(own_name):
    with testbed.ControlPlane(own_name("plane")) as plane:
        yield plane


@pytest.fixture(scope="module")
def token(plane):
    return plane.admin_token()


class Scene:
    """A namespace of its own, watched by a probe through a proxy, written by another probe."""

    def __init__(self, plane, proxy, token, directory):
        self.plane = plane
        self.proxy = proxy
        self.namespace = f"watch-{os.urandom(4).hex()}"
        self.path = f"/api/v1/namespaces/{self.namespace}/secrets"
        self.writer = Probe(directory, server=plane.server, ca=plane.ca, token=token)
        self.start = lambda **options: Probe(directory, server=proxy.url, ca=plane.ca, token=token,
                                             **options)
        self.probe = self.start()
        self.writer.call("create", "/api/v1/namespaces", body={
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})

    def end(self):
        self.writer.call("delete", f"/api/v1/namespaces/{self.namespace}", body={})
        for probe in (self.writer, self.probe):
            log, code = probe.end()
            assert code == 0, log

    def restart(self, **options):
        self.probe.end()
        self.probe = self.start(**options)

    def key(self, name):
        return f"{self.namespace}/{name}"

    def write(self, verb, name="", body=None):
        result = self.writer.call(verb, f"{self.path}/{name}" if name else self.path, body=body)
        assert result["kind"] == "none", result
        return result["object"]["metadata"].get("resourceVersion")

    def create(self, name, **fields):
        return self.write("create", body=secret(name, **fields))

    def delete(self, name):
        self.write("delete", name, {})

    def watch(self, **fields):
        self.probe.watch("", "v1", "secrets", namespace=self.namespace, **fields)

    def synced(self, **fields):
        """Watches until the first list and the watch behind it are there."""
        self.watch(**fields)
        count = self.probe.await_synced()
        self.await_watches(1)
        return count

    def await_watches(self, count, seconds=20):
        wait_until(lambda: len(self.watches()) >= count, seconds)

    def sees_a_change(self, seconds=20):
        name = f"seen-{os.urandom(4).hex()}"
        start = self.probe.mark()
        version = self.create(name)
        change = self.probe.await_change(self.key(name), seconds, start)
        assert change["version"] == version
        return change

    def lists(self):
        return self.proxy.seen(path=LIST)

    def watches(self):
        return self.proxy.seen(path=WATCH)

    def versions(self):
        return [query(record)["resourceVersion"] for record in self.watches()]

    def store_equals_server(self):
        items = self.plane.get("secrets", "-n", self.namespace)["items"]
        there = {self.key(item["metadata"]["name"]): item["metadata"]["resourceVersion"]
                 for item in items}
        wait_until(lambda: self.probe.store() == there, 10)


def query(record):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(record.path).query))


def wait_until(holds, seconds):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(name="scene")
def fresh_scene(plane, token, tmp_path):
    with plane.proxy() as proxy:
        scene = Scene(plane, proxy, token, tmp_path)
        yield scene
        scene.end()


# Lists.


def test_a_long_list_comes_in_pages(scene):
    """LI-01, LI-02, LI-03, I-04"""
    calls = [scene.writer.start("create", scene.path, body=secret(f"page-{number}"))
             for number in range(1100)]
    assert all(scene.writer.result(call, 60)["kind"] == "none" for call in calls)
    assert scene.synced() == 1100
    pages = [query(record) for record in scene.lists()]
    assert [page["limit"] for page in pages] == ["500"] * 3
    assert ["continue" in page for page in pages] == [False, True, True]
    assert not any("resourceVersion" in page or "resourceVersionMatch" in page for page in pages)
    told = [event["changed"] for event in scene.probe.events if "changed" in event]
    assert len(told) == len(set(told)) == 1100  # all before synced, which was the last event
    assert "synced" in scene.probe.events[-1]
    scene.store_equals_server()

    scene.proxy.forget()
    expired = scene.proxy.on(fault.answer(410, json.dumps(EXPIRED)), path="continue=")
    scene.proxy.on(fault.stream(event("ERROR", **EXPIRED)), path=WATCH)
    scene.proxy.cut_connections()
    expired.wait(20)
    wait_until(lambda: len(scene.lists()) == 5, 20)  # one page, its 410, and three pages again
    assert ["continue" in query(record) for record in scene.lists()] == [False, True, False, True, True]
    scene.store_equals_server()
    assert len(scene.probe.store()) == 1100


def test_a_list_that_is_cut_short_is_no_list(scene):
    """LI-06, design rule 11"""
    scene.create("one")
    scene.synced()
    start = scene.probe.mark()
    scene.proxy.on(fault.stream(event("ERROR", **EXPIRED)), path=WATCH)
    cut = scene.proxy.on(fault.truncate(200), path=LIST, times=4)
    scene.proxy.cut_connections()
    cut.wait(20, count=4)
    scene.sees_a_change()
    gone = [event for event in scene.probe.events[start:] if "changed" in event and "version" not in event]
    assert gone == []
    scene.store_equals_server()


def test_a_page_over_the_cap_is_asked_for_in_smaller_ones(scene):
    """LI-03, security 2.6"""
    for number in range(40):
        scene.create(f"large-{number}", annotations={"filler": "x" * 20000})
    scene.restart(body_max=400000)
    assert scene.synced() == 40
    assert [query(record)["limit"] for record in scene.lists()[:3]] == ["500", "125", "31"]
    scene.store_equals_server()


@pytest.mark.parametrize("body", ["{}", '{"items":null,"metadata":{"resourceVersion":"1"}}',
                                  '{"items":[],"metadata":{}}'])
def test_a_reply_that_is_no_list_is_not_taken_for_an_empty_one(scene, body):
    """design rule 11"""
    scene.create("one")
    scene.proxy.on(fault.answer(200, body), path=LIST)
    assert scene.synced() == 1
    assert len(scene.lists()) == 2


def test_what_is_gone_after_a_gap_is_told_once(scene):
    """I-01, I-03"""
    for name in ("stays", "goes"):
        scene.create(name)
    scene.synced()
    scene.proxy.refuse()
    scene.delete("goes")
    scene.proxy.on(fault.answer(410, json.dumps(EXPIRED)), path=WATCH)
    start = scene.probe.mark()
    scene.proxy.resume()
    change = scene.probe.await_change(scene.key("goes"), start=start)
    assert "version" not in change
    scene.sees_a_change()
    told = [event for event in scene.probe.events[start:] if event.get("changed") == scene.key("goes")]
    assert len(told) == 1
    scene.store_equals_server()


# Watches.


def test_changes_arrive_as_they_happen(scene):
    """W-01, W-02, W-03"""
    scene.synced()
    created = scene.create("one")
    assert scene.probe.await_change(scene.key("one"))["version"] == created
    start = scene.probe.mark()
    written = scene.write("put", "one", {**secret("one"), "data": {"a": "Yg=="}})
    assert scene.probe.await_change(scene.key("one"), start=start)["version"] == written
    start = scene.probe.mark()
    scene.delete("one")
    assert "version" not in scene.probe.await_change(scene.key("one"), start=start)
    fields = query(scene.watches()[0])
    assert fields["allowWatchBookmarks"] == "true"
    assert 300 <= int(fields["timeoutSeconds"]) <= 600
    assert len(scene.lists()) == len(scene.watches()) == 1


def test_a_selector_narrows_list_and_watch(scene):
    """LI-08, W-15"""
    scene.create("other")
    scene.create("mine", labels={"mine": "a/b c".replace(" ", "").replace("/", ".")})
    assert scene.synced(selector="mine in (a.bc,d)") == 1
    start = scene.probe.mark()
    scene.write("put", "mine", secret("mine"))  # leaves the selector
    assert "version" not in scene.probe.await_change(scene.key("mine"), start=start)


def test_a_cut_watch_resumes_without_a_list(scene):
    """W-03, W-05, W-06"""
    scene.synced()
    for round_number in range(3):
        scene.sees_a_change()
        last = scene.create(f"last-{round_number}")
        scene.probe.await_change(scene.key(f"last-{round_number}"))
        scene.proxy.cut_connections()
        scene.create(f"meanwhile-{round_number}")
        scene.probe.await_change(scene.key(f"meanwhile-{round_number}"))
        assert scene.versions()[-1] == last
    assert len(scene.lists()) == 1
    scene.store_equals_server()


def test_a_refused_connection_is_waited_out_without_a_list(scene):
    """W-06"""
    scene.synced()
    scene.proxy.refuse()
    version = scene.create("meanwhile")
    wait_until(lambda: scene.probe.log_lines("watch failed, trying again"), 10)
    time.sleep(2)  # several attempts
    scene.proxy.resume()
    assert scene.probe.await_change(scene.key("meanwhile"), 30)["version"] == version
    assert len(scene.lists()) == 1
    assert len(scene.probe.log_lines("watch failed, trying again")) <= 2
    assert len(scene.probe.log_lines("watch works again")) == 1


@pytest.mark.parametrize("fate", [
    fault.answer(410, json.dumps(EXPIRED)), fault.stream(event("ERROR", **EXPIRED))],
    ids=["as a status", "in the stream"])
def test_history_that_is_gone_is_listed_again_once(scene, fate):
    """E-02, W-06, FI-05"""
    scene.proxy.on(fate, path=WATCH)
    scene.watch()
    scene.probe.await_synced()
    scene.await_watches(2)
    assert len(scene.lists()) == 2
    scene.sees_a_change()
    assert len([event for event in scene.probe.events if "synced" in event]) == 1


def test_history_that_is_always_gone_makes_no_storm(scene):
    """W-06: the relist storm is the bug"""
    scene.proxy.on(fault.answer(410, json.dumps(EXPIRED)), path=WATCH, times=None)
    scene.watch()
    scene.probe.await_synced()
    time.sleep(5)
    assert 2 <= len(scene.lists()) <= 4


def test_a_busy_server_is_asked_again_with_the_same_version(scene):
    """W-06, E-03, FI-08"""
    scene.proxy.on(fault.too_many_requests(2), path=WATCH, times=2)
    scene.watch()
    scene.probe.await_synced()
    scene.await_watches(3, 30)
    scene.sees_a_change()
    records = scene.watches()
    assert len(scene.lists()) == 1 and len(set(scene.versions())) == 1
    assert all(after.begin - before.end >= 2 for before, after in zip(records, records[1:]))


def test_an_error_of_the_server_is_retried_a_few_times_before_a_list(scene):
    """W-06, W-07"""
    scene.proxy.on(fault.answer(500, "no", "text/plain"), path=WATCH, times=3)
    scene.watch()
    scene.probe.await_synced()
    scene.await_watches(4, 60)
    scene.sees_a_change()
    records = scene.watches()
    assert len(scene.lists()) == 1
    pauses = [after.begin - before.end for before, after in zip(records, records[1:])]
    for number, pause in enumerate(pauses):
        assert 0.8 * 2**number <= pause <= 0.8 * 2**number * 2 + 10  # a busy machine adds to it


def test_a_clean_end_resumes_at_once_and_a_very_short_watch_does_not(scene):
    """W-05 and the very-short-watch rule"""
    version = scene.create("one")
    bookmark = event("BOOKMARK", kind="Secret", metadata={"resourceVersion": version})
    scene.proxy.on(fault.stream(), path=WATCH)
    scene.proxy.on(fault.stream(bookmark), path=WATCH)
    scene.watch()
    scene.await_watches(3)
    ended, short, resumed = scene.watches()
    pause = resumed.begin - short.end
    assert pause >= 0.8
    assert short.begin - ended.end < pause
    assert len(scene.lists()) == 1


def test_a_bookmark_moves_the_version_and_nothing_else(scene):
    """W-03"""
    scene.create("one")
    scene.proxy.on(fault.stream(event("BOOKMARK", metadata={"resourceVersion": "987654321"})), path=WATCH)
    hold = scene.proxy.on(fault.hold, path=WATCH, skip=1)
    assert scene.synced() == 1
    hold.wait(10)
    assert scene.versions()[1] == "987654321"
    scene.store_equals_server()
    hold.release()


@pytest.mark.parametrize("trouble", [
    event("SURPRISE", metadata={"name": "never", "resourceVersion": "3"}),
    '{"type":"ADDED","object":{"metadata":{"na',
    "no json at all\n", "[1,2]\n", '{"type":"ADDED","object":' + "[" * 200,
    '{"type":"ADDED","object":{"data":"' + "x" * (9 << 20) + '"}}\n',
], ids=["unknown type", "half an event", "garbage", "an array", "nesting", "a huge event"])
def test_a_broken_stream_resumes_behind_the_last_change(scene, trouble):
    """W-02, W-03, FI-10"""
    good = event("MODIFIED", metadata={"name": "one", "namespace": scene.namespace,
                                       "resourceVersion": scene.create("one")})
    scene.proxy.on(fault.stream(good, trouble), path=WATCH)
    scene.watch()
    scene.probe.await_synced()
    scene.await_watches(2, 30)
    assert scene.versions()[1] == json.loads(good)["object"]["metadata"]["resourceVersion"]
    scene.sees_a_change()
    assert len(scene.lists()) == 1
    scene.store_equals_server()


@pytest.mark.parametrize("fields", ['"x":99999999999999999999', '"x":1,"x":2'])
def test_an_event_that_cannot_be_parsed_is_made_up_for_by_a_list(scene, fields):
    """X-01: whose it was cannot be told"""
    scene.create("one")
    scene.proxy.on(fault.stream('{"type":"ADDED","object":{"metadata":{"name":"bad"},%s}}\n' % fields),
                   path=WATCH)
    scene.watch()
    scene.await_watches(2)
    assert len(scene.lists()) == 2
    assert len(scene.probe.log_lines("object cannot be read, ignoring it")) == 1
    scene.sees_a_change()
    scene.store_equals_server()


def test_an_object_that_cannot_be_read_stops_no_other(scene):
    """R65"""
    scene.create("bad", annotations={"unreadable": "yes"})
    scene.create("good")
    assert scene.synced() == 1
    start = scene.probe.mark()
    scene.write("put", "good", secret("good", annotations={"unreadable": "now"}))
    assert "version" not in scene.probe.await_change(scene.key("good"), start=start)
    scene.sees_a_change()
    told = [line["key"] for line in scene.probe.log_lines("object cannot be read, ignoring it")]
    assert told == [scene.key("bad"), scene.key("good")]


def test_an_event_in_small_pieces_is_one_event(scene):
    """W-01"""
    scene.synced()
    scene.proxy.on(fault.throttle(600), path=WATCH)
    scene.proxy.cut_connections()
    scene.await_watches(2)
    assert scene.sees_a_change()


def test_lost_rights_leave_the_store_and_are_told_once(scene):
    """W-16"""
    scene.create("one")
    scene.synced()
    before = scene.probe.store()
    start = scene.probe.mark()
    denied = scene.proxy.on(fault.answer(403, json.dumps({"kind": "Status", "reason": "Forbidden"})),
                            path="secrets", times=None)
    scene.proxy.cut_connections()
    denied.wait(30, count=2)
    assert scene.probe.store() == before
    assert not [event for event in scene.probe.events[start:] if "changed" in event]
    denied.remove()
    scene.sees_a_change(60)
    failed = [line for line in scene.probe.log_lines("watch failed, trying again") if line["kind"] == "denied"]
    assert len(failed) == 1 and failed[0]["resource"] == "secrets"
    assert len(scene.probe.log_lines("watch works again")) == 1


def test_a_missing_api_is_waited_for_and_told_once(scene):
    """section 4: 404 without a Status; FI-17"""
    scene.probe.watch("edge.test", "v1", "things")
    wait_until(lambda: len(scene.proxy.seen(path="edge.test")) >= 3, 20)
    assert not [event for event in scene.probe.events if "synced" in event]
    scene.plane.apply({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.edge.test"},
        "spec": {"group": "edge.test", "scope": "Namespaced",
                 "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
                 "versions": [{"name": "v1", "served": True, "storage": True, "schema": {
                     "openAPIV3Schema": {"type": "object"}}}]}})
    assert scene.probe.await_synced(60) == 0
    wait_until(lambda: scene.probe.log_lines("watch works again"), 20)
    # The new API may be busy for a moment between its first list and its first watch.
    assert len(scene.probe.log_lines("watch failed, trying again")) <= 2
    scene.plane.apply({"apiVersion": "edge.test/v1", "kind": "Thing",
                       "metadata": {"name": "one", "namespace": scene.namespace}})
    scene.probe.await_change(scene.key("one"))


# The server itself.


def test_a_restart_of_the_server_loses_nothing(scene):
    """W-05, W-06"""
    scene.synced()
    last = scene.sees_a_change()["version"]
    scene.plane.stop("kube-apiserver")
    scene.plane.start("kube-apiserver")
    scene.sees_a_change(60)
    assert last in scene.versions()
    # A server that wrote leases before its cache was filled has lost that version, and says 410.
    assert len(scene.lists()) <= 2
    scene.store_equals_server()


def test_compacted_history_is_listed_again(scene):
    """W-06, FI-05: the server's own 410"""
    for name in ("stays", "goes"):
        scene.create(name)
    scene.synced()
    scene.proxy.refuse()
    scene.delete("goes")
    created = scene.create("comes")
    scene.plane.compact()
    start = scene.probe.mark()
    scene.proxy.resume()
    assert scene.probe.await_change(scene.key("comes"), 60)["version"] == created
    assert "version" not in scene.probe.await_change(scene.key("goes"), start=start)
    assert len(scene.lists()) == 2
    scene.sees_a_change()
    scene.store_equals_server()
