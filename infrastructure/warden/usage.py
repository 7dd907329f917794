"""What the processes inside use, measured from outside.

Measured and not accounted by a cgroup, because an ordinary user has none to
write to on most machines. The kernel's own per-process limits catch what a
measurement every tenth of a second would miss.
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

INIT = "1"
"""bubblewrap's own process, the first of its namespace."""

_TICKS = os.sysconf("SC_CLK_TCK")
_MEMORY_DIRECTORIES = ("tmp", "dev/shm")


class Usage(NamedTuple):
    """What all processes use together."""

    memory: int
    """Bytes, files in memory included."""
    cpu_s: float
    processes: int
    """Threads included."""


class Inside:
    """The processes of one sandbox, seen through its own `/proc`.

    Args:
        init_pid: Their first process, as this namespace numbers it.
    """

    def __init__(self, init_pid: int) -> None:
        root = f"/proc/{init_pid}/root"
        # Kept open: a number can be reused, an open directory cannot.
        self._proc = os.open(f"{root}/proc", os.O_RDONLY | os.O_DIRECTORY)
        self._in_memory = [os.open(f"{root}/{name}", os.O_RDONLY) for name in _MEMORY_DIRECTORIES]

    def close(self) -> None:
        """Let go of the sandbox's mounts."""
        for descriptor in (self._proc, *self._in_memory):
            os.close(descriptor)

    def measure(self) -> Usage:
        """Return what is used now."""
        memory = self._files_in_memory()
        ticks = threads = 0
        for pid in self._pids():
            fields = self._read(f"{pid}/stat").rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])  # utime stime cutime cstime
            if pid == INIT:
                continue
            status = self._status(pid)
            threads += status.get("Threads", 0)
            memory += (status.get("VmRSS", 0) + status.get("VmSwap", 0)) * 1024
        return Usage(memory, ticks / _TICKS, threads)

    def exact_memory(self) -> int:
        """Return the bytes of memory used, what processes share counted once.

        Dearer than `measure`, which counts a forked process's memory twice.
        """
        total = self._files_in_memory()
        for pid in self._pids():
            rollup = self._numbers(f"{pid}/smaps_rollup")
            if "Pss" in rollup:
                total += (rollup["Pss"] + rollup.get("SwapPss", 0)) * 1024
            else:
                total += self._status(pid).get("VmRSS", 0) * 1024
        return total

    def deleted_files(self) -> int:
        """Return the bytes of files that are open but have no name any more."""
        sizes: dict[tuple[int, int], int] = {}
        for pid in self._pids():
            for status in self._open_files(pid):
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                    sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
        return sum(sizes.values())

    def _pids(self) -> list[str]:
        try:
            names = os.listdir(self._proc)  # noqa: PTH208 - an open directory, not a path
        except OSError:  # the namespace is gone
            return []
        return [name for name in names if name.isdigit()]

    def _files_in_memory(self) -> int:
        volumes = [os.fstatvfs(descriptor) for descriptor in self._in_memory]
        return sum((volume.f_blocks - volume.f_bfree) * volume.f_frsize for volume in volumes)

    def _status(self, pid: str) -> dict[str, int]:
        return self._numbers(f"{pid}/status")

    def _numbers(self, path: str) -> dict[str, int]:
        numbers = {}
        for line in self._read(path).splitlines():
            name, _, value = line.partition(":")
            first = value.split(maxsplit=1)[:1]
            if first and first[0].isdigit():
                numbers[name] = int(first[0])
        return numbers

    def _read(self, path: str) -> str:
        try:
            descriptor = os.open(path, os.O_RDONLY, dir_fd=self._proc)
        except OSError:  # it has ended
            return ""
        try:
            return os.read(descriptor, 65536).decode(errors="replace")
        except OSError:
            return ""
        finally:
            os.close(descriptor)

    def _open_files(self, pid: str) -> list[os.stat_result]:
        found = []
        try:
            directory = os.open(f"{pid}/fd", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._proc)
        except OSError:
            return []
        try:
            for name in os.listdir(directory):  # noqa: PTH208 - an open directory, not a path
                try:
                    found.append(os.stat(name, dir_fd=directory))
                except OSError:  # closed in the meantime
                    continue
        except OSError:
            return found
        finally:
            os.close(directory)
        return found
