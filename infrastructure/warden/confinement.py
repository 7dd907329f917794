"""One bubblewrap process and everything inside it: started, signalled, ended."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import socket
from pathlib import Path
from typing import NoReturn

from infrastructure.warden import descent
from infrastructure.warden.calls import filter_program
from infrastructure.warden.orders import Limits, Mount, Orders

MIB = 1024 * 1024

STACK_BYTES = 8 * MIB
"""What a thread's stack counts as, although it uses hardly any of it."""

_RESERVED_PROCESSES = 16
"""More than `processes`, so that the watch sees who passes it and can say so."""

_GUARD = """\
{ ulimit -u "$1" 2>/dev/null || ulimit -p "$1"; } && shift &&
echo ready >&0 && read -r go && exec "$@" </dev/null"""
"""Runs inside before the command.

It sets the limit on processes, because only inside the new user namespace does that count
what is inside and nothing else (bash calls it -u, dash -p). Then it waits for a word and
not for an end of file, so that a warden killed before everything is tied to its life
leaves a shell that exits.
"""

_SEALED = ("--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/")
"""Nobody writes to what bubblewrap mounts: it is in memory without a limit, and `/proc/sys`
is the kernel's own, which obeys the host's root even in a namespace."""


class CannotIsolate(Exception):
    """Bubblewrap could not build the sandbox. Nothing was run."""


class Confinement:
    """A command that runs under bubblewrap, its processes and nothing else.

    Args:
        orders: What to run.
        descend: Whether to become the unprivileged user first.

    Raises:
        CannotIsolate: Bubblewrap could not build the sandbox.
    """

    def __init__(self, orders: Orders, *, descend: bool) -> None:
        guard, guard_inside = socket.socketpair()
        info, info_inside = os.pipe()
        self._bubblewrap = os.fork()
        if self._bubblewrap == 0:
            _become_bubblewrap(orders, guard_inside.fileno(), info_inside, descend=descend)
        guard_inside.close()
        os.close(info_inside)
        self.ended = os.pidfd_open(self._bubblewrap)
        """Readable once bubblewrap has ended."""
        self.init_pid = 0
        """The first process inside; it is bubblewrap's, and the command is its child."""
        self._init: int | None = None
        self._guard = guard
        try:
            self._let_in(info)
        except CannotIsolate:
            self.kill()
            self.wait()
            raise

    def signal(self, number: int) -> None:
        """Send a signal to the command itself."""
        for pid in _children(self.init_pid):
            if _number_inside(pid) == "2":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def kill(self) -> None:
        """End everything inside, whatever it does against it: the kernel ends a namespace with its first process."""
        for descriptor in (self._init, self.ended):
            if descriptor is not None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)

    def wait(self) -> int:
        """Wait until nothing is left inside, and return the command's exit code, a signal as 128 more."""
        code = os.waitstatus_to_exitcode(os.waitpid(self._bubblewrap, 0)[1])
        if self._init is not None:
            # It dies with bubblewrap, and only after all the others in its namespace.
            select.select([self._init], [], [])
        return 128 - code if code < 0 else code

    def _let_in(self, info: int) -> None:
        with open(info, encoding="ascii") as file:
            told = file.read()
        if not told:
            raise CannotIsolate
        self.init_pid = json.loads(told)["child-pid"]
        try:
            self._init = os.pidfd_open(self.init_pid)
        except ProcessLookupError as error:
            raise CannotIsolate from error
        if self._guard.recv(16) != b"ready\n":
            raise CannotIsolate
        self._guard.sendall(b"go\n")


def _become_bubblewrap(orders: Orders, guard: int, info: int, *, descend: bool) -> NoReturn:
    try:
        os.setsid()  # so that a signal to the warden's group does not end bubblewrap before the command
        os.dup2(guard, 0)
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python, and then by whatever it starts
            signal.signal(ignored, signal.SIG_DFL)
        program, mounts = orders.bubblewrap, orders.mounts
        _limit(orders.limits)
        environment = _environment(orders.environment_file)  # which only root may be able to read
        if descend:
            program, mounts = _descend(program, mounts)
        arguments = [
            *("--info-fd", str(info)),
            *_refused_calls(),
            *orders.arguments,
            *environment,
            *_files(orders.files),
            *_mounts(mounts),
            *_SEALED,
        ]
        if any("\0" in argument for argument in arguments):
            raise ValueError("a path or variable has a zero byte in it")  # noqa: TRY301 - reported below
        options = _in_memory("\0".join(arguments).encode())
        os.set_inheritable(info, True)
        processes = str(orders.limits.processes + _RESERVED_PROCESSES)
        command = ["/bin/sh", "-c", _GUARD, "sandbox", processes, *orders.command]
        os.execve(program, [program, "--args", str(options), "--", *command], {})  # noqa: S606
    except BaseException as error:  # noqa: BLE001 - a fork must never return into its parent's code
        os.write(2, f"{error}\n".encode())
    os._exit(1)


def _limit(limits: Limits) -> None:
    memory = limits.memory_mb * MIB + limits.processes * STACK_BYTES
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, limits.open_files)
    # For each process, and only to slow down what grows faster than the watch looks.
    # Not RLIMIT_AS: V8 and Go reserve far more address space than they ever use.
    _lower(resource.RLIMIT_DATA, memory)
    if limits.disk_mb is not None:
        _lower(resource.RLIMIT_FSIZE, limits.disk_mb * MIB)
    # Should the machine run out of memory all the same, this goes first and not the database.
    Path("/proc/self/oom_score_adj").write_text("1000")


def _lower(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def _descend(program: str, mounts: list[Mount]) -> tuple[str, list[Mount]]:
    """Become the unprivileged user, and return what the paths are called from there."""
    # The wheel's program has its library beside its package.
    package = Path(program).parents[2]
    descent.descend([str(package), *(mount.source for mount in mounts)])
    moved = [
        Mount(descent.staged(index), mount.target, mount.writable)
        for index, mount in enumerate(mounts, start=1)
    ]
    return f"{descent.staged(0)}/{Path(program).relative_to(package)}", moved


def _environment(file: str | None) -> list[str]:
    if file is None:
        return []
    variables: dict[str, str] = json.loads(Path(file).read_text(encoding="utf-8"))
    return [part for name, value in variables.items() for part in ("--setenv", name, value)]


def _refused_calls() -> list[str]:
    program = filter_program()
    return [] if program is None else ["--seccomp", str(_in_memory(program))]


def _files(files: dict[str, str]) -> list[str]:
    return [
        part
        for path, content in files.items()
        for part in ("--perms", "0444", "--ro-bind-data", str(_in_memory(content.encode())), path)
    ]


def _mounts(mounts: list[Mount]) -> list[str]:
    # Outer before inner, or the outer would hide the inner.
    ordered = sorted(mounts, key=lambda mount: mount.target.count("/"))
    return [
        part
        for mount in ordered
        for part in ("--bind" if mount.writable else "--ro-bind", mount.source, mount.target)
    ]


def _in_memory(content: bytes) -> int:
    descriptor = os.memfd_create("orders", 0)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _children(pid: int) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            if parent == str(pid):
                found.append(int(process.name))
    return found


def _number_inside(pid: int) -> str:
    """Return what a process is numbered in its own namespace."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return line.split()[-1]
    return ""
