"""`telewright doctor`: how every part is, and what to do about what is not well."""

from __future__ import annotations

import dataclasses
import json
import shutil
import textwrap

from cli.examination import Finding, Health, examine
from cli.terminal.hostile import harmless
from shared.settings import Settings

NARROWEST = 40
"""Columns; below that, wrapped lines are harder to read than broken ones."""

MARKS = {Health.OK: "ok", Health.OFF: "-", Health.FAILED: "FAIL"}
"""Words, and no colours: readable in a log, in any encoding and for everybody."""


async def doctor(settings: Settings, *, as_json: bool = False) -> int:
    """Print how every part is.

    Args:
        settings: What is configured.
        as_json: Whether a program will read it.

    Returns:
        The exit code: 0, or 1 when something is not well.
    """
    findings = await examine(settings)
    failed = [each for each in findings if each.health is Health.FAILED]
    print(_as_json(findings) if as_json else _as_table(findings, shutil.get_terminal_size().columns))
    return 1 if failed else 0


def _as_json(findings: list[Finding]) -> str:
    healthy = all(each.health is not Health.FAILED for each in findings)
    parts = [dataclasses.asdict(each) for each in findings]
    return json.dumps({"healthy": healthy, "parts": parts}, ensure_ascii=False, indent=2)


def _as_table(findings: list[Finding], columns: int) -> str:
    names = max(len(each.part) for each in findings)
    lines = [line for each in findings for line in _row(each, names, max(columns, NARROWEST))]
    failed = sum(each.health is Health.FAILED for each in findings)
    lines += [
        "",
        f"{failed} of {len(findings)} need attention." if failed else "Everything needed is in order.",
    ]
    return "\n".join(lines)


def _row(finding: Finding, names: int, columns: int) -> list[str]:
    start = f"{MARKS[finding.health]:4}  {finding.part:{names}}  "
    indent = " " * len(start)
    row = textwrap.wrap(harmless(finding.said), columns, initial_indent=start, subsequent_indent=indent)
    if finding.advice:
        advice = harmless(finding.advice)
        row += textwrap.wrap(advice, columns, initial_indent=f"{indent}> ", subsequent_indent=f"{indent}  ")
    return row
