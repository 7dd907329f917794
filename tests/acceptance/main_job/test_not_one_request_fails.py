"""A second version goes live and is rolled back under load, and nobody who uses the service notices."""

from __future__ import annotations

import pytest

from tests.acceptance.main_job.person import Person
from tests.acceptance.main_job.repository import Repository, page
from tests.acceptance.main_job.visitors import Visitors, heading_at
from tests.installation import Installation


@pytest.mark.timeout(240)
async def test_not_one_request_fails_while_a_version_that_was_pushed_goes_live_and_is_rolled_back(
    running: Installation, petra: Person
) -> None:
    built = await petra.gets("/new static-site hello")
    url = _url(built.run.result)
    visitors = Visitors(url, people=4, pause_s=0.02)

    async with visitors.about():
        await Repository(running.home, "hello").push(page("Second version"))
        deployed = await petra.gets("/deploy hello")
        assert await heading_at(url) == "Second version"
        back = await petra.gets("/rollback hello")

    assert visitors.failures == []
    assert set(visitors.seen) == {"hello", "Second version"}
    assert min(visitors.seen.values()) > 20
    print(dict(visitors.seen))
    assert [one.run.status for one in (built, deployed, back)] == ["succeeded"] * 3
    assert (_url(deployed.run.result), _url(back.run.result)) == (url, url)
    assert await heading_at(url) == "hello"


def _url(result: dict[str, object] | None) -> str:
    assert result is not None
    return str(result["url"])
