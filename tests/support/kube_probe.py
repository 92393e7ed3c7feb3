"""Drives tests/edge/kube_probe.c, which is our Kubernetes client with a line of JSON for a mouth."""

import json
import os
import pathlib
import queue
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 20


def program():
    places = [os.environ.get("KUBE_PROBE")]
    places += [ROOT / "build" / preset / "kube_probe" for preset in ("asan", "dev", "release")]
    for place in places:
        if place and os.access(place, os.X_OK):
            return str(place)
    raise FileNotFoundError("kube_probe is not built (KUBE_PROBE names it)")


class Probe:
    """One running kube_probe. Options are those of kube_probe.c, secrets as text."""

    def __init__(self, directory, environment=None, wrapper=(), token=None, second_token=None,
                 **options):
        self.secrets = [secret for secret in (token, second_token) if secret]
        for name, secret in (("token", token), ("second_token", second_token)):
            if secret is not None:
                path = pathlib.Path(directory) / f"{name}-{os.urandom(4).hex()}"
                path.write_text(secret, encoding="utf-8")
                options[name] = path
        command = [*wrapper, program(), *(f"{key}={value}" for key, value in options.items())]
        self.errors = open(pathlib.Path(directory) / f"stderr-{os.urandom(4).hex()}", "w+",
                           encoding="utf-8")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
            env={**os.environ, **(environment or {})})
        self.next_id = 0
        self.events = []
        self.arrived = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.arrived.put((time.monotonic(), line))
        self.arrived.put(None)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        log, code = self.end()
        if kind is None:
            assert code == 0, log

    def end(self):
        """Ends the program; returns what it logged and its exit code. No secret may be in either
        of its outputs."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self._take_arrived(0)
        log = self.log()
        said = json.dumps(self.events)
        for secret in self.secrets:
            assert secret not in log and secret not in said
        return log, self.process.returncode

    def log(self):
        with open(self.errors.name, encoding="utf-8") as log:
            return log.read()

    def log_lines(self, message):
        """The log's events with this message."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [line for line in lines if line["message"] == message]

    # Commands.

    def command(self, verb, **fields):
        self.process.stdin.write(json.dumps({"verb": verb, **fields}) + "\n")
        self.process.stdin.flush()

    def start(self, verb, path, **fields):
        """Starts a call; returns its id for result()."""
        self.next_id += 1
        self.command(verb, id=self.next_id, path=path, **fields)
        return self.next_id

    def result(self, number, seconds=SECONDS):
        return self.await_event(lambda event: event.get("id") == number, seconds)

    def call(self, verb, path, seconds=SECONDS, **fields):
        return self.result(self.start(verb, path, **fields), seconds)

    def watch(self, group, version, plural, **fields):
        self.command("watch", group=group, version=version, plural=plural, **fields)

    def store(self):
        before = len(self.events)
        self.command("store")
        return self.await_event(lambda event: "store" in event, start=before)["store"]

    # Events.

    def _take_arrived(self, seconds):
        """Takes in what comes within SECONDS; false when nothing came."""
        try:
            item = self.arrived.get(timeout=seconds) if seconds > 0 else self.arrived.get_nowait()
        except queue.Empty:
            return False
        if item is None:
            return False
        when, line = item
        event = json.loads(line)
        event["at"] = when
        self.events.append(event)
        return True

    def await_event(self, matches, seconds=SECONDS, start=0):
        """The first event from number START on that MATCHES, waited for if need be."""
        deadline = time.monotonic() + seconds
        at = start
        while True:
            while at < len(self.events):
                if matches(self.events[at]):
                    return self.events[at]
                at += 1
            if not self._take_arrived(deadline - time.monotonic()):
                raise AssertionError(
                    f"no such event within {seconds} s; last: {self.events[-3:]}\n{self.log()}")

    def await_synced(self, seconds=SECONDS):
        return self.await_event(lambda event: "synced" in event, seconds)["synced"]

    def await_change(self, key, seconds=SECONDS, start=0):
        return self.await_event(lambda event: event.get("changed") == key, seconds, start)

    def mark(self):
        """The number that the next event will have; for START."""
        while self._take_arrived(0):
            pass
        return len(self.events)
