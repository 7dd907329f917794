"""Ingestion learns of heads from the sync, and asks a forge for what the sync does not know."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest

from infrastructure.forge import FileInfo, MixedForge, NoRepository, Repository
from scheduler.heads import known_heads
from shared.ledger import projects
from tests.fakes.github import FakeGitHub
from tests.integration.scheduler.hub import README, Hub, hub_of

if TYPE_CHECKING:
    from infrastructure.forge.mixed import ReadableForge


@dataclass
class Place:
    """A forge whose branches all stand at its name."""

    name: str

    async def head(self, repository: Repository, branch: str) -> str | None:
        return self.name

    async def files(self, repository: Repository, commit: str) -> list[FileInfo]:
        return [FileInfo(self.name, commit, 1)]

    async def contents(self, repository: Repository, blobs: Collection[str]) -> dict[str, bytes]:
        return {blob: self.name.encode() for blob in blobs}


@pytest.fixture
async def hub(database_url: str, redis_url: str) -> AsyncIterator[Hub]:
    async with FakeGitHub() as github, hub_of(github, database_url, redis_url) as hub:
        yield hub


async def test_a_push_by_hand_is_what_ingestion_learns_after_one_sync(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    project_id = await hub.project(shop)
    head_of = known_heads(hub.database, Place("asked"))
    async with hub.database.connection() as connection:
        project = await projects.get(connection, project_id)
    assert await head_of(project) == "asked"

    await hub.settle()
    head = shop.push({"b.py": "b = 2\n"})
    await hub.sync()

    assert await head_of(project) == head


async def test_the_index_of_a_repository_that_is_gone_is_left_as_it_is(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    project_id = await hub.project(shop)
    await hub.settle()
    shop.delete()
    await hub.sync()
    async with hub.database.connection() as connection:
        project = await projects.get(connection, project_id)

    with pytest.raises(NoRepository):
        await known_heads(hub.database, Place("asked"))(project)


async def test_each_repository_is_read_where_it_is() -> None:
    places = MixedForge(cast("ReadableForge", Place("there")), cast("ReadableForge", Place("here")))
    local, hosted = Repository("shop", "/shop.git"), Repository("shop", "https://x/shop.git", 7)

    assert [await places.head(one, "main") for one in (local, hosted)] == ["here", "there"]
    assert [(await places.files(one, "c"))[0].path for one in (local, hosted)] == ["here", "there"]
    assert await places.contents(hosted, ["b"]) == {"b": b"there"}
