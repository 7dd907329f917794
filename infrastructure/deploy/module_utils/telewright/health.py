"""Whether a new instance is ready for people."""

from __future__ import annotations

import http.client
import time

from . import instances
from .failure import Refused
from .places import ProjectPlace
from .ports import LOOPBACK
from .records import Health
from .supervisor import Process, Supervisor

INTERVAL_S = 0.1
ANSWER_S = 5
"""The longest one answer may take."""
STARTS = 2
"""After so many starts, a process that dies again is not going to come up."""


def wait(
    place: ProjectPlace,
    instance: str,
    *,
    manager: Supervisor,
    port: int,
    health: Health,
) -> None:
    """Wait until an instance answers 2xx and all its processes live.

    Raises:
        Refused: It does not within the time, or its processes die again and again.
    """
    deadline = time.monotonic() + health.timeout_s
    starts: dict[str, set[int]] = {}
    answer = "no answer"
    while time.monotonic() < deadline:
        found = instances.processes(place, instance, manager=manager)
        _give_up_on_the_dying(found, starts)
        answer = _ask(port, health.path, timeout_s=min(ANSWER_S, health.timeout_s))
        if answer == "" and _all_live(
            instances.processes(place, instance, manager=manager), health.answering
        ):
            return
        time.sleep(INTERVAL_S)
    raise Refused(
        f"not healthy after {health.timeout_s} s: {answer or 'not all processes run'} at {health.path}"
    )


def _give_up_on_the_dying(found: list[Process], starts: dict[str, set[int]]) -> None:
    if not found:
        raise Refused("the instance is not there")
    for process in found:
        seen = starts.setdefault(process.name, set())
        if process.started:
            seen.add(process.started)
        if not process.lives and (process.state == "FATAL" or len(seen) >= STARTS):
            reason = process.spawn_error or "see its log"
            raise Refused(f"process {process.name.rpartition('.')[2]} keeps ending: {reason}")


def _all_live(found: list[Process], answering: str) -> bool:
    """A process that answers has come up; of the others one knows when they have lived for a second."""
    return all(
        process.lives if process.name.endswith(f".{answering}") else process.state == "RUNNING"
        for process in found
    )


def _ask(port: int, path: str, *, timeout_s: float) -> str:
    """Return why the answer is not one of health: nothing if it is."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout_s)
    try:
        connection.request("GET", path, headers={"Connection": "close", "User-Agent": "telewright-health"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"no answer ({type(error).__name__})"
    finally:
        connection.close()
    return "" if 200 <= status < 300 else f"status {status}"
