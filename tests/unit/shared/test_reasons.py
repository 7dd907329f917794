"""What is kept of an error quotes nobody."""

from __future__ import annotations

import pytest
from aiogram.types import Update
from psycopg.errors import UniqueViolation
from pydantic import ValidationError

from shared.reasons import reason_of, traceback_of


def test_of_a_value_that_does_not_fit_its_kind_and_place_are_kept() -> None:
    private = {"update_id": 1, "message": {"message_id": "what I said", "date": 0, "text": "what I said"}}
    with pytest.raises(ValidationError) as raised:
        Update.model_validate(private)

    reason = reason_of(raised.value)

    assert "what I said" in str(raised.value)
    assert "what I said" not in reason
    assert "Update.message.message_id: int_parsing" in reason
    assert "Update.message.chat: missing" in reason


def test_another_error_says_what_it_says() -> None:
    assert reason_of(ValueError("too long")) == "too long"


def test_a_traceback_says_how_it_came_to_it_and_quotes_nobody() -> None:
    said = "what I said"
    try:
        try:
            try:
                Update.model_validate({"update_id": said})
            except ValidationError as error:
                raise UniqueViolation(f"duplicate key\nDETAIL: {said}") from error
        except UniqueViolation:
            raise RuntimeError("it failed")  # noqa: B904 - what was being handled is told as well
    except RuntimeError as error:
        told = traceback_of(ExceptionGroup("together", [error, ValueError()]))

    assert said not in told
    assert "direct cause" in told
    assert "During handling" in told
    assert told.startswith("ExceptionGroup: together (2 sub-exceptions)\n")
    assert "  | RuntimeError: it failed\n" in told
    assert "Update.update_id: int_parsing" in told
    assert "in test_a_traceback_says_how_it_came_to_it_and_quotes_nobody" in told
    assert told.endswith("  | ValueError")
