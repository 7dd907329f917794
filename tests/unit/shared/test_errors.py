"""What becomes of the errors of tasks that worked together."""

from __future__ import annotations

from shared.errors import Conflict, Unavailable, unwrapped


def test_the_first_of_our_errors_is_what_is_raised() -> None:
    error = Unavailable("away")
    inner = BaseExceptionGroup("inner", [error, Conflict("other")])

    assert unwrapped(BaseExceptionGroup("outer", [inner])) is error


def test_what_is_not_ours_is_not_hidden() -> None:
    group = BaseExceptionGroup("both", [Unavailable("away"), KeyboardInterrupt()])

    assert unwrapped(group) is group
