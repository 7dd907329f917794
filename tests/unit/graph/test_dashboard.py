"""Where a dashboard shows a project, or one of its runs."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.dashboard import dashboard_address

BOARD = "https://grafana.example.com/d/abc/telewright"


@pytest.mark.parametrize(
    ("dashboard", "address"),
    [
        (BOARD, f"{BOARD}?var-project=hello&var-run=7"),
        (f"{BOARD}?orgId=1&from=now-6h", f"{BOARD}?orgId=1&from=now-6h&var-project=hello&var-run=7"),
        (f"{BOARD}#top", f"{BOARD}?var-project=hello&var-run=7#top"),
        (f"{BOARD}?kiosk#top", f"{BOARD}?kiosk&var-project=hello&var-run=7#top"),
        (f"{BOARD}?var-host=a%20b&", f"{BOARD}?var-host=a%20b&var-project=hello&var-run=7"),
        ("http://10.0.0.7:3000", "http://10.0.0.7:3000?var-project=hello&var-run=7"),
    ],
)
def test_the_project_and_the_run_come_behind_what_the_address_asks_for_itself(
    dashboard: str, address: str
) -> None:
    assert dashboard_address(dashboard, project="hello", run=7) == address


def test_an_address_that_was_copied_while_it_showed_another_project_shows_only_this_one() -> None:
    copied = f"{BOARD}?var-project=other&var-run=3&orgId=1"

    assert dashboard_address(copied, project="hello") == f"{BOARD}?orgId=1&var-project=hello"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_name_arrives_as_it_is(name: str) -> None:
    address = urlsplit(dashboard_address(f"{BOARD}?orgId=1#top", project=name))

    assert parse_qs(address.query, keep_blank_values=True) == {"orgId": ["1"], "var-project": [name]}
    assert address.fragment == "top"
