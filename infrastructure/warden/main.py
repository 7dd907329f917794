"""The warden's story: prepare, start, watch, end, give back, report."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from infrastructure.warden import descent, tree
from infrastructure.warden.confinement import MIB, CannotIsolate, Confinement
from infrastructure.warden.orders import Limits, Orders
from infrastructure.warden.usage import Inside

EXITED, KILLED = "exited", "killed"
TIMED_OUT, OUT_OF_MEMORY, TOO_MANY_PROCESSES, DISK_FULL = (
    "timed_out",
    "out_of_memory",
    "too_many_processes",
    "disk_full",
)
STOPPED = "stopped"
UNAVAILABLE = "unavailable"

WATCH_EVERY_S = 0.1
WATCH_SERVICE_EVERY_S = 1.0
LOOK_AT_DISK_EVERY_S = 0.5
DISK_SHARE = 0.1
"""The most of its time the warden spends on looking at the disk."""

LIFELINE = 0
"""Standard input, held open by whoever ordered the command. When it closes, all ends."""

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def main() -> None:
    """Carry out the orders given as the last argument."""
    _keep_to_ourselves()
    orders = Orders.from_json(sys.argv[-1])
    if orders.report_fd is None:
        sys.exit(_serve(orders))
    report = _run(orders)
    os.write(orders.report_fd, json.dumps(report).encode())


def _keep_to_ourselves() -> None:
    """Let no open file of ours be open inside."""
    for opened in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):  # the listing's own is closed by now
            if int(opened.name) > 2:
                os.set_inheritable(int(opened.name), False)


def _run(orders: Orders) -> dict[str, object]:
    """Run one command to its end, and give back what it wrote."""
    descend = descent.must_descend()
    writable = [mount.source for mount in orders.mounts if mount.writable]
    before = sum(tree.hand_over(root, descent.UNPRIVILEGED_ID if descend else None) for root in writable)
    started = time.monotonic()
    try:
        confinement = Confinement(orders, descend=descend)
        ending = Watch(confinement, orders.limits, writable, before, lifeline=LIFELINE).until_the_end()
        confinement.kill()
        code = confinement.wait()
    except CannotIsolate:
        ending, code = UNAVAILABLE, 0
    duration = time.monotonic() - started
    for root in writable:
        tree.take_back(root, 0 if descend else None)
    if ending == EXITED:
        ending = _ending_of(code)
    return {"ending": ending, "exit_code": code if ending == EXITED else None, "duration_s": duration}


def _serve(orders: Orders) -> int:
    """Run a service until it ends or is told to, and return its exit code."""
    descend = descent.must_descend()
    for mount in orders.mounts:
        if mount.writable:
            # What the service writes stays its own: another instance may be writing beside it.
            tree.hand_over(mount.source, descent.UNPRIVILEGED_ID if descend else None)
    waiting: list[int] = []
    running: list[Confinement] = []

    def forward(number: int, _: FrameType | None) -> None:
        for confinement in running:
            confinement.signal(number)
        if not running:
            waiting.append(number)

    for number in FORWARDED:
        signal.signal(number, forward)
    try:
        confinement = Confinement(orders, descend=descend)
    except CannotIsolate:
        _say("the service was not started: this machine cannot isolate it")
        return 1
    running.append(confinement)
    for early in waiting:
        confinement.signal(early)
    ending = Watch(confinement, orders.limits, [], 0, every_s=WATCH_SERVICE_EVERY_S).until_the_end()
    if ending != EXITED:
        _say(f"the service was ended: {ending}")
    confinement.kill()
    return confinement.wait()


class Watch:
    """Looks after a running command until it ends, or must be ended.

    Args:
        confinement: What runs.
        limits: The most it may use.
        writable: The directories it writes to.
        before: Bytes that were in them.
        lifeline: What closes when nobody waits for the command any more.
        every_s: Seconds between two looks.
    """

    def __init__(
        self,
        confinement: Confinement,
        limits: Limits,
        writable: list[str],
        before: int,
        *,
        lifeline: int | None = None,
        every_s: float = WATCH_EVERY_S,
    ) -> None:
        self._confinement = confinement
        self._limits = limits
        self._writable = writable
        self._before = before
        self._every_s = every_s
        self._started = time.monotonic()
        self._look_at_disk_at = self._started + LOOK_AT_DISK_EVERY_S
        self._lifeline = lifeline
        self._events = select.poll()
        self._events.register(confinement.ended, select.POLLIN)
        if lifeline is not None:
            self._events.register(lifeline, select.POLLIN)

    def until_the_end(self) -> str:
        """Return why it ended, or must."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # ended before the first look
            inside = Inside(self._confinement.init_pid)
            try:
                return self._look_until_the_end(inside)
            finally:
                inside.close()
        return EXITED

    def _look_until_the_end(self, inside: Inside) -> str:
        while True:
            happened = {descriptor for descriptor, _ in self._events.poll(self._pause_s() * 1000)}
            if self._confinement.ended in happened:
                return EXITED
            if self._lifeline in happened:
                return STOPPED
            if broken := self._broken_limit(inside):
                return broken

    def _pause_s(self) -> float:
        if self._limits.wall_s is None:
            return self._every_s
        return max(0.0, min(self._every_s, self._started + self._limits.wall_s - time.monotonic()))

    def _broken_limit(self, inside: Inside) -> str | None:
        limits = self._limits
        if limits.wall_s is not None and time.monotonic() - self._started >= limits.wall_s:
            return TIMED_OUT
        usage = inside.measure()
        if usage.processes > limits.processes:
            return TOO_MANY_PROCESSES
        if limits.cpu_s is not None and usage.cpu_s > limits.cpu_s:
            return TIMED_OUT
        memory = limits.memory_mb * MIB
        if usage.memory > memory and inside.exact_memory() > memory:
            return OUT_OF_MEMORY
        if limits.disk_mb is not None and self._disk_growth(inside) > limits.disk_mb * MIB:
            return DISK_FULL
        return None

    def _disk_growth(self, inside: Inside) -> float:
        now = time.monotonic()
        if now < self._look_at_disk_at:
            return 0
        try:
            size = sum(tree.size(root) for root in self._writable)
        except tree.TooDeep:
            return float("inf")
        took = time.monotonic() - now
        self._look_at_disk_at = now + took + max(LOOK_AT_DISK_EVERY_S, took / DISK_SHARE)
        return size + inside.deleted_files() - self._before


def _ending_of(code: int) -> str:
    """Tell an exit from a death by a signal, and whose limit the signal stands for."""
    if code == 128 + signal.SIGXFSZ:
        return DISK_FULL
    return KILLED if 128 < code <= 128 + signal.SIGRTMAX else EXITED


def _say(what: str) -> None:
    sys.stderr.write(f"telewright: {what}\n")
    sys.stderr.flush()
