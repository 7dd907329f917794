"""A delivery has what it names looked at, and is never believed: neither what it says, nor when."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from infrastructure.forge.github import GitHubUnavailable
from infrastructure.forge.survey import Look
from scheduler.github_sync import LIST_EVERY_S
from shared.ledger import github_deliveries
from shared.ledger.repositories import Due
from tests.fakes.github import FakeGitHub, Project
from tests.integration.scheduler.hub import README, Hub, hub_of


@pytest.fixture
async def hub(database_url: str, redis_url: str) -> AsyncIterator[Hub]:
    async with FakeGitHub() as github, hub_of(github, database_url, redis_url) as hub:
        yield hub


async def _deliver(hub: Hub, key: str, repository: int | None, *, event: str = "push") -> None:
    async with hub.database.transaction() as tx:
        await github_deliveries.accept(tx, key, event=event, action=None, repository_id=repository)


async def _waiting(hub: Hub) -> int:
    async with hub.database.connection() as connection:
        return await github_deliveries.waiting(connection)


async def _shop(hub: Hub) -> Project:
    shop = hub.github.create("shop", README)
    await hub.project(shop)
    await hub.settle()
    return shop


async def test_what_a_delivery_names_is_looked_at_without_a_listing(hub: Hub) -> None:
    shop = await _shop(hub)
    head = shop.push({"b.py": "b = 2\n"})
    await _deliver(hub, "one", shop.id)

    done = await hub.sync(list_every_s=LIST_EVERY_S)

    assert (done.listed, done.looked, await _waiting(hub)) == (False, 1, 0)
    assert (await hub.known(shop)).head == head
    assert hub.github.counts("/user/repos").total == 0


async def test_what_a_delivery_says_is_not_believed(hub: Hub) -> None:
    shop = await _shop(hub)
    for key, event in (("one", "repository"), ("two", "delete"), ("three", "push")):
        await _deliver(hub, key, shop.id, event=event)

    done = await hub.sync()

    assert (done.looked, done.anything, await _waiting(hub)) == (1, False, 0)
    assert await hub.said() == []


async def test_deliveries_that_come_late_and_out_of_order_end_in_what_is_true(hub: Hub) -> None:
    shop = await _shop(hub)
    shop.push({"b.py": "b = 2\n"})
    shop.delete()
    await _deliver(hub, "deleted", shop.id, event="repository")
    await hub.sync()
    await _deliver(hub, "pushed", shop.id)
    await hub.sync()

    assert await _waiting(hub) == 0
    assert len(await hub.said()) == 1
    assert (await hub.known(shop)).gone_at is not None


async def test_a_delivery_for_nobodys_repository_is_done_with(hub: Hub) -> None:
    await _shop(hub)
    await _deliver(hub, "one", 12345)
    await _deliver(hub, "two", None, event="ping")

    done = await hub.sync()

    assert (done.looked, await _waiting(hub)) == (0, 0)


async def test_a_delivery_waits_until_a_look_succeeds(hub: Hub) -> None:
    shop = await _shop(hub)
    head = shop.push({"b.py": "b = 2\n"})
    await _deliver(hub, "one", shop.id)
    hub.github.fail("/repositories/*", status=502)

    done = await hub.sync(list_every_s=LIST_EVERY_S)
    assert (done.postponed, await _waiting(hub)) == (1, 1)
    await hub.all_due()
    await hub.sync(list_every_s=LIST_EVERY_S)

    assert await _waiting(hub) == 0
    assert (await hub.known(shop)).head == head


async def test_a_delivery_that_comes_while_its_repository_is_looked_at_has_it_looked_at_again(
    hub: Hub,
) -> None:
    shop = await _shop(hub)
    head = ""

    class Overtaken:
        """GitHub, on which something happens right after each look."""

        def __getattr__(self, name: str) -> object:
            return getattr(survey, name)

        async def look(self, due: Due) -> Look:
            nonlocal head
            look = await survey.look(due)
            head = shop.push({"b.py": "b = 2\n"})
            await _deliver(hub, "overtaking", shop.id)
            return look

    survey, hub.survey = hub.survey, Overtaken()  # type: ignore[assignment]
    await hub.all_due()
    await hub.sync(list_every_s=LIST_EVERY_S)
    assert await _waiting(hub) == 1
    hub.survey = survey

    await hub.sync(list_every_s=LIST_EVERY_S)

    assert await _waiting(hub) == 0
    assert (await hub.known(shop)).head == head


async def test_deliveries_are_handled_while_the_listing_is_broken(hub: Hub) -> None:
    shop = await _shop(hub)
    head = shop.push({"b.py": "b = 2\n"})
    await _deliver(hub, "one", shop.id)
    hub.github.fail("GET /user/repos", None, status=502)

    with pytest.raises(GitHubUnavailable):
        await hub.sync()

    assert (await hub.known(shop)).head == head
    assert await _waiting(hub) == 0
