"""What a project's tests said, in one line, whatever they printed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from infrastructure.contract import DeployContract, Process
from infrastructure.dependencies import Dependencies
from infrastructure.project_tests import run_tests
from infrastructure.sandbox import BubblewrapSandbox


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without dependencies."""
    project = tmp_path / "project"
    project.mkdir()
    for name in ("requirements.lock", "requirements-test.lock"):
        (project / name).write_text("")
    return project


@pytest.mark.parametrize(
    ("program", "summary"),
    [
        ("print('...'); print('=== 12 passed, 1 warning in 0.10s ===')", "12 passed, 1 warning in 0.10s"),
        ("print('1 failed, 2 passed in 1.00s'); print('bye')", "1 failed, 2 passed in 1.00s"),
        ("print('nothing of the kind')", "The tests passed"),
    ],
)
async def test_the_summary_is_the_last_line_that_counts(project: Path, program: str, summary: str) -> None:
    assert await _summary(project, program) == summary


async def test_a_line_of_digits_does_not_stop_the_worker(project: Path) -> None:
    started = time.process_time()

    assert await _summary(project, "print('1' * 64 * 1024)") == "The tests passed"

    assert time.process_time() - started < 2


async def _summary(project: Path, program: str) -> str:
    contract = DeployContract(
        version=1,
        processes={"web": Process(command=["python"], port=True)},
        test=["python", "-c", program],
    )
    report = await run_tests(
        project, contract, sandbox=BubblewrapSandbox(), dependencies=Dependencies(project.parent)
    )
    return report.summary
