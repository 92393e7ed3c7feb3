"""The demo tells its story to the end and leaves nothing behind, however it ends."""

import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from fleet import CREDBROKER, eventually
from testbed import ROOT

DEMO = ROOT / "deploy/demo/demo"
STORY_SECONDS = 300
ENDS_SECONDS = 60


class Demo:
    """One run, with a directory for temporary files that nobody else uses."""

    def __init__(self, directory, **environment):
        self.directory = directory / "tmp"
        self.directory.mkdir()
        self.output = directory / "output"
        environment = {**os.environ, "CREDBROKER": CREDBROKER, "TMPDIR": str(self.directory),
                       **environment}
        environment.pop("TESTBED_DIR", None)
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen([str(DEMO)], stdout=output, stderr=output,
                                            stdin=subprocess.DEVNULL, env=environment,
                                            start_new_session=True)

    def said(self):
        return self.output.read_text(encoding="utf-8", errors="replace")

    def wait(self, seconds=STORY_SECONDS):
        return self.process.wait(seconds)

    def wait_for(self, text, seconds=STORY_SECONDS):
        eventually(lambda: text in self.said() or self.process.poll() is not None, seconds, text)
        assert self.process.poll() is None, self.said()

    def processes(self):
        """Whatever runs for this demo: the directory is in its arguments or its environment."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == self.process.pid:
                continue
            try:
                arguments = (entry / "cmdline").read_bytes()
                told = arguments + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(self.directory).encode() in told:
                found[int(entry.name)] = arguments.replace(b"\0", b" ").decode(errors="replace")
        return found

    def files(self):
        return sorted(str(file.relative_to(self.directory)) for file in self.directory.rglob("*"))

    def assert_nothing_is_left(self):
        assert self.processes() == {}
        assert self.files() == []

    def end(self):
        """For a test that failed."""
        for number in [self.process.pid, *self.processes()]:
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                pass


@pytest.fixture
def demo(tmp_path):
    runs = []

    def start(**environment):
        runs.append(Demo(tmp_path, **environment))
        return runs[-1]

    yield start
    for run in runs:
        run.end()


def test_the_story_is_told_to_its_end_and_nothing_stays(demo):
    run = demo()
    assert run.wait() == 0, run.said()
    said = run.said()
    for sentence in ("allowed: the request asked for it", "refused: nobody asked for it",
                     "the same kubeconfig is refused", "nothing is left behind"):
        assert sentence in said
    assert "FAILED" not in said and "eyJ" not in said
    run.assert_nothing_is_left()


@pytest.mark.parametrize("number, to_group", [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_interrupted_while_the_clusters_come_up_it_leaves_nothing(demo, number, to_group):
    run = demo()
    eventually(lambda: any("etcd" in line for line in run.processes().values()),
               what="a control plane is on its way")
    (os.killpg if to_group else os.kill)(run.process.pid, number)
    assert run.wait(ENDS_SECONDS) == 128 + number
    run.assert_nothing_is_left()


def test_interrupted_in_the_middle_of_its_story_it_leaves_nothing(demo):
    run = demo()
    run.wait_for("A team asks for access")
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.wait(ENDS_SECONDS) == 128 + signal.SIGINT
    run.assert_nothing_is_left()


def test_a_missing_program_is_told_and_nothing_is_begun(demo):
    run = demo(CREDBROKER="/nonexistent/credbroker")
    assert run.wait(30) == 1 and "make build" in run.said()
    run.assert_nothing_is_left()


def test_kept_up_it_works_and_goes_as_it_says(demo):
    run = demo(KEEP="1")
    assert run.wait() == 0, run.said()
    said = run.said()
    kubectl = re.search(r"kubectl: +(\S+)", said)[1]
    hub = re.search(r"KUBECONFIG=(\S+)", said)[1]
    broker = int(re.search(r"pid (\d+)", said)[1])
    assert broker in run.processes()

    def ask(*arguments, kubeconfig=hub):
        return subprocess.run([kubectl, "--kubeconfig", kubeconfig, *arguments], timeout=60,
                              capture_output=True, text=True, check=True).stdout

    assert "True" in ask("get", "atr", "-A", "--no-headers")
    for member in ("bravelion", "charlie"):
        file = re.search(rf"(\S+/{member}/admin.kubeconfig)", said)[1]
        assert "kube-system" in ask("get", "namespaces", kubeconfig=file)
    ask("delete", "atr", "--all", "-n", "kueue-system", "--timeout=60s")  # the broker still works

    take_down = re.search(r"take down: +(.+)", said)[1]
    begun = time.monotonic()
    subprocess.run(["bash", "-c", take_down], timeout=120, check=True, capture_output=True)
    print(f"taken down in {time.monotonic() - begun:.1f} s")
    eventually(lambda: run.processes() == {}, 20, "every process has ended")
    assert run.files() == []
