"""Ports on loopback: which are free, and who is still connected to one."""

from __future__ import annotations

import random
import socket
from collections.abc import Container
from pathlib import Path

from .failure import Refused

LOOPBACK = "127.0.0.1"
ESTABLISHED = "01"
LISTENING = "0A"


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of loopback, or on that port of every address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections that are closing must not count: only a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def lowest_free(first: int, last: int, *, taken: Container[int]) -> int:
    """Choose a stable port: the first that is neither promised nor in use.

    Raises:
        Refused: There is none left.
    """
    for port in range(first, last + 1):
        if port not in taken and is_free(port):
            return port
    raise Refused(f"no port from {first} to {last} is free", code="port_taken")


def any_free(first: int, last: int, *, taken: Container[int]) -> int:
    """Choose an instance's port, starting anywhere, so that a port is not used again at once.

    Raises:
        Refused: There is none left.
    """
    count = last - first + 1
    start = random.randrange(count)  # noqa: S311 - not a secret
    for step in range(count):
        port = first + (start + step) % count
        if port not in taken and is_free(port):
            return port
    raise Refused(f"no port from {first} to {last} is free", code="port_taken")


def has_connections(port: int) -> bool:
    """Whether anybody still has a connection to a port of this machine."""
    return _has_socket(port, ESTABLISHED)


def has_listener(port: int) -> bool:
    """Whether anybody listens on a port of this machine. Unlike `is_free`, it is never in the way."""
    return _has_socket(port, LISTENING)


def _has_socket(port: int, wanted_state: str) -> bool:
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            local, _, state = line.split()[1:4]
            if state == wanted_state and local.endswith(wanted):
                return True
    return False
