"""The machine that this runs on: what it has left, and how its server is."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from infrastructure.local_server import LocalServer


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is used of a machine."""

    disk: float
    """Used part of the disk that holds the home, from 0 to 1, as those who are not root see it."""
    disk_free: int
    """Bytes that are left on it."""
    memory: float
    """Used part of the memory, from 0 to 1: what could be had at once counts as free."""
    load: float
    """Processes that wanted a processor during the last five minutes, for each processor."""


class LocalMachine:
    """This machine, with the server in one home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._server = LocalServer(home / "server")

    async def has_server(self) -> bool:
        """Whether there ever was a server here."""
        return self._server.root.is_dir()

    async def manager_answers(self) -> bool:
        """Whether the server's supervisord answers."""
        return await self._server.is_running()

    async def vitals(self) -> Vitals:
        """Return what is used of this machine; its disk may be far away, and slow."""
        return await asyncio.to_thread(_read, self._home)


def _read(home: Path) -> Vitals:
    disk, memory = psutil.disk_usage(str(home)), psutil.virtual_memory()
    return Vitals(
        disk=disk.percent / 100,
        disk_free=disk.free,
        memory=1 - memory.available / memory.total,
        load=os.getloadavg()[1] / (os.cpu_count() or 1),
    )
