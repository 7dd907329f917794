"""What is understood of a comment on a plan, without a model."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from graph.roles import Brief, CommentPlanner, NotUnderstood
from infrastructure.blueprints import Blueprint

PLANNER = CommentPlanner([Blueprint(name, "", Path()) for name in ("web-service", "static-site")])
BRIEF = Brief("web-service", "hello", "Says hello")


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("name: foo", Brief("web-service", "foo", "Says hello")),
        ("Name = foo", Brief("web-service", "foo", "Says hello")),
        ("call it foo.", Brief("web-service", "foo", "Says hello")),
        ("rename to foo", Brief("web-service", "foo", "Says hello")),
        ("the name is foo", Brief("web-service", "foo", "Says hello")),
        ("use static-site", Brief("static-site", "hello", "Says hello")),
        ("Use the static site blueprint instead", Brief("static-site", "hello", "Says hello")),
        ("make it a static site", Brief("static-site", "hello", "Says hello")),
        ("blueprint: static-site", Brief("static-site", "hello", "Says hello")),
        ("description: A page, and more; really", Brief("web-service", "hello", "A page, and more; really")),
        ("name: foo, use static-site\ndescription: x", Brief("static-site", "foo", "x")),
        ("call it foo and use static-site", Brief("static-site", "foo", "Says hello")),
    ],
)
async def test_simple_wishes_are_understood(comment: str, expected: Brief) -> None:
    assert await PLANNER.revise(BRIEF, comment) == expected


@pytest.mark.parametrize(
    ("comment", "answer"),
    [
        ("", "What should be different?"),
        (" \n ", "What should be different?"),
        ("add a login page", "Without a model"),
        ("make it faster", "Without a model"),
        ("name: foo, and add a login page", "Without a model"),
        ("use cathedral", "There is no such blueprint. There are: web-service, static-site."),
    ],
)
async def test_what_is_not_understood_is_refused_as_a_whole(comment: str, answer: str) -> None:
    with pytest.raises(NotUnderstood, match=answer):
        await PLANNER.revise(BRIEF, comment)


async def test_a_comment_of_blanks_does_not_stop_the_worker() -> None:
    started = time.process_time()

    with pytest.raises(NotUnderstood):
        await PLANNER.revise(BRIEF, f"name{' ' * 16_000}x y")

    assert time.process_time() - started < 0.2
