"""Instances of a release under supervisord: prepared, started, stopped, removed."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import supervisor
from .places import ProjectPlace, write_atomically, write_json
from .supervisor import Process, Supervisor

ENVIRONMENT_FILE = "/@environment-file@"
"""Stands, in a command, for the file with the environment of its process."""
PROCESSES = "processes.json"
SECRETS = "secrets.json"
"""Which variables are secret: what an instance writes is shown without their values."""
LOG_BYTES = 2 * 1024 * 1024
RESTARTS = 1000
"""How often supervisord starts a process that dies at once, waiting a second longer every time."""


@dataclass(frozen=True)
class Launch:
    """How the processes of an instance are started."""

    launcher: list[str]
    """The program that becomes a process of the instance: it is given the file and the name."""
    processes: dict[str, list[str]]
    """Program and arguments of each process, in its sandbox. `{port}` becomes the instance's port."""
    answering: str
    """The process that gets `PORT`."""
    environment: dict[str, str]
    """The same for all processes; `PORT` comes on top."""
    stop_timeout_s: int
    secrets: list[str]
    """Which variables of the environment are secret."""


def prepare(place: ProjectPlace, instance: str, *, port: int, launch: Launch) -> None:
    """Write what the processes of an instance are started with."""
    directory = place.instances / instance
    directory.mkdir(mode=0o700, exist_ok=True)
    for name, environment in _environments(port, launch).items():
        write_json(_environment_file(directory, name), environment)
    write_json(directory / PROCESSES, _processes(directory, port, launch))
    write_json(directory / SECRETS, launch.secrets)
    write_atomically(directory / "program.conf", _program(place, instance, launch))


def is_same(place: ProjectPlace, instance: str, *, port: int, launch: Launch) -> bool:
    """Whether an instance was prepared with the same processes and environment."""
    directory = place.instances / instance
    try:
        processes = _read(directory / PROCESSES)
        secret_names = _read(directory / SECRETS)
        environments = {name: _read(_environment_file(directory, name)) for name in launch.processes}
    except FileNotFoundError:
        return False
    return (
        processes == _processes(directory, port, launch)
        and secret_names == launch.secrets
        and environments == _environments(port, launch)
    )


def start(place: ProjectPlace, instance: str, *, manager: Supervisor) -> bool:
    """Make supervisord run an instance, now and whenever it starts. Returns whether that was new."""
    program = place.program(instance)
    text = (place.instances / instance / "program.conf").read_text(encoding="utf-8")
    with place.server.locked("programs"):
        write_atomically(program, text)
        return manager.add(place.group(instance))


def stop(place: ProjectPlace, instance: str, *, manager: Supervisor) -> bool:
    """Stop an instance for good, keeping what it was started with. Returns whether it was there."""
    with place.server.locked("programs"):
        # The file goes first: a supervisord that starts in between must not bring it back.
        place.program(instance).unlink(missing_ok=True)
    return manager.remove(place.group(instance))


def remove(place: ProjectPlace, instance: str, *, manager: Supervisor) -> bool:
    """Stop an instance and remove its environment and its logs. Returns whether it was there."""
    was_there = stop(place, instance, manager=manager)
    # The logs first: without its environment nobody knows what to leave out of them.
    for log in place.logs.glob(f"{instance}.*.log*"):
        log.unlink(missing_ok=True)
    directory = place.instances / instance
    if directory.is_dir():
        shutil.rmtree(directory)
        was_there = True
    return was_there


def processes(place: ProjectPlace, instance: str, *, manager: Supervisor) -> list[Process]:
    """Return the processes of an instance."""
    return manager.group(place.group(instance))


def secrets(place: ProjectPlace, instance: str) -> list[str] | None:
    """Return the values of an instance's secrets; None if it is not there any more."""
    directory = place.instances / instance
    try:
        names = _read(directory / SECRETS)
        environments = [_read(file) for file in directory.glob("*.environment.json")]
    except FileNotFoundError:
        return None
    return [environment[name] for environment in environments for name in names if name in environment]


def _environment_file(directory: Path, process: str) -> Path:
    return directory / f"{process}.environment.json"


def _read(file: Path) -> Any:  # noqa: ANN401 - what we wrote ourselves
    return json.loads(file.read_text(encoding="utf-8"))


def _processes(directory: Path, port: int, launch: Launch) -> dict[str, list[str]]:
    return {
        name: [
            argument.replace("{port}", str(port)).replace(
                ENVIRONMENT_FILE, str(_environment_file(directory, name))
            )
            for argument in command
        ]
        for name, command in launch.processes.items()
    }


def _environments(port: int, launch: Launch) -> dict[str, dict[str, str]]:
    return {
        name: {**launch.environment, "PORT": str(port)} if name == launch.answering else launch.environment
        for name in launch.processes
    }


def _program(place: ProjectPlace, instance: str, launch: Launch) -> str:
    group = place.group(instance)
    names = {name: f"{group}.{name}" for name in launch.processes}
    sections = [supervisor.section(f"group:{group}", {"programs": ",".join(names.values())})]
    sections += [
        supervisor.section(
            f"program:{program}",
            {
                # What a project may write, its command, never stands in this file: the
                # launcher reads it from another, which has no syntax to fall for.
                "command": shlex.join([*launch.launcher, str(place.instances / instance / PROCESSES), name]),
                "autostart": "true",
                "autorestart": "true",
                "startsecs": 1,
                "startretries": RESTARTS,
                "stopsignal": "TERM",
                "stopwaitsecs": launch.stop_timeout_s,
                "killasgroup": "true",
                "redirect_stderr": "true",
                "stdout_logfile": str(place.logs / f"{instance}.{name}.log"),
                "stdout_logfile_maxbytes": LOG_BYTES,
                "stdout_logfile_backups": 1,
                "umask": "077",
            },
        )
        for name, program in names.items()
    ]
    return "\n".join(sections)
