"""Run one playbook by ansible-runner, in a process of its own.

Its order comes as JSON on standard input, since it may hold secrets; what happens
goes out as lines of JSON on standard output. `play.py` starts it in a PID
namespace, so that nothing under it outlives the worker that gave the order, and
with a private file system in memory for everything ansible-runner writes.
"""

from __future__ import annotations

import fcntl
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ansible_runner

Line = dict[str, Any]
Say = Callable[[Line], None]

STATUSES = {"runner_on_failed": "failed", "runner_on_unreachable": "failed", "runner_on_skipped": "skipped"}
SILENT_ACTIONS = ("include_tasks", "validate_argument_spec")
"""Steps of the machinery that say nothing to people."""


def main() -> None:
    """Read the order, run the playbook, say how it ended."""
    order = json.load(sys.stdin)
    with Path(order["lock"]).open("w") as lock:
        # One playbook for a project at a time, whichever worker has it. Held until this
        # process is gone, and freed by the kernel if it is killed.
        fcntl.flock(lock, fcntl.LOCK_EX)
        _prepare(Path(order["private"]), order["variables"])
        result = ansible_runner.run(
            private_data_dir=order["private"],
            playbook=order["playbook"],
            event_handler=Narrator(_say).hear,
            quiet=True,
            settings={"suppress_output_file": True},
        )
        _say({"kind": "end", "succeeded": result.rc == 0})


class Narrator:
    """Turns Ansible's events into what people are told."""

    def __init__(self, say: Say) -> None:
        """Make it."""
        self._say = say

    def hear(self, event: Line) -> bool:
        """Take one event. Returns that it need not be kept."""
        data = event.get("event_data") or {}
        if data.get("task") and not str(data.get("task_action")).endswith(SILENT_ACTIONS):
            self._tell(event["event"], data)
        elif event["event"] == "error" and event.get("stdout"):
            self._say({"kind": "complaint", "text": event["stdout"]})
        return False

    def _tell(self, kind: str, data: Line) -> None:
        if kind == "playbook_on_task_start":
            self._say(_step(data, "started"))
        elif kind in STATUSES or kind == "runner_on_ok":
            result = data.get("res") or {}
            status = STATUSES.get(kind) or ("changed" if result.get("changed") else "ok")
            message = result.get("msg", "") if status == "failed" else ""
            self._say(
                {**_step(data, status), "message": str(message), "duration_s": data.get("duration") or 0}
            )
            if outcome := result.get("telewright"):
                self._say({"kind": "outcome", **outcome})


def _prepare(private: Path, variables: Line) -> None:
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    _write(private / "inventory" / "hosts.json", json.dumps({"all": {"hosts": {"server": host}}}))
    _write(private / "env" / "extravars", json.dumps(_unsafe(variables)))


def _unsafe(value: object) -> object:
    """Mark every text as unsafe: a project wrote it, and Ansible must never take it for a template."""
    match value:
        case str():
            return {"__ansible_unsafe": value}
        case list():
            return [_unsafe(item) for item in value]
        case dict():
            return {name: _unsafe(item) for name, item in value.items()}
        case _:
            return value


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(text, encoding="utf-8")


def _step(data: Line, status: str) -> Line:
    return {"kind": "step", "step": data["task"], "status": status}


def _say(line: Line) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
