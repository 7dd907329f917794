"""What a run has proposed on GitHub goes when it ended without seeing to that itself; an outage only postpones it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from graph.conversation.replies import Reply, Text
from infrastructure.forge import Repository
from infrastructure.forge.github import FixedToken, GitHubClient, GitHubForge, Patience, RateLimited
from infrastructure.forge.proposals import proposal_branch
from scheduler.clearing import Cleared, clear_what_is_over
from shared.lease import LeaseLost
from shared.ledger import claims, kept_work
from shared.ledger.runs import Run
from shared.locks import HeldLock
from tests import workflows
from tests.engine import OWNER, Engine
from tests.fakes.github import FakeGitHub, Project

HELD = HeldLock("clearing", 1)


@dataclass
class Site:
    """Runs that have proposed something, each in a repository of its own."""

    engine: Engine
    github: FakeGitHub
    forge: GitHubForge
    tree: Path

    async def begin(self, name: str) -> tuple[Run, Repository]:
        """Accept a run of a project, and let it be about to save its work."""
        run = await self.engine.accept(workflows.build_approval, project_id=await self.engine.project(name))
        repository = await self.forge.ensure_repository(name, "", owner_key=name)
        async with self.engine.database.transaction() as tx:
            await kept_work.note(tx, run.id)
            await tx.execute(
                """
                INSERT INTO effects (run_id, key, kind, request, status, result)
                VALUES (%s, 'repository', 'repository', '', 'done', %s)
                """,
                [run.id, Jsonb({"name": repository.name, "url": repository.url, "id": repository.id})],
            )
        return run, repository

    async def propose(self, name: str = "hello") -> tuple[Run, Project]:
        """Accept a run of a project, and let it have saved and proposed its work."""
        run, repository = await self.begin(name)
        hello = self.github.repository(name)
        hello.push({"README.md": "# Hello\n"}, "main")
        branch, date = proposal_branch(run.number), run.created_at
        hello.set_ref(f"refs/heads/{branch}", hello.head("main"))
        begun_at = hello.head("main")
        created = await self.commit(run, repository, "Create", expected_parent=begun_at)
        async with self.engine.database.transaction() as tx:
            await tx.execute(
                """
                INSERT INTO effects (run_id, key, kind, request, status, result)
                VALUES (%s, 'commit:1', 'commit', '', 'done', %s)
                """,
                [run.id, Jsonb({"sha": created, "begun_at": begun_at})],
            )
        await self.forge.save_work(repository, self.tree, run=str(run.id), author_date=date)
        hello.open_pull(branch, "Create it", base="main")
        return run, hello

    async def commit(self, run: Run, repository: Repository, message: str, *, expected_parent: str) -> str:
        """Commit the files to a run's branch, with its date."""
        commit = await self.forge.commit(
            repository, self.tree, branch=proposal_branch(run.number), message=message,
            author_date=run.created_at, expected_parent=expected_parent,
        )  # fmt: skip
        return commit.sha

    async def cancel(self, run: Run) -> None:
        """Let a person call a run off while it waits."""
        async with self.engine.database.transaction() as tx:
            await claims.request_cancel(tx, run.id, by=OWNER.id)

    async def clear(self, *, held: HeldLock = HELD, grace_s: float = 0, pass_s: float = 50) -> Cleared:
        """Make a pass."""
        return await clear_what_is_over(
            self.engine.database, self.engine.live, self.forge, self.forge, held,
            grace_s=grace_s, pass_s=pass_s,
        )  # fmt: skip

    async def after_the_pause(self) -> Cleared:
        """Make a pass when everything that was postponed is due again."""
        async with self.engine.database.transaction() as tx:
            await tx.execute("UPDATE kept_work SET due_at = now()")
        return await self.clear()

    async def said(self) -> list[str]:
        """Return what was told in the sessions."""
        async with self.engine.database.connection() as connection:
            rows = await (await connection.execute("SELECT body FROM turns")).fetchall()
        replies = [TypeAdapter(Reply).validate_python(body) for (body,) in rows]
        return [block.text for reply in replies for block in reply.blocks if isinstance(block, Text)]


@pytest.fixture
async def site(engine: Engine, tmp_path: Path) -> AsyncIterator[Site]:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "main.py").write_text("print()\n")
    async with engine.database.transaction() as tx:
        await tx.execute("INSERT INTO leases (name, token) VALUES ('clearing', 1)")
    async with FakeGitHub(validate=False) as github:
        client = GitHubClient(FixedToken(github.token, github.url), github.url, Patience(0))
        forge = GitHubForge(tmp_path / "home", client)
        yield Site(engine, github, forge, tmp_path / "tree")
        forge.close()


def stands(hello: Project) -> tuple[str, set[str]]:
    """Return the state of the pull request, and all references but the default branch."""
    return hello.pulls[0].state, {name.split("/")[1] for name in hello.refs()} & {"telewright"} | (
        hello.branches().keys() - {"main"}
    )


async def test_a_run_that_is_cancelled_while_it_waits_leaves_nothing_on_github(site: Site) -> None:
    run, hello = await site.propose()
    await site.engine.drain()
    assert await site.clear() == Cleared(), "it may still be merged"

    await site.cancel(run)
    assert await site.clear(grace_s=60) == Cleared(), "a worker may still be at it"
    assert stands(hello) == ("open", {"telewright", proposal_branch(run.number)})

    assert await site.clear(pass_s=0) == Cleared(), "a pass has its time"
    assert await site.clear() == Cleared(cleared=1)
    assert stands(hello) == ("closed", set())
    [comment] = hello.comments(1)
    assert comment["body"].endswith(
        f"since run {run.number} was cancelled, and deletes its branch, to which nobody else has pushed."
    )
    assert await site.clear() == Cleared()


async def test_a_run_that_is_cancelled_after_its_merge_says_so_below_it(site: Site) -> None:
    run, hello = await site.propose()
    await site.engine.drain()
    hello.merge_pull(1)
    await site.cancel(run)

    assert await site.clear() == Cleared(cleared=1)
    assert stands(hello) == ("merged", set())
    [comment] = hello.comments(1)
    assert f"Run {run.number} was cancelled after this was merged." in comment["body"]


async def test_a_branch_that_a_person_has_pushed_to_is_left_and_told_of_once(site: Site) -> None:
    run, hello = await site.propose()
    branch = proposal_branch(run.number)
    hello.push({"fix.py": "fixed\n"}, branch, by="bob")
    await site.cancel(run)

    done = await site.clear()
    assert (done.cleared, done.branches_left, done.told) == (1, 1, {run.session_id})
    assert await site.after_the_pause() == Cleared()

    assert stands(hello) == ("open", {branch})
    [said] = await site.said()
    assert said == (
        f"The branch {branch} of hello is left as it is, since somebody has pushed to it: "
        f"run {run.number} was cancelled."
    )


async def test_a_commit_that_a_person_has_rebased_with_the_runs_dates_is_left(site: Site) -> None:
    run, hello = await site.propose()
    branch = proposal_branch(run.number)
    repository = Repository("hello", hello.clone_url, hello.id)
    (site.tree / "main.py").write_text("print('rebased')\n")
    await site.commit(run, repository, "Create", expected_parent=hello.head(branch))
    await site.cancel(run)

    assert (await site.clear()).branches_left == 1
    assert stands(hello) == ("open", {branch})


async def test_an_outage_postpones_one_after_the_other_and_the_pass_ends_where_nobody_answers(
    site: Site,
) -> None:
    for name in ("one", "two", "three", "four"):
        run, _ = await site.begin(name)
        await site.cancel(run)
    outage = site.github.fail("*/pulls", times=None, status=502)

    assert await site.clear() == Cleared(postponed=3)
    assert (await site.clear()).postponed == 1, "those that were postponed stand in nobody's way"
    assert (await site.clear()).postponed == 0
    outage.cancel()

    assert await site.after_the_pause() == Cleared(cleared=4)


async def test_one_that_cannot_be_understood_is_postponed_and_stops_no_others(site: Site) -> None:
    (odd, _), (plain, hello) = await site.begin("odd"), await site.propose()
    async with site.engine.database.transaction() as tx:
        await tx.execute("""UPDATE effects SET result = '{"before": 1}' WHERE run_id = %s""", [odd.id])
    for run in (odd, plain):
        await site.cancel(run)

    assert await site.clear() == Cleared(cleared=1, postponed=1)
    assert stands(hello) == ("closed", set())
    assert await site.after_the_pause() == Cleared(postponed=1)


async def test_a_limit_of_githubs_is_waited_for_and_loses_nothing(site: Site) -> None:
    run, hello = await site.propose()
    await site.cancel(run)
    site.github.limit(remaining=0, reset_in_s=600)
    with pytest.raises(RateLimited):
        await site.clear()

    site.github.limit(remaining=5000, reset_in_s=600)
    assert await site.after_the_pause() == Cleared(cleared=1)
    assert stands(hello) == ("closed", set())


async def test_a_repository_that_is_gone_or_put_away_is_not_asked_for_again(site: Site) -> None:
    (gone, _), (put_away, second) = await site.begin("one"), await site.propose("two")
    site.github.repository("one").delete()
    second.archive()
    for run in (gone, put_away):
        await site.cancel(run)

    assert await site.clear() == Cleared(cleared=2)
    assert await site.after_the_pause() == Cleared()


async def test_whoever_has_lost_the_lock_notes_nothing(site: Site) -> None:
    run, hello = await site.propose()
    await site.cancel(run)
    with pytest.raises(LeaseLost):
        await site.clear(held=HeldLock("clearing", 0))
    assert stands(hello)[0] == "open"
