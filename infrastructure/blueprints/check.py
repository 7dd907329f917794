"""Whether somebody's blueprint is fit for use."""

from __future__ import annotations

import asyncio
import filecmp
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from infrastructure import contract as contracts
from infrastructure import lockfile
from infrastructure.blueprints.names import project_name
from infrastructure.blueprints.rendering import Answers, BadBlueprint, faults_of, render_directory
from infrastructure.contract import BadContract, DeployContract
from infrastructure.dependencies import Dependencies
from infrastructure.lockfile import BadLock
from infrastructure.project_tests import run_tests
from infrastructure.sandbox import Sandbox

NAME = project_name("a-checked-project")
AWKWARD = "Quotes \" ' ''' \"\"\" \\ {{ 7 * 7 }} {% raw %} <b>&amp;</b> # : - 🦊 שלום\nand a second line"
"""A description that breaks the files of a blueprint which does not quote it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a blueprint."""

    code: str
    """Stable, for programs."""
    message: str
    """What is wrong and where, in a line or, for failing tests, with their output below."""


async def check(directory: Path, *, sandbox: Sandbox, dependencies: Dependencies) -> list[Finding]:
    """Say what is wrong with a blueprint, and nothing if it is fit.

    Args:
        directory: The blueprint: `copier.yml` and what it renders.
        sandbox: Where the rendered project's own tests run.
        dependencies: Where the tests' packages come from.

    Returns:
        The findings, most basic first; what cannot be looked at because of an
        earlier finding is left out.
    """
    if faults := await asyncio.to_thread(faults_of, directory):
        return [Finding("blueprint", fault) for fault in faults]
    with tempfile.TemporaryDirectory(prefix="telewright-check-") as scratch:
        plain, again, awkward = (Path(scratch) / name for name in ("plain", "again", "awkward"))
        try:
            await render_directory(directory, Answers(NAME, "A project that is checked"), plain)
            await render_directory(directory, Answers(NAME, "A project that is checked"), again)
            await render_directory(directory, Answers(NAME, AWKWARD), awkward)
        except BadBlueprint as error:
            return [Finding("rendering", error.message)]
        findings = await asyncio.to_thread(_look_at, plain, again, awkward)
        if findings:
            return findings
        for project, answer in ((plain, "a plain description"), (awkward, "an awkward description")):
            if failing := await _run_tests(project, answer, sandbox, dependencies):
                return [failing]
    return []


def _look_at(plain: Path, again: Path, awkward: Path) -> list[Finding]:
    """Return what can be seen without running anything."""
    findings = [
        Finding("deterministic", f"{file} is rendered differently each time")
        for file in _differences(plain, again)
    ]
    findings += _contract_findings(plain, "")
    if not findings:
        findings += _contract_findings(awkward, ", when the description has quotes and line breaks in it")
    findings += _lock_findings(plain)
    findings += _workflow_findings(plain)
    if not _any(plain, "**/test_*.py", "**/*_test.py", "tests/**/*", "test/**/*"):
        findings.append(Finding("tests", "The rendered project has no tests"))
    return findings


def _contract_findings(project: Path, circumstances: str) -> list[Finding]:
    try:
        contracts.load(project)
    except BadContract as error:
        return [
            Finding("contract", f"{contracts.FILE_NAME}: {line.removeprefix(contracts.FILE_NAME).strip()}{circumstances}")
            for line in error.message.splitlines()
        ]  # fmt: skip
    return []


def _workflow_findings(project: Path) -> list[Finding]:
    directory = project / ".github" / "workflows"
    workflows = [file for pattern in ("*.yml", "*.yaml") for file in sorted(directory.glob(pattern))]
    if not workflows:
        return [Finding("workflow", ".github/workflows has no CI workflow")]
    return [Finding("workflow", fault) for file in workflows if (fault := _workflow_fault(file))]


def _workflow_fault(file: Path) -> str | None:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return f".github/workflows/{file.name} is not YAML: {' '.join(str(error).split())}"
    if not isinstance(content, dict) or not content.get("jobs"):
        return f".github/workflows/{file.name} has no jobs"
    return None


def _lock_findings(project: Path) -> list[Finding]:
    findings = []
    for name in (lockfile.RUNTIME, lockfile.TESTING):
        try:
            lockfile.read(project / name)
        except BadLock as error:
            findings.append(Finding("lock", error.message))
    return findings


async def _run_tests(
    project: Path, answer: str, sandbox: Sandbox, dependencies: Dependencies
) -> Finding | None:
    contract: DeployContract = await asyncio.to_thread(contracts.load, project)
    try:
        report = await run_tests(project, contract, sandbox=sandbox, dependencies=dependencies)
    except BadLock as error:
        return Finding("lock", error.message)
    if report.passed:
        return None
    return Finding("tests", f"With {answer}, its own tests fail: {report.summary}\n{report.output}")


def _differences(one: Path, other: Path) -> list[str]:
    names = sorted(_files(one) | _files(other))
    _, differing, missing = filecmp.cmpfiles(one, other, names, shallow=False)
    return sorted([*differing, *missing])


def _files(directory: Path) -> set[str]:
    return {
        os.path.relpath(Path(parent, name), directory) for parent, _, names in os.walk(directory) for name in names
    }  # fmt: skip


def _any(directory: Path, *patterns: str) -> bool:
    return any(path.is_file() for pattern in patterns for path in directory.glob(pattern))
