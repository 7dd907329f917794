"""What is known of repositories is what they are on GitHub, whoever changed them, and whatever went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from infrastructure.forge.github import (
    AppTokens,
    BadCredentials,
    GitHubClient,
    GitHubUnavailable,
    Patience,
    RateLimited,
)
from infrastructure.forge.github.survey import GitHubSurvey
from infrastructure.forge.survey import Listed, Look
from scheduler.github_sync import github_sync
from shared.ids import ProjectId
from shared.lease import LeaseLost
from shared.ledger import claims, projects
from shared.ledger.claims import Pause
from shared.ledger.projects import Project as StoredProject
from shared.ledger.repositories import Due
from shared.ledger.runs import Run
from shared.locks import HeldLock
from tests import workflows
from tests.engine import Engine
from tests.fakes.github import FakeGitHub, InstalledApp
from tests.integration.scheduler.hub import HELD, README, Hub, hub_of


@pytest.fixture
async def hub(database_url: str, redis_url: str) -> AsyncIterator[Hub]:
    async with FakeGitHub() as github, hub_of(github, database_url, redis_url) as hub:
        yield hub


async def _stored(hub: Hub, name: str) -> StoredProject:
    async with hub.database.connection() as connection:
        return await projects.by_name(connection, name)


async def _paused(hub: Hub, project_id: ProjectId, *, code: str) -> Run:
    """Accept a run of a project, and let it be paused for an hour."""
    engine = Engine(hub.database, hub.live)
    run = await engine.accept(workflows.build_approval, project_id=project_id)
    pause = Pause(datetime.now(UTC) + timedelta(hours=1), "Later.", expected=True, code=code)
    async with hub.database.transaction() as tx:
        await tx.execute("DELETE FROM procrastinate_jobs")
        claim = await claims.claim(tx, run.id, worker="one")
        assert claim is not None
        await claims.let_go_paused(tx, await claims.lock_held(tx, claim), pause)
    return run


async def _goes_on(hub: Hub, run: Run) -> bool:
    """Return whether a run's job is to be done now."""
    async with hub.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT scheduled_at IS NULL FROM procrastinate_jobs WHERE lock = %s", [f"thread:{run.thread_id}"]
        )
        [(now,)] = await cursor.fetchall()
    return bool(now)


async def test_a_repository_that_a_project_has_recorded_is_known_after_one_sync(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    hub.github.create("somebody-elses", README)
    await hub.project(shop)

    done = await hub.sync()

    assert (done.tracked, done.looked, done.moved) == (1, 1, 1)
    known = await hub.known(shop)
    assert (known.owner, known.name, known.default_branch, known.archived) == ("ann", "shop", "main", False)
    assert known.head == shop.head()
    assert await hub.rows("SELECT id FROM repositories") == [(shop.id,)]


async def test_a_second_sync_changes_nothing(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    shop.push({"a.py": "a = 1\n"}, "work")
    shop.open_pull("work", "Work")
    shop.check(shop.head(), "ci", "success")
    shop.status(shop.head(), "lint", "failure", "two lines are too long")
    await hub.project(shop)
    await hub.settle()
    tables = ("pull_requests", "check_runs", "etags")
    before = [await hub.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]
    await hub.all_due()

    done = await hub.sync()

    assert done.looked == 1
    assert not done.anything
    assert [await hub.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables] == before


async def test_when_nothing_has_changed_two_requests_are_free_and_one_counts(hub: Hub) -> None:
    for number in range(5):
        await hub.project(hub.github.create(f"project-{number}", README))
    await hub.settle()

    done = await hub.sync()

    counts = hub.github.counts()
    assert (done.looked, counts.total, counts.not_modified, counts.counted) == (0, 3, 2, 1)


async def test_the_cost_of_a_push_does_not_grow_with_what_exists(hub: Hub) -> None:
    shops = [hub.github.create(f"project-{number}", README) for number in range(40)]
    for shop in shops:
        await hub.project(shop)
    await hub.settle()
    head = shops[7].push({"b.py": "b = 2\n"})

    done = await hub.sync()

    assert (done.looked, done.moved) == (1, 1)
    assert (await hub.known(shops[7])).head == head
    assert hub.github.counts().total <= 10


@pytest.mark.parametrize(("code", "goes_on"), [("checks_pending", True), ("rate_limited", False)])
async def test_a_check_that_comes_to_something_has_the_run_that_waits_for_it_go_on(
    hub: Hub, code: str, goes_on: bool
) -> None:
    shop = hub.github.create("shop", README)
    head = shop.push({"a.py": "a = 1\n"}, "work")
    shop.open_pull("work", "Work")
    shop.check(head, "ci", "in_progress")
    project = await hub.project(shop)
    await hub.sync()
    run = await _paused(hub, project, code=code)
    await hub.all_due()
    await hub.sync()
    assert not await _goes_on(hub, run), "nothing is new"

    shop.check(head, "ci", "success")
    await hub.all_due()
    await hub.sync()
    assert await _goes_on(hub, run) is goes_on


async def test_a_branch_that_is_the_default_one_now_is_followed(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    await hub.project(shop)
    await hub.settle()
    head = shop.push({"b.py": "b = 2\n"}, "trunk/2")
    shop.change(default_branch="trunk/2")

    await hub.sync()

    known = await hub.known(shop)
    assert (known.default_branch, known.head) == ("trunk/2", head)


async def test_an_empty_repository_has_no_head_until_it_is_pushed_to(hub: Hub) -> None:
    shop = hub.github.create("shop")
    await hub.project(shop)
    await hub.sync()
    assert (await hub.known(shop)).head is None

    hub.github.advance(2)
    shop.push(README)
    await hub.sync()

    assert (await hub.known(shop)).head == shop.head()


async def test_pull_requests_by_hand_are_known_from_their_opening_to_their_merge(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    await hub.project(shop)
    await hub.settle()
    head = shop.push({"a.py": "a = 1\n"}, "work")
    number = shop.open_pull("work", "Work")
    await hub.sync()
    [opened] = await hub.pulls(shop)
    assert (opened.number, opened.state, opened.head, opened.head_sha, opened.base) == (
        number, "open", "work", head, "main",
    )  # fmt: skip

    merge = shop.merge_pull(number)
    await hub.all_due()
    await hub.sync()

    [merged] = await hub.pulls(shop)
    assert (merged.state, merged.merge_sha) == ("merged", merge)
    assert (await hub.known(shop)).head == merge


async def test_more_pull_requests_than_a_page_has_are_all_known(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    for number in range(35):
        shop.push({"a.py": f"a = {number}\n"}, f"work-{number}")
        shop.open_pull(f"work-{number}", f"Work {number}")
    await hub.project(shop)

    done = await hub.sync()

    assert done.pulls == 35
    assert len(await hub.pulls(shop)) == 35
    shop.close(3)
    await hub.all_due()
    assert (await hub.sync()).pulls == 1


async def test_checks_are_known_of_heads_and_looked_at_until_they_end(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    head = shop.head()
    shop.check(head, "ci", "in_progress")
    # Of one name and two apps, the worst is what people are told.
    shop.check(head, "ci", "success", app=hub.github.app(slug="another").id)
    shop.status(head, "lint", "success")
    await hub.project(shop)
    await hub.settle()
    assert [(one.name, one.state) for one in await hub.checks(shop, head)] == [
        ("ci", "pending"), ("lint", "green"),
    ]  # fmt: skip
    [(soon,)] = await hub.rows("SELECT due_at < clock_timestamp() + interval '1 minute' FROM repositories")
    assert soon

    shop.check(head, "ci", "failure", "1 test failed\0")
    await hub.all_due()
    await hub.sync()

    [ci, _] = await hub.checks(shop, head)
    assert (ci.name, ci.state) == ("ci", "red")
    assert "1 test failed" in ci.summary
    [(later,)] = await hub.rows("SELECT due_at > clock_timestamp() + interval '1 hour' FROM repositories")
    assert later


async def test_checks_of_commits_that_are_no_heads_any_more_are_forgotten(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    old = shop.head()
    shop.check(old, "ci", "success")
    await hub.project(shop)
    await hub.sync()
    assert len(await hub.checks(shop, old)) == 1

    hub.github.advance(2)
    shop.push({"b.py": "b = 2\n"})
    await hub.sync()

    assert await hub.checks(shop, old) == []
    assert not [path for (path,) in await hub.rows("SELECT path FROM etags") if old in str(path)]


async def test_a_renamed_repository_is_followed_and_told_of_once(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    await hub.project(shop)
    await hub.settle()
    shop.rename("store")

    await hub.sync()
    await hub.all_due()
    await hub.sync()

    assert await hub.said() == ["The repository of shop is called ann/store on GitHub now; it was ann/shop."]
    stored = await _stored(hub, "shop")
    assert stored.repository == {"name": "store", "url": shop.clone_url, "id": shop.id}


async def test_a_deleted_repository_is_told_of_once_in_its_projects_session(hub: Hub) -> None:
    shops = [hub.github.create(name, README) for name in ("shop", "site", "bot")]
    for shop in shops:
        await hub.project(shop, session=shop.full_name)
    await hub.settle()
    shops[1].delete()

    done = await hub.sync()

    assert done.gone == 1
    [told] = await hub.said()
    assert "ann/site is no longer on GitHub" in told
    [(key,)] = await hub.rows("SELECT external_key FROM turns JOIN sessions ON sessions.id = session_id")
    assert key == "ann/site"
    for _ in range(2):
        await hub.all_due()
        await hub.sync()
    assert len(await hub.said()) == 1


async def test_one_that_is_deleted_while_another_is_made_is_missed(hub: Hub) -> None:
    shop, site = hub.github.create("shop", README), hub.github.create("site", README)
    await hub.project(shop)
    await hub.project(site)
    await hub.settle()
    site.delete()
    hub.github.create("new", README)

    assert (await hub.sync()).gone == 1


async def test_a_repository_that_was_archived_by_hand_is_told_of(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    await hub.project(shop)
    await hub.settle()

    shop.archive()
    await hub.sync()
    shop.archive(archived=False)
    await hub.sync()

    archived, unarchived = await hub.said()
    assert "was archived" in archived
    assert "no longer archived" in unarchived


async def test_the_repositories_of_an_organisation_are_listed_as_such(
    database_url: str, redis_url: str
) -> None:
    async with FakeGitHub() as github:
        github.organisation("acme")
        async with hub_of(github, database_url, redis_url, owner="acme") as hub:
            shop = github.create("shop", README, owner="acme", private=True)
            site = github.create("site", README, owner="acme", private=True)
            await hub.project(shop)
            await hub.project(site)
            await hub.settle()

            shop.push({"b.py": "b = 2\n"})
            site.delete()
            done = await hub.sync()

            assert (done.moved, done.gone) == (1, 1)


@pytest.fixture
async def with_app(hub: Hub) -> AsyncIterator[InstalledApp]:
    """An app that is installed for the owner, as which the sync looks."""
    app = hub.github.app()
    whose = AppTokens(app.id, app.private_key, hub.github.url, owner="ann")
    client = GitHubClient(whose, hub.github.url, Patience(0))
    hub.survey = GitHubSurvey(client, "ann")
    yield app
    client.close()


async def test_an_app_of_a_person_sees_everything_in_one_listing(hub: Hub, with_app: InstalledApp) -> None:
    shop, site = hub.github.create("shop", README, private=True), hub.github.create("site", README)
    await hub.project(shop)
    await hub.project(site)
    await hub.settle()

    shop.push({"b.py": "b = 2\n"})
    site.delete()
    done = await hub.sync()

    assert (done.moved, done.gone) == (1, 1)


async def test_a_repository_that_is_out_of_sight_for_a_while_is_told_of_when_it_goes_and_comes_back(
    hub: Hub, with_app: InstalledApp
) -> None:
    shop, site = (hub.github.create(name, README, private=True) for name in ("shop", "site"))
    await hub.project(site)
    await hub.settle()

    with_app.resume(repositories=[shop])
    await hub.sync()
    with_app.resume()
    head = site.push({"b.py": "b = 2\n"})
    await hub.sync()

    away, back = await hub.said()
    assert "the token may not see it any more" in away
    assert back == "The repository of site is back on GitHub: ann/site."
    known = await hub.known(site)
    assert (known.gone_at, known.head) == (None, head)


# Trouble


async def test_when_the_listing_fails_what_is_due_is_looked_at_all_the_same(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    await hub.project(shop)
    hub.github.fail("GET /user/repos", status=502)

    with pytest.raises(GitHubUnavailable):
        await hub.sync()

    assert (await hub.known(shop)).head == shop.head()
    assert (await hub.sync()).listed


@pytest.mark.parametrize(
    ("route", "fault"),
    [
        ("/repositories/*", {"status": 502}),
        ("*/git/ref/*", {"cut": True}),
        ("*/pulls*", {"truncate": True}),
        ("*/check-runs*", {"status": 500, "message": "Server Error"}),
        ("*/status*", {"truncate": True}),
    ],
    ids=["502", "cut", "truncated", "500", "truncated at the end"],
)
async def test_whatever_breaks_in_a_look_nothing_is_lost_or_doubled(
    hub: Hub, route: str, fault: dict[str, object]
) -> None:
    shop = hub.github.create("shop", README)
    await hub.project(shop)
    await hub.settle()
    head = shop.push({"b.py": "b = 2\n"})
    shop.push({"a.py": "a = 1\n"}, "work")
    shop.open_pull("work", "Work")
    shop.check(head, "ci", "success")
    broken = hub.github.fail(f"GET {route}", **fault)  # type: ignore[arg-type]

    first = await hub.sync()
    await hub.all_due()
    await hub.sync()

    assert broken.hits == 1
    assert (first.looked, first.postponed) == (0, 1)
    known = await hub.known(shop)
    assert (known.head, known.error, known.failures) == (head, None, 0)
    assert len(await hub.pulls(shop)) == 1
    assert [one.state for one in await hub.checks(shop, head)] == ["green"]


async def test_a_slow_body_is_waited_for(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    await hub.project(shop)
    hub.github.fail("/repositories/*", slow_body_s=0.3)

    assert (await hub.sync()).moved == 1


async def test_while_github_takes_no_requests_nobody_asks(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    await hub.project(shop)
    await hub.settle()
    head = shop.push({"b.py": "b = 2\n"})
    hub.github.fail(status=403, retry_after=60)
    with pytest.raises(RateLimited):
        await hub.sync()
    hub.github.forget_requests()

    with pytest.raises(RateLimited) as still:
        await hub.sync()

    assert "until" in still.value.message
    assert hub.github.counts().total == 0
    await hub.rows("UPDATE github_listing SET rests_until = now() RETURNING 1")
    await hub.sync()
    assert (await hub.known(shop)).head == head


async def test_one_repository_that_is_in_trouble_keeps_no_other_waiting(hub: Hub) -> None:
    shops = [hub.github.create(f"project-{number}", README) for number in range(8)]
    for shop in shops:
        await hub.project(shop)
    hub.github.fail(f"/repositories/{shops[3].id}*", None, status=502)

    done = await hub.sync()

    assert (done.looked, done.postponed) == (7, 1)
    known = await hub.known(shops[3])
    assert (known.head, known.failures) == (None, 1)
    assert "502" in str(known.error)


@dataclass
class Amiss:
    """A survey that sees of one repository what cannot be stored."""

    survey: GitHubSurvey
    number: int

    async def listed(
        self, *, pushed_since: datetime | None, updated_since: datetime | None, etags: Mapping[str, str]
    ) -> Listed:
        return await self.survey.listed(pushed_since=pushed_since, updated_since=updated_since, etags=etags)

    async def everything(self) -> frozenset[int]:
        return await self.survey.everything()

    async def look(self, due: Due) -> Look:
        look = await self.survey.look(due)
        return replace(look, pulls=(look.pulls or ()) * 2) if due.known.id == self.number else look


async def test_one_repository_that_the_database_refuses_keeps_no_other_waiting(hub: Hub) -> None:
    shops = [hub.github.create(f"project-{number}", README) for number in range(3)]
    for shop in shops:
        await hub.project(shop)
    shops[1].push({"a.py": "a = 1\n"}, "work")
    shops[1].open_pull("work", "Work")

    done = await github_sync(hub.database, hub.live, Amiss(hub.survey, shops[1].id), HELD, list_every_s=0)

    assert (done.looked, done.postponed) == (2, 1)
    assert "PostgreSQL refuses" in str((await hub.known(shops[1])).error)


@dataclass
class Refusing(Amiss):
    """A survey that is refused in two ways at the same moment."""

    asked: int = 0
    both: asyncio.Event = field(default_factory=asyncio.Event)

    async def look(self, due: Due) -> Look:
        self.asked += 1
        if self.asked < 2:
            await self.both.wait()
            raise BadCredentials
        self.both.set()
        await asyncio.sleep(0)
        raise RateLimited(until=datetime.now(UTC) + timedelta(hours=1))


async def test_a_rate_limit_is_kept_whatever_else_goes_wrong_at_the_same_moment(hub: Hub) -> None:
    for number in range(2):
        await hub.project(hub.github.create(f"project-{number}", README))

    with pytest.raises(RateLimited):
        await github_sync(hub.database, hub.live, Refusing(hub.survey, 0), HELD, list_every_s=0)

    assert await hub.rows("SELECT rests_until > now() FROM github_listing") == [(True,)]


async def test_a_github_that_is_down_is_not_asked_for_each_repository(hub: Hub) -> None:
    for number in range(20):
        await hub.project(hub.github.create(f"project-{number}", README))
    await hub.settle()
    await hub.all_due()
    hub.github.fail(None, None, status=503)

    with pytest.raises(GitHubUnavailable):
        await hub.sync()

    assert hub.github.counts().total <= 12


async def test_when_github_is_back_the_next_pass_looks_at_all_that_was_due(hub: Hub) -> None:
    for number in range(8):
        await hub.project(hub.github.create(f"project-{number}", README))
    await hub.settle()
    await hub.all_due()
    down = hub.github.fail(None, None, status=502)
    with pytest.raises(GitHubUnavailable):
        await hub.sync()
    down.cancel()

    assert (await hub.sync()).looked == 8


async def test_who_alone_is_not_answered_about_is_left_alone_for_a_while(hub: Hub) -> None:
    shops = [hub.github.create(f"project-{number}", README) for number in range(14)]
    for shop in shops:
        await hub.project(shop)
    await hub.settle()
    await hub.all_due()
    # Slowly, so that the others are seen first.
    for shop in shops[:12]:
        hub.github.fail(f"/repositories/{shop.id}*", None, status=502, slow_s=0.5)
    await hub.rows(
        f"UPDATE repositories SET due_at = due_at - interval '1 s' WHERE id >= {shops[12].id} RETURNING 1"
    )

    with pytest.raises(GitHubUnavailable):
        await hub.sync()

    [(postponed,)] = await hub.rows(
        "SELECT count(*) FROM repositories WHERE failures > 0 AND due_at > clock_timestamp()"
    )
    assert int(str(postponed)) >= 5, "as many as it takes to end a pass, and those before"


async def test_a_token_that_is_revoked_ends_the_pass_and_reports_nothing_as_gone(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    await hub.project(shop)
    await hub.settle()
    await hub.all_due()
    hub.github.fail(None, None, status=401, message="Bad credentials")

    with pytest.raises(BadCredentials):
        await hub.sync()

    assert await hub.said() == []


async def test_what_the_token_may_not_see_is_said_and_the_rest_is_known(
    database_url: str, redis_url: str
) -> None:
    async with FakeGitHub() as github:
        github.token = github.new_token(permissions={"contents": "read", "metadata": "read"})
        async with hub_of(github, database_url, redis_url) as hub:
            shop = github.create("shop", README, private=True)
            await hub.project(shop)

            await hub.sync()

            known = await hub.known(shop)
            assert known.head == shop.head()
            assert "pull_requests" in str(known.error)
            assert "checks" in str(known.error)


async def test_a_pass_that_lost_its_lock_writes_nothing(hub: Hub) -> None:
    shop = hub.github.create("shop", README)
    await hub.project(shop)
    await hub.sync()
    shop.push({"b.py": "b = 2\n"})
    before = await hub.known(shop)

    with pytest.raises(LeaseLost):
        await hub.sync(held=HeldLock("github_sync", 0))

    assert await hub.known(shop) == before
