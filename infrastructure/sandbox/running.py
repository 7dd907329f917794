"""Sandboxes that run on this machine, found by their wardens: for what nobody waits for any more."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

import psutil

from infrastructure.warden.orders import Orders

_STARTED_BY = "infrastructure.warden.main"


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A command that runs in a workspace."""

    workspace: str
    """The name of the directory, directly below the one that was asked for."""
    warden: psutil.Process

    def end(self) -> None:
        """End everything inside: bubblewrap dies with its warden, and its namespace with it."""
        # psutil compares the time of the start, so that a number given to somebody else is not meant.
        with contextlib.suppress(psutil.NoSuchProcess):
            self.warden.kill()


def running_sandboxes(root: Path) -> list[RunningSandbox]:
    """Return the sandboxes whose workspace is below a directory. Services are none of them."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            orders = _orders(process)
            if orders is None or orders.report_fd is None:
                continue
            for mount in orders.mounts:
                if mount.writable and Path(mount.source).is_relative_to(root.resolve()):
                    found.append(
                        RunningSandbox(Path(mount.source).relative_to(root.resolve()).parts[0], process)
                    )
                    break
    return found


def _orders(process: psutil.Process) -> Orders | None:
    command = process.cmdline()
    if not any(_STARTED_BY in part for part in command[1:-2]):
        return None
    try:
        return Orders.from_json(command[-1])
    except (json.JSONDecodeError, KeyError, TypeError):
        return None
