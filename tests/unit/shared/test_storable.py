"""What PostgreSQL cannot store is replaced, and nothing else is touched."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from shared.storable import storable, storable_json

TEXT = st.text() | st.lists(st.sampled_from(["\\", "u0000", "\0", "\ud800", '"', "a"])).map("".join)


def stored(value: object) -> Any:  # noqa: ANN401
    """What comes back from a `jsonb` column."""
    parameter: Jsonb = storable_json(value)
    assert parameter.dumps is not None
    written = parameter.dumps(parameter.obj)
    return json.loads(written)


@given(TEXT)
def test_a_text_in_json_is_stored_as_it_would_be_stored_alone(text: str) -> None:
    replaced = "".join("\N{REPLACEMENT CHARACTER}" if one == "\0" else one for one in text)
    assert stored({"text": text})["text"] == replaced.encode("utf-8", "replace").decode()
    assert "\0" not in storable(text)


def test_somebody_may_write_how_a_nul_character_is_escaped() -> None:
    assert stored("\\u0000") == "\\u0000"
    assert stored("\0") == "\N{REPLACEMENT CHARACTER}"
