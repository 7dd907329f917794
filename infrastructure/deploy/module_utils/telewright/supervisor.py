"""supervisord, asked over its Unix socket."""

from __future__ import annotations

import http.client
import time
import xmlrpc.client
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from .failure import Refused
from .unix_http import UnixConnection

BAD_NAME = 10
"""Fault codes of supervisor.xmlrpc.Faults."""
STILL_RUNNING = 91
ALREADY_ADDED = 90


@dataclass(frozen=True)
class Process:
    """One process as supervisord sees it."""

    group: str
    name: str
    state: str
    pid: int
    started: int
    spawn_error: str

    @property
    def lives(self) -> bool:
        """Whether it runs, as far as one can tell this early."""
        return self.state in ("STARTING", "RUNNING")


class Supervisor:
    """The service manager of the local server."""

    def __init__(self, socket: Path, *, timeout_s: float = 360) -> None:
        """Make it; nothing is asked yet.

        Args:
            socket: Where supervisord listens.
            timeout_s: The longest one answer may take: stopping waits for the processes.
        """
        self._server = xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(socket, timeout_s))

    def pid(self) -> int:
        """Return supervisord's process id, if it is up.

        Raises:
            Refused: It does not answer.
        """
        return cast("int", self._call("getPID"))

    def processes(self) -> list[Process]:
        """Return every process."""
        return [
            Process(
                group=info["group"],
                name=info["name"],
                state=info["statename"],
                pid=info["pid"],
                started=info["start"],
                spawn_error=info["spawnerr"],
            )
            for info in cast("list[dict[str, Any]]", self._call("getAllProcessInfo"))
        ]

    def group(self, name: str) -> list[Process]:
        """Return the processes of a group: none if there is no such group."""
        return [process for process in self.processes() if process.group == name]

    def add(self, group: str) -> bool:
        """Start a group whose file has been written. Returns False if it was there."""
        try:
            self._call("reloadConfig")
            self._call("addProcessGroup", group)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == ALREADY_ADDED:
                return False
            raise _refusal(fault) from fault
        return True

    def remove(self, group: str) -> bool:
        """Stop a group, waiting for its processes, and forget it. Returns False if there was none."""
        while True:
            try:
                self._call("stopProcessGroup", group)
                self._call("removeProcessGroup", group)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode == BAD_NAME:
                    return False
                if fault.faultCode != STILL_RUNNING:
                    raise _refusal(fault) from fault
                # Somebody who was killed had asked for the stop already: supervisord
                # kills what does not go within its `stopwaitsecs`, so this ends.
                time.sleep(0.1)
            else:
                return True

    def shut_down(self) -> None:
        """Stop everything, and supervisord itself."""
        self._call("shutdown")

    def _call(self, method: str, *arguments: str) -> object:
        try:
            return getattr(self._server.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise Refused(f"supervisord does not answer: {error}", code="server_unavailable") from error


def _refusal(fault: xmlrpc.client.Fault) -> Refused:
    return Refused(f"supervisord refuses: {fault.faultString}", code="server_unavailable")


class _Transport(xmlrpc.client.Transport):
    def __init__(self, socket: Path, timeout_s: float) -> None:
        super().__init__()
        self._socket = socket
        self._timeout_s = timeout_s

    def make_connection(self, host: object) -> UnixConnection:
        return UnixConnection(self._socket, timeout_s=self._timeout_s)


def section(name: str, options: Mapping[str, str | int]) -> str:
    """Write one section of a supervisord configuration.

    Raises:
        ValueError: A value would be read as something else: supervisord cuts comments
            out of the middle of a line, and knows no way to write them.
    """
    lines = [f"[{name}]"]
    for option, value in options.items():
        text = str(value)
        if "\n" in text or " ;" in text or " #" in text:
            raise ValueError(f"{option} cannot be {text!r}")
        lines.append(f"{option}={text.replace('%', '%%')}")
    return "\n".join(lines) + "\n"
