"""Where things were said."""

from __future__ import annotations

import pytest

from bot.places import Place


@pytest.mark.parametrize(
    ("place", "key"),
    [(Place(42), "42:0"), (Place(42, 7), "42:7"), (Place(-1_001_234_567_890, 3), "-1001234567890:3")],
)
def test_a_place_is_found_by_its_key(place: Place, key: str) -> None:
    assert place.external_key == key
    assert Place.parse(key) == place


@pytest.mark.parametrize("key", ["", "42", "42:", "a:b", "1:2:3"])
def test_another_fronts_key_is_no_place(key: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Place.parse(key)
