"""The deploy contract: what a project's `deploy.yaml` promises to a server.

Everything between a repository and a server that runs it rests on this file,
so that each field is checked, and each complaint names its field.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from shared.errors import BadInput

FILE_NAME = "deploy.yaml"
LARGEST = 64 * 1024
"""Bytes: a hostile file of megabytes would be read for minutes, or nested deeper than Python goes."""
_MOST_COMPLAINTS = 20
_LONGEST_FIELD = 60

ProcessName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,62}$")]
Argument = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00\r\n]+$")]
UrlPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~/-]{0,200}$")]

RESERVED_VARIABLES = frozenset({"PORT", "DATA_DIR", "PATH", "HOME", "PYTHONPATH"})
"""Set by the server for every process, so a project cannot ask for them."""


class BadContract(BadInput):
    """The deploy contract cannot be used."""

    code = "bad_contract"
    advice = f"Correct the fields named above in {FILE_NAME}."


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Process(_Part):
    """One long-running process of the service."""

    command: Annotated[list[Argument], Field(min_length=1, max_length=50)]
    """Program and arguments, without a shell. `{port}` becomes the process's port."""

    port: bool = False
    """Whether this process answers HTTP on the port it is given in `PORT`."""


class HealthCheck(_Part):
    """How a server sees that a new instance is ready for people."""

    path: UrlPath = "/health"
    timeout_s: Annotated[int, Field(ge=1, le=600)] = 30
    """Seconds until a new instance that does not answer 2xx counts as failed."""


class Variable(_Part):
    """One environment variable the service reads."""

    description: Annotated[
        str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x08\x0e-\x1f\x7f]+$")
    ]
    required: bool = True
    secret: bool = False
    default: Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00\r\n]*$")] | None = None

    @model_validator(mode="after")
    def _a_secret_has_no_default(self) -> Self:
        if self.secret and self.default is not None:
            raise ValueError("a secret cannot have a default: it would stand in the repository")
        return self


class Resources(_Part):
    """The most an instance may use."""

    memory_mb: Annotated[int, Field(ge=32, le=65536)] = 512
    processes: Annotated[int, Field(ge=1, le=4096)] = 64
    open_files: Annotated[int, Field(ge=64, le=65536)] = 1024


class DeployContract(_Part):
    """The whole of `deploy.yaml`."""

    version: Literal[1]
    processes: Annotated[dict[ProcessName, Process], Field(min_length=1, max_length=8)]
    health: HealthCheck = HealthCheck()
    environment: dict[VariableName, Variable] = {}
    resources: Resources = Resources()
    overlap: bool = True
    """Whether old and new may run beside each other. False: the old stops first."""
    stop_timeout_s: Annotated[int, Field(ge=1, le=300)] = 10
    """Seconds an instance has, after SIGTERM, to finish what it is doing."""
    test: Annotated[list[Argument], Field(min_length=1, max_length=50)] = ["python", "-m", "pytest", "-q"]
    """How the project's own tests are run."""

    @model_validator(mode="after")
    def _one_process_answers(self) -> Self:
        answering = [name for name, process in self.processes.items() if process.port]
        if len(answering) != 1:
            raise ValueError(f"processes: exactly one must have `port: true`, here {len(answering)} do")
        return self

    @model_validator(mode="after")
    def _no_reserved_variable(self) -> Self:
        if taken := sorted(RESERVED_VARIABLES & self.environment.keys()):
            raise ValueError(f"environment: {', '.join(taken)} is set by the server")
        return self

    @property
    def answering(self) -> str:
        """The name of the process that answers HTTP."""
        return next(name for name, process in self.processes.items() if process.port)


def parse(text: str) -> DeployContract:
    """Read a deploy contract.

    Args:
        text: The YAML of `deploy.yaml`.

    Returns:
        The checked contract.

    Raises:
        BadContract: One line per field that is wrong.
    """
    if len(text) > LARGEST:
        raise BadContract(f"{FILE_NAME} is longer than {LARGEST >> 10} KiB")
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # Values that YAML makes dates and numbers of may be none, and lists may be nested without end.
        raise BadContract(f"{FILE_NAME} is not YAML: {_shown(' '.join(str(error).split()))}") from error
    if not isinstance(content, dict):
        raise BadContract(f"{FILE_NAME} must be a mapping of fields")
    try:
        return DeployContract.model_validate(content)
    except ValidationError as error:
        raise BadContract(_complaint(error)) from error


def load(directory: Path) -> DeployContract:
    """Read the deploy contract of the project in a directory.

    Raises:
        BadContract: There is none, or it is wrong.
    """
    file = directory / FILE_NAME
    if file.is_symlink() or not file.is_file():
        raise BadContract(f"{FILE_NAME} is missing")
    if file.stat().st_size > LARGEST:
        raise BadContract(f"{FILE_NAME} is longer than {LARGEST >> 10} KiB")
    try:
        return parse(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise BadContract(f"{FILE_NAME} is not UTF-8 text") from error


def _complaint(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_input=False)
    lines = []
    for fault in faults[:_MOST_COMPLAINTS]:
        field = ".".join(_shown(str(part), _LONGEST_FIELD) for part in fault["loc"] if part != "[key]")
        message = fault["msg"].removeprefix("Value error, ")
        lines.append(f"{field}: {message}" if field else message)
    if more := len(faults) - len(lines):
        lines.append(f"and {more} more")
    return "\n".join(lines)


def _shown(text: str, longest: int = 500) -> str:
    """Return what somebody wrote so that it can be stored and shown: PostgreSQL takes no NUL."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:longest])
