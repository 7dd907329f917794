"""What a run of the orchestrator is asked to do: the input that a conversation writes.

Everything in it is as a person wrote it. The orchestrator's intake checks it,
and asks where something is missing or wrong.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shared.errors import BadInput


class BadWork(BadInput):
    """This is no work that the orchestrator knows."""

    code = "bad_work"
    advice = "See /help for what there is."


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Build(_Part):
    """Make a new project and put it live."""

    kind: Literal["build"] = "build"
    blueprint: str = ""
    name: str = ""
    description: str = ""


def build_title(name: str) -> str:
    """Return what a run is called that builds a project, once its name is known: as who began it would call it."""
    return f"Build {name}"


class Deploy(_Part):
    """Put the head of a project's default branch, or one of its releases, live."""

    kind: Literal["deploy"] = "deploy"
    project_id: UUID
    release: int | None = None


class Rollback(_Part):
    """Put an earlier release live again."""

    kind: Literal["rollback"] = "rollback"
    project_id: UUID
    release: int | None = None
    """The one before the running one when left out."""


class Stop(_Part):
    """Stop a project's service; its releases and data stay."""

    kind: Literal["stop"] = "stop"
    project_id: UUID


class Start(_Part):
    """Start a project's service with the release that ran last."""

    kind: Literal["start"] = "start"
    project_id: UUID


class Restart(_Part):
    """Stop a project's service, if it runs, and start it with the release that ran last."""

    kind: Literal["restart"] = "restart"
    project_id: UUID


class Remove(_Part):
    """Remove a project's service with its data, and put its repository away."""

    kind: Literal["remove"] = "remove"
    project_id: UUID


Work = Annotated[Build | Deploy | Rollback | Stop | Start | Restart | Remove, Field(discriminator="kind")]
"""What a run does; stored in `runs.input` with `model_dump(mode="json")`."""

_WORK: TypeAdapter[Build | Deploy | Rollback | Stop | Start | Restart | Remove] = TypeAdapter(Work)


def parse(input_: dict[str, Any]) -> Build | Deploy | Rollback | Stop | Start | Restart | Remove:
    """Read a run's input back.

    Raises:
        BadWork: It is none of these models.
    """
    try:
        return _WORK.validate_python(input_)
    except ValidationError as error:
        raise BadWork from error
