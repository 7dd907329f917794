from __future__ import annotations

import pytest

from tests.unit.bot.examples import EXAMPLES, GOLDEN, drawn


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_the_bot_shows_is_what_reviewers_have_read(name: str) -> None:
    assert drawn(name) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
