"""What a server knows about a project: the one truth a repeated deployment starts from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .failure import Refused
from .places import ProjectPlace, Server, write_json


@dataclass(frozen=True)
class Release:
    """An unpacked release."""

    commit: str
    digest: str

    @property
    def directory(self) -> str:
        """Its directory. Two archives of one commit are two releases: neither may change the other."""
        return f"{self.commit[:12]}-{self.digest[:12]}"


@dataclass(frozen=True)
class Health:
    """How one sees that an instance is ready."""

    answering: str
    """The process that is asked."""
    path: str
    timeout_s: int


@dataclass(frozen=True)
class Instance:
    """One start of a release."""

    name: str
    release: Release
    port: int
    health: Health
    since: str = ""


@dataclass(frozen=True)
class Record:
    """What the server knows about a project."""

    project: str
    port: int = 0
    """The stable port of the project's URL. Zero if it has none: it is not, or no longer, here."""
    fence: int = 0
    """The highest fence a request has shown."""
    serial: int = 0
    """Counts instances, so that no two have one name."""
    running: bool = False
    """Whether the current instance is meant to run."""
    current: Instance | None = None
    previous: Release | None = None
    """What ran before the current release: where a rollback goes."""
    pending: Instance | None = None
    """The instance a deployment is starting, or was starting when it was killed."""

    def fenced(self, fence: int) -> Record:
        """Return the record after a request with this fence.

        Raises:
            Refused: A newer request was here first.
        """
        if fence < self.fence:
            raise Refused(
                f"request {fence} is out of date: request {self.fence} was here first",
                code="deployment_fenced",
            )
        return replace(self, fence=fence)

    def switched(self) -> Record:
        """Return the record after the pending instance has taken over."""
        if self.pending is None:
            raise Refused("no instance is waiting to take over")
        previous = self.previous
        if self.current is not None and self.current.release.commit != self.pending.release.commit:
            previous = self.current.release
        current = replace(self.pending, since=datetime.now(UTC).isoformat(timespec="seconds"))
        return replace(self, running=True, current=current, previous=previous, pending=None)

    def leftovers(self, place: ProjectPlace) -> list[str]:
        """Return the instances that are there and should not be."""
        there = {file.stem.removeprefix(f"{self.project}.") for file in programs(place)}
        there |= {directory.name for directory in place.instances.iterdir()}
        return sorted(there - ({self.current.name} if self.current else set()))


def programs(place: ProjectPlace) -> Iterator[Path]:
    """Return the files that make supervisord run something of the project."""
    return place.server.programs.glob(f"{place.name}.*.conf")


def load(place: ProjectPlace) -> Record | None:
    """Read a project's record. None if the server does not know the project."""
    try:
        content = json.loads(place.record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Record(
        project=content["project"],
        port=content["port"],
        fence=content["fence"],
        serial=content["serial"],
        running=content["running"],
        current=_instance(content["current"]),
        previous=Release(**content["previous"]) if content["previous"] else None,
        pending=_instance(content["pending"]),
    )


def save(place: ProjectPlace, record: Record) -> None:
    """Write a project's record."""
    write_json(place.record, asdict(record))


def everyone(server: Server) -> Iterator[Record]:
    """Return the records of all projects."""
    for file in sorted(server.projects.glob("*/state.json")):
        record = load(server.project(file.parent.name))
        if record is not None:
            yield record


def _instance(content: dict[str, Any] | None) -> Instance | None:
    if content is None:
        return None
    return Instance(
        name=content["name"],
        release=Release(**content["release"]),
        port=content["port"],
        health=Health(**content["health"]),
        since=content["since"],
    )
