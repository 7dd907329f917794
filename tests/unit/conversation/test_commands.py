"""The list of commands fits what is made from it: help, menus, the reference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from graph.conversation import COMMANDS, Command, changes_something
from graph.conversation.calls import parse
from graph.conversation.commands import find
from graph.conversation.reference import markdown

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "commands.md"


def test_the_reference_says_what_the_code_does() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "run: python -m graph.conversation.reference > docs/reference/commands.md"
    )


def test_every_command_of_the_issue_is_there() -> None:
    wanted = "new projects status runs approvals deploy rollback releases logs stop start remove cancel help whoami"
    assert {command.name for command in COMMANDS} >= set(wanted.split())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_command_fits_telegrams_menu_and_its_example_is_one(command: Command) -> None:
    assert re.fullmatch(r"[a-z0-9_]{1,32}", command.name)
    assert 3 <= len(command.summary) <= 256
    assert not command.summary.endswith(".")
    assert find(command.name) is command
    if command.example:
        call = parse(command.example)
        assert call is not None
        assert call.name == command.name


def test_what_is_read_before_an_answer_is_said_in_the_list() -> None:
    assert {command.name: command.observes for command in COMMANDS if command.observes} == {
        "status": "service",
        "logs": "logs",
        "issues": "issues",
        "ask": "question",
    }


@pytest.mark.parametrize(
    "text", ["/status hello", "/logs hello 20", "/details 7", "/session", "/index hello", "/help deploy"]
)
def test_what_only_looks_may_be_said_again(text: str) -> None:
    assert not changes_something(text)


@pytest.mark.parametrize(
    "text",
    [
        "/deploy hello",
        "/new web-service hello",
        "/session reset",
        "/index hello retry",
        "/users",
        "/nonsense",
        "deploy hello",
    ],
)
def test_what_may_change_something_is_known(text: str) -> None:
    assert changes_something(text)
