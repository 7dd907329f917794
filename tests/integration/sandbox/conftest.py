from __future__ import annotations

import textwrap
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from infrastructure.sandbox import BubblewrapSandbox, SandboxResult, base_python, python_mounts

Run = Callable[..., Coroutine[Any, Any, SandboxResult]]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    directory = tmp_path / "workspace"
    directory.mkdir()
    return directory


@pytest.fixture
def run_python(workspace: Path) -> Run:
    """Run a hostile piece of Python in the sandbox, and return what became of it."""

    async def run(code: str, **settings: Any) -> SandboxResult:  # noqa: ANN401 - what `run` takes
        command = [str(base_python()), "-c", textwrap.dedent(code)]
        mounts = [*python_mounts(), *settings.pop("mounts", ())]
        return await BubblewrapSandbox().run(command, workspace=workspace, mounts=mounts, **settings)

    return run


@pytest.fixture
def run_shell(workspace: Path) -> Run:
    """Run a shell command in the sandbox, and return what became of it."""

    async def run(command: str, **settings: Any) -> SandboxResult:  # noqa: ANN401 - what `run` takes
        return await BubblewrapSandbox().run(["sh", "-c", command], workspace=workspace, **settings)

    return run
