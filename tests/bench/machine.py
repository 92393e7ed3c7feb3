"""Who had the processors: the program that is measured, the control planes, or strangers."""

import os
import pathlib
import time

TICKS = os.sysconf("SC_CLK_TCK")
PROCESSORS = os.cpu_count()
RESTING_SHARE = 0.15  # of one processor, all control planes together
SETTLE_STEP_SECONDS = 0.5


def cpu_seconds(pid):
    """Of the process, all its threads, and the children that it has waited for."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / TICKS


def busy_seconds():
    """Of the whole machine."""
    user, nice, system, _idle, _wait, irq, softirq, steal = map(
        int, pathlib.Path("/proc/stat").read_text(encoding="utf-8").split("\n")[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


def own_seconds(pid):
    """Of a process of one thread, in nanoseconds' precision."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text(encoding="utf-8").split()[0]) / 1e9


def peak_rss_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


class Machine:
    """Accounts for the processors between start() and stop()."""

    def __init__(self, planes):
        self.pids = [int(record.read_text(encoding="utf-8").split()[0])
                     for plane in planes for record in plane.directory.glob("run/*.process")]
        self.wall = self.planes = self.foreign = 0

    def planes_seconds(self):
        return sum(map(cpu_seconds, self.pids))

    def start(self):
        self.wall = -time.monotonic()
        self.planes = -self.planes_seconds()
        self.foreign = -(busy_seconds() - cpu_seconds(os.getpid()))

    def stop(self, subject_seconds=0):
        """SUBJECT_SECONDS is what the measured program took meanwhile. Afterwards WALL and PLANES
        are seconds, and FOREIGN is the strangers' share of all processors."""
        self.foreign += busy_seconds() - cpu_seconds(os.getpid())
        self.planes += self.planes_seconds()
        self.wall += time.monotonic()
        strange = self.foreign - self.planes - subject_seconds
        self.foreign = max(0, strange / (self.wall * PROCESSORS))

    def settle(self, foreign_max, seconds=30):
        """Waits until the control planes rest and strangers leave the processors alone, for a
        while at most."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.start()
            time.sleep(SETTLE_STEP_SECONDS)
            self.stop()
            if (self.planes < RESTING_SHARE * SETTLE_STEP_SECONDS
                    and self.foreign <= foreign_max):
                return
