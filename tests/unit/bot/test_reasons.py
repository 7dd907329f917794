"""What is kept of an error quotes nobody."""

from __future__ import annotations

import pytest
from aiogram.types import Update
from pydantic import ValidationError

from bot.reasons import reason_of


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
