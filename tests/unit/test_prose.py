"""What reads as something said to people is found in code, and nothing else."""

from __future__ import annotations

import ast

import pytest

from tests.prose import said


@pytest.mark.parametrize(
    "code",
    [
        'say("Nothing waits.")',
        'say(f"run {number}")',
        'say(f"{how_long} ago")',
        'say(head + " and more")',
        'WHY = {State.DOWN: "it is down"}',
        "say(f\"{name}: {'not deployed' if wanted else state}\")",
        'def tell(why: str = "nobody knows"): ...',
        'Text(text="Done")',
        'Table(columns=["project"])',
        'NoSuchRun(advice=f"See {command}")',
    ],
)
def test_what_is_said_is_found(code: str) -> None:
    assert len(list(said(ast.parse(code)))) == 1


@pytest.mark.parametrize(
    "code",
    [
        '"""Says what is read by engineers."""',
        'MOST = 3\n"""Lines that are shown."""',
        'say(f"{first} {second}")',
        'CommandChoice(command=f"/logs {name} stop")',
        'Command(arguments="[project] <question>")',
        're.compile("yes(?: please)?")',
        'NEVER_MIND = frozenset({"never mind"})',
        'tx.execute("SELECT 1 FROM runs")',
        'log.info("run.resumed", run=f"run:{run}")',
        'class Late(Error):\n    """It is late."""\n\n    advice = "Ask again later."',
        'Text(text=f"{done}.")',
        'if "not found" in error.message: ...',
        'Counter("messages_total", "Messages that were sent")',
        'order = "(status = %s AND sent) OR waits"',
    ],
)
def test_what_is_not_said_is_left_alone(code: str) -> None:
    assert list(said(ast.parse(code))) == []
