"""Worlds of the simulation on real servers: what is done there is done here, and it ends the same.

The model of the simulation is only worth what it has in common with Kubernetes. So the worlds are written
down (`simulation --record`), and here the same requests are made, changed and deleted, the same policies
go and return, the same calls are refused or lost, and members, hub and broker die and come back.
"""

import collections
import json
import os
import pathlib
import subprocess
import time

import pytest

from fleet import CREDBROKER, IDENTITIES, OURS, Fleet, eventually, program
from kube_api import path
from replay import Batch
from world_ends import Snapshot, difference
from worlds import chosen

# The release build is many times as fast as the one that is tested.
SIMULATION = os.environ.get("SIMULATION", str(pathlib.Path(CREDBROKER).with_name("simulation")))
COUNT = int(os.environ.get("REPLAY_COUNT", "200"))
FIRST = int(os.environ.get("REPLAY_FIRST", "1"))
EVENTS = int(os.environ.get("REPLAY_EVENTS", "15"))
SPARE = COUNT // 5     # what came too late to mean the same is left out
JUDGED_AT_LEAST = 0.8  # on a machine with much company more comes too late
WORLDS = 3             # for each trace, since some cannot be done again
REST_SECONDS = 240     # a minute between two tokens, a busy machine
GONE_SECONDS = 240
FLAGS = ("--deletion-deadline", "1s")
MISSING = ["secrets", "clusterrolebindings", "serviceaccounts"]
GRANTED = {
    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
    "metadata": {"name": "of-worlds"},
    "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
              {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list"]}]}
OPENED = [  # every namespace of the hub, in place of a Role in each
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
     "metadata": {"name": "deliveries"},
     "rules": [{"apiGroups": [""], "resources": ["secrets"],
                "verbs": ["get", "create", "patch", "delete"]}]},
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
     "metadata": {"name": "deliveries"},
     "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                 "name": "deliveries"},
     "subjects": [{"kind": "ServiceAccount", "name": "credbroker",
                   "namespace": "credbroker-system"}]}]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """The lines of a record."""
    file = tmp_path_factory.mktemp("worlds") / "worlds.jsonl"
    subprocess.run([SIMULATION, "--first", str(FIRST), "--count", str(WORLDS * (COUNT + SPARE)),
                    "--brokers", "1", "--events", str(EVENTS), "--record", str(file)], check=True, timeout=300)
    return file.read_text().splitlines()


@pytest.fixture(scope="module")
def batch(own_name, worlds):
    """At rest, after everything was done."""
    members = own_name("m1"), own_name("m2")
    begun = time.monotonic()
    with Fleet(own_name("hub"), *members) as fleet:
        fleet.policy.withdraw()
        fleet.hub.apply(*OPENED)
        for member in members:
            fleet.members[member].apply(GRANTED)
            fleet.members[member].kubectl("apply", "-f", "-", stdin=program(
                "member-rbac", "--identity-namespace", IDENTITIES, "--may-grant", "of-worlds",
                "--may-bind", "view"))
        traces, left_out = chosen(worlds, COUNT + SPARE)
        print(f"{len(traces)} worlds; left out: {dict(left_out)}")
        batch = Batch(fleet, traces, FLAGS)
        batch.prepare()
        print(f"prepared after {time.monotonic() - begun:.1f} s", flush=True)
        batch.play()
        print(f"played after {time.monotonic() - begun:.1f} s", flush=True)
        batch.rest(REST_SECONDS)
        print(f"at rest after {time.monotonic() - begun:.1f} s", flush=True)
        yield batch
        batch.broker.stop()


def test_worlds_end_the_same_on_real_servers(batch):
    raced = collections.Counter(trace.raced for trace in batch.traces if trace.raced)
    print(f"{len(batch.judged())} compared; raced: {dict(raced)}; "
          f"hurried: {sum(trace.hurried for trace in batch.traces)}; "
          f"calls that met a fault: {sum(trace.met for trace in batch.traces)}")
    ends = collections.Counter(end["reason"] for trace in batch.judged()
                               for end in trace.world["end"])
    print(f"ends: {dict(ends)}")
    told = [f"seed {batch.traces[number].world['seed']} (t{number}): {text}"
            for number, text in batch.unequal.items()]
    assert not told, "\n".join(told)
    assert len(batch.judged()) >= COUNT * JUDGED_AT_LEAST


def test_the_comparison_sees_each_field(batch):
    """Whatever the world had said otherwise, it would have been told."""
    trace, end = served(batch)[0]
    snapshot = Snapshot(batch.fleet)
    otherwise = {"ready": "False", "reason": "Pending", "secret": "none", "works": False,
                 "record": False, "objects": end["objects"][1:], "uid": "another"}
    assert difference(trace, snapshot, batch.works) == ""
    for field, value in otherwise.items():
        right, end[field] = end[field], value
        assert difference(trace, snapshot, batch.works), field
        end[field] = right
    trace.world["end"].remove(end)
    assert "left behind" in difference(trace, snapshot, batch.works)
    trace.world["end"].append(end)


@pytest.mark.parametrize("resource", MISSING)
def test_the_comparison_sees_what_is_missing_on_a_server(batch, resource):
    before = set(batch.unequal)
    trace, end = served(batch)[0]
    uid = trace.uids[end["uid"]]
    api = batch.fleet.apis[batch.member_of(trace, end["member"])]
    where = path(resource) + OURS + f",credbroker.dev/request-uid%3D{uid}"
    for item in api.items(where):
        api.delete(path(resource, item["metadata"].get("namespace"), item["metadata"]["name"]))
    assert set(batch.look()) - before == {trace.number}


def served(batch):
    """Requests that have a working credential and a ClusterRole, one of a trace."""
    return [(trace, trace.world["end"][0]) for trace in batch.judged()
            if trace.number not in batch.unequal and trace.world["end"][0]["works"]
            and any(line.startswith("ClusterRoleBinding") for line in
                    trace.world["end"][0]["objects"])]


def test_nothing_is_left_when_all_requests_are_deleted(batch):
    batch.end()
    left = []
    try:
        eventually(lambda: all_is_undone(batch, left), GONE_SECONDS)
    except AssertionError as late:
        raise AssertionError(f"left behind: {left}") from late
    batch.check_foreign()


def all_is_undone(batch, ret_left):
    snapshot = Snapshot(batch.fleet)
    ret_left[:] = [(uid, snapshot.objects[uid], snapshot.anchors[uid])
                   for uid in {*snapshot.requests, *snapshot.owners()}]
    return not ret_left
