"""A project's own tests, run where hostile code does no harm."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from infrastructure.contract import DeployContract
from infrastructure.dependencies import Dependencies
from infrastructure.sandbox import (
    Ending,
    Limits,
    LineListener,
    Mount,
    Sandbox,
    SandboxResult,
    base_python,
    python_mounts,
)

_COUNTED = re.compile(r"(?<!\d)\d{1,9} (?:passed|failed|error)")
"""What pytest's last line says. A run of digits is looked at once, and not anew from each of them."""

PACKAGES = PurePosixPath("/packages")
"""Where the project's packages stand inside."""

_ENDINGS = {
    Ending.KILLED: "The tests crashed",
    Ending.TIMED_OUT: "The tests took too long and were stopped",
    Ending.OUT_OF_MEMORY: "The tests used too much memory and were stopped",
    Ending.TOO_MANY_PROCESSES: "The tests started too many processes and were stopped",
    Ending.TOO_MUCH_OUTPUT: "The tests printed too much and were stopped",
    Ending.DISK_FULL: "The tests wrote too much to the disk and were stopped",
}


@dataclass(frozen=True, slots=True)
class TestReport:
    """What a project's tests said."""

    __test__ = False  # for pytest: this is no test class

    passed: bool
    summary: str
    """One line."""
    output: str
    """Head and tail of what they printed."""


async def run_tests(
    workspace: Path,
    contract: DeployContract,
    *,
    sandbox: Sandbox,
    dependencies: Dependencies,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    on_line: LineListener | None = None,
) -> TestReport:
    """Run a project's own tests in the sandbox, without a network.

    Args:
        workspace: The project's directory.
        contract: Its deploy contract, which says how it is tested.
        sandbox: Where they run.
        dependencies: Where the packages they need come from.
        limits: The most they may use.
        on_line: Told each line of output as it comes.

    Returns:
        What they said. Failing tests are a report, not an error.

    Raises:
        BadLock: The project's lock files cannot be used.
        DependenciesUnavailable: Its packages could not be installed.
        SandboxUnavailable: This machine cannot isolate. Nothing was run.
    """
    packages = await dependencies.testing(workspace)
    result = await sandbox.run(
        _command(contract),
        workspace=workspace,
        mounts=[*python_mounts(), Mount(packages, PACKAGES)],
        environment={
            "PYTHONPATH": str(PACKAGES),
            # Nothing but the tests' own files is to appear in the workspace.
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        },
        limits=limits,
        on_line=on_line,
    )
    return TestReport(result.succeeded, _summary(result), result.output)


def _command(contract: DeployContract) -> list[str]:
    """Return how the tests are run, with the Python that will also run the service."""
    program, *arguments = contract.test
    return [str(base_python()) if program in {"python", "python3"} else program, *arguments]


def _summary(result: SandboxResult) -> str:
    if result.ending is not Ending.EXITED:
        return _ENDINGS[result.ending]
    lines = [line.strip("= ") for line in result.output.splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if _COUNTED.search(line)), None)
    if last is not None:
        return last
    return "The tests passed" if result.succeeded else f"The tests failed with exit code {result.exit_code}"
