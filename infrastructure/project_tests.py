"""A project's own tests, run where hostile code does no harm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from infrastructure.contract import DeployContract
from infrastructure.dependencies import Dependencies
from infrastructure.sandbox import Limits, LineListener, Sandbox


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
    raise NotImplementedError
