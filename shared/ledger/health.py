"""How servers and services are doing, and which of it was told: a row for each thing that is looked at.

A state changes only after several alike observations in a row, so that one that is odd changes
nothing. What is to be told follows from the state and from what was told last, so that it is told
once, however often it is looked at.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from psycopg.rows import class_row

from shared.database import Connection
from shared.ids import ProjectId, SessionId
from shared.storable import storable

FAILURES: Final = 3
"""So many observations in a row that something is wrong make it so."""
SUCCESSES: Final = 2
"""So many that nothing is make it well again."""

SERVER: Final = "server:"
PROJECT: Final = "project:"
"""What a subject begins with; behind it stand the server's name, or the project's id."""


class State(StrEnum):
    """How something is doing; what is not known yet has none."""

    UP = "up"
    DEGRADED = "degraded"
    """It does its work, and something should be done about it."""
    DOWN = "down"


class Aspect(StrEnum):
    """What is looked at."""

    SERVICE = "service"
    """Whether a project's service answers as its health check says."""
    CERTIFICATE = "certificate"
    """Whether its certificate holds, and for how long."""
    MANAGER = "manager"
    """Whether a server's service manager answers."""
    DISK = "disk"
    MEMORY = "memory"
    LOAD = "load"

    @property
    def is_news(self) -> bool:
        """Whether a change is told unasked. Much to do is no fault: what suffers from it is told of by itself."""
        return self is not Aspect.LOAD

    @property
    def worst(self) -> State:
        """What something is when this is wrong with it."""
        return State.DOWN if self in {Aspect.SERVICE, Aspect.MANAGER} else State.DEGRADED


@dataclass(frozen=True, slots=True)
class Health:
    """How one thing is doing."""

    subject: str
    aspect: Aspect
    project_id: ProjectId | None = None
    finding: str = ""
    """What was wrong when it was looked at last; empty for nothing."""
    failures: int = 0
    """In a row; they are no more than make a state."""
    successes: int = 0
    turned_at: datetime | None = None
    """When the row began."""
    observed_at: datetime | None = None
    state: State | None = None
    since: datetime | None = None
    told: State | None = None
    told_since: datetime | None = None
    """Since when it had been what was told."""
    processes_since: datetime | None = None
    """When the youngest of a service's processes was started."""

    def __post_init__(self) -> None:
        """Parse what comes from the database as text."""
        object.__setattr__(self, "aspect", Aspect(self.aspect))
        for name in ("state", "told"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, State(value))

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong, as far as is known."""
        return self.state in {None, State.UP}

    @property
    def untold(self) -> State | None:
        """The state that is to be told; None when people know it. That all is well is no news at first."""
        if self.state is None or not self.aspect.is_news:
            return None
        return None if self.state is (self.told or State.UP) else self.state

    def anew(self) -> Health:
        """Return it counted anew, since it is being changed; its state stays until another one is known."""
        return replace(self, failures=0, successes=0, turned_at=None, processes_since=None)

    def as_of(self, changed_at: datetime | None) -> Health:
        """Return it counted anew if it was changed since it was looked at last."""
        if changed_at is None or self.observed_at is None or changed_at < self.observed_at:
            return self
        return self.anew()

    def is_about_to_fail(self, finding: str) -> bool:
        """Whether one more observation like this makes it fail."""
        return bool(finding) and self.is_well and self.failures + 1 >= FAILURES

    def after(self, finding: str, at: datetime, *, processes_since: datetime | None = None) -> Health:
        """Return it after one more observation.

        Args:
            finding: What was seen to be wrong; empty for nothing.
            at: When it was looked at.
            processes_since: When the youngest process was started, where that is known.
        """
        failures = min(self.failures + 1, FAILURES) if finding else 0
        successes = 0 if finding else min(self.successes + 1, SUCCESSES)
        turned = self.turned_at is None or max(failures, successes) == 1
        counted = replace(
            self,
            finding=finding,
            failures=failures,
            successes=successes,
            turned_at=at if turned else self.turned_at,
            observed_at=at,
            processes_since=processes_since or self.processes_since,
        )
        if failures == FAILURES:
            return _become(counted, self.aspect.worst)
        return _become(counted, State.UP) if successes == SUCCESSES else counted

    def told_now(self) -> Health:
        """Return it once people know its state."""
        return replace(self, told=self.state, told_since=self.since)


@dataclass(frozen=True, slots=True)
class Service:
    """A project's service that is wanted to run."""

    project_id: ProjectId
    name: str
    session_id: SessionId
    """Where the project is talked about."""
    contract: dict[str, Any]
    """Of the release that runs."""
    releases: int
    """How many the project has."""
    at_work: bool
    """Whether a run is changing something about it right now."""
    changed_at: datetime | None
    """When the last run that may have changed something ended."""

    @property
    def subject(self) -> str:
        """What it is called in the table."""
        return f"{PROJECT}{self.project_id}"


async def services(tx: Connection, server: str, project_id: ProjectId | None = None) -> list[Service]:
    """Return the services that are wanted to run on a server, by name, or only one project's.

    Indexes: deployments_of_project, runs_project_lease, runs_of_project.
    """
    async with tx.cursor(row_factory=class_row(Service)) as cursor:
        await cursor.execute(
            """
            SELECT projects.id AS project_id, name, session_id, releases.contract,
                   (SELECT max(number) FROM releases WHERE project_id = projects.id) AS releases,
                   EXISTS (SELECT FROM runs WHERE project_id = projects.id AND status = 'running') AS at_work,
                   (SELECT max(ended_at) FROM runs WHERE project_id = projects.id) AS changed_at
              FROM projects
             CROSS JOIN LATERAL (
                   SELECT release_id FROM deployments
                    WHERE project_id = projects.id AND status = 'succeeded'
                    ORDER BY ended_at DESC LIMIT 1) AS deployed
              JOIN releases ON releases.id = deployed.release_id
             WHERE removed_at IS NULL AND service = 'running' AND projects.server = %(server)s
               AND (%(project_id)s::uuid IS NULL OR projects.id = %(project_id)s)
             ORDER BY name
            """,
            {"server": server, "project_id": project_id},
        )
        return await cursor.fetchall()


async def of_everything(tx: Connection) -> list[Health]:
    """Return what is known, by subject."""
    async with tx.cursor(row_factory=class_row(Health)) as cursor:
        await cursor.execute(f"SELECT {_COLUMNS} FROM health ORDER BY subject, aspect")
        return await cursor.fetchall()


async def of_servers(tx: Connection) -> list[Health]:
    """Return what is known of servers, by name; the table has a few rows for each project and server."""
    return [one for one in await of_everything(tx) if one.project_id is None]


async def of_project(tx: Connection, project_id: ProjectId) -> list[Health]:
    """Return what is known of a project's service, the service itself first (index health_of_project)."""
    async with tx.cursor(row_factory=class_row(Health)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM health WHERE project_id = %s ORDER BY aspect DESC", [project_id]
        )
        return await cursor.fetchall()


async def get(tx: Connection, subject: str, aspect: Aspect, project_id: ProjectId | None = None) -> Health:
    """Return what is known of one thing, locked; of one that nobody has looked at, nothing."""
    async with tx.cursor(row_factory=class_row(Health)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM health WHERE subject = %s AND aspect = %s FOR UPDATE", [subject, aspect]
        )
        return await cursor.fetchone() or Health(subject, aspect, project_id)


async def now(tx: Connection) -> datetime:
    """Return the moment by the database's clock, by which `Service.changed_at` goes as well."""
    cursor = await tx.execute("SELECT clock_timestamp()")
    moment: datetime
    [(moment,)] = await cursor.fetchall()
    return moment


async def store(tx: Connection, health: Health) -> None:
    """Store what is known of one thing."""
    values = asdict(health) | {"finding": storable(health.finding)}
    await tx.execute(
        f"""
        INSERT INTO health ({_COLUMNS}) VALUES ({", ".join(f"%({name})s" for name in _NAMES)})
        ON CONFLICT (subject, aspect) DO UPDATE
           SET {", ".join(f"{name} = excluded.{name}" for name in _NAMES[3:])}
        """,
        values,
    )


async def forget_unwanted(tx: Connection) -> None:
    """Forget the services that nobody wants to run: a person has stopped or removed them."""
    await tx.execute(
        """
        DELETE FROM health USING projects
         WHERE projects.id = project_id AND (removed_at IS NOT NULL OR service <> 'running')
        """
    )


def _become(health: Health, state: State) -> Health:
    return health if health.state is state else replace(health, state=state, since=health.turned_at)


_NAMES = (
    "subject",
    "aspect",
    "project_id",
    "finding",
    "failures",
    "successes",
    "turned_at",
    "observed_at",
    "state",
    "since",
    "told",
    "told_since",
    "processes_since",
)
_COLUMNS = ", ".join(_NAMES)
