"""What a run has proposed goes when the run is over, unless a person has pushed to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from infrastructure.forge import Repository
from infrastructure.forge.github import Archived, GitHubForge, GitHubUnavailable
from infrastructure.forge.hosting import PullRequest
from infrastructure.forge.proposals import Proposal, clear, proposal_branch
from tests.fakes.github import Project
from tests.integration.forge.machines import OnGitHub

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


@dataclass
class Proposed:
    """A repository in which a run has saved and proposed its work."""

    forge: GitHubForge
    repository: Repository
    project: Project
    proposal: Proposal
    pull: PullRequest
    tree: Path

    async def clear(self, forge: GitHubForge | None = None) -> bool:
        forge = forge or self.forge
        return await clear(forge, forge, self.repository, self.proposal)

    @property
    def stands(self) -> tuple[str, bool, bool]:
        """The state of the pull request; whether its branch is there, and what was saved."""
        refs = self.project.refs()
        branch, saved = f"refs/heads/{self.proposal.branch}", f"refs/telewright/wip/{self.proposal.run}"
        return self.project.pulls[0].state, branch in refs, saved in refs

    @property
    def said(self) -> list[str]:
        return [comment["body"].partition("\n")[2] for comment in self.project.comments(self.pull.number)]


@pytest.fixture
async def proposed(on_github: OnGitHub, tree: Path) -> Proposed:
    forge = on_github.elsewhere(patience_s=0)
    repository = await forge.ensure_repository("hello", "A greeting", owner_key="project-1")
    run, branch = str(uuid4()), proposal_branch(7)
    empty = tree.parent / "empty"
    empty.mkdir()
    begun = await forge.commit(
        repository, empty, branch="main", message="Begin", author_date=WHEN, expected_parent=None
    )
    for content, parent in ((empty, None), (tree, begun.sha)):
        created = await forge.commit(
            repository, content, branch=branch, message="Begin" if parent is None else "Create",
            author_date=WHEN, expected_parent=parent,
        )  # fmt: skip
    await forge.save_work(repository, tree, run=run, author_date=WHEN)
    commits = frozenset({begun.sha, created.sha})
    proposal = Proposal(run, 7, WHEN, commits, "failed", "@everyone: it\n    is `red`")
    pull = await forge.ensure_pull_request(
        repository, head=proposal.branch, base="main", title="Create it", body=""
    )
    return Proposed(forge, repository, on_github.project(repository), proposal, pull, tree)


async def test_what_nobody_wants_is_closed_with_the_reason_and_taken_away(proposed: Proposed) -> None:
    assert proposed.stands == ("open", True, True)

    assert await proposed.clear()

    assert proposed.stands == ("closed", False, False)
    [said] = proposed.said
    assert said == (
        "Telewright closes this pull request, since run 7 failed, and deletes its branch, to which nobody else "
        "has pushed.\n\n    @everyone: it is `red`"
    )
    assert proposed.project.branches().keys() == {"main"}


async def test_what_is_taken_away_twice_or_from_another_machine_is_taken_away_once(
    proposed: Proposed, on_github: OnGitHub
) -> None:
    await proposed.clear()
    assert await proposed.clear(on_github.elsewhere(patience_s=0))
    assert len(proposed.said) == 1


async def test_a_branch_that_was_merged_goes_and_nothing_is_said(proposed: Proposed) -> None:
    merged = proposed.project.merge_pull(proposed.pull.number)

    assert await proposed.clear()

    assert (proposed.stands, proposed.said) == (("merged", False, False), [])
    assert proposed.project.head("main") == merged


async def test_what_was_merged_says_once_that_its_run_came_to_no_good_end(proposed: Proposed) -> None:
    proposed.project.merge_pull(proposed.pull.number)
    proposed.proposal = replace(proposed.proposal, fell_short=True)

    await proposed.clear()
    await proposed.clear()

    assert proposed.said == ["Run 7 failed after this was merged.\n\n    @everyone: it is `red`"]


async def test_what_a_person_has_pushed_and_merged_goes_too(proposed: Proposed) -> None:
    proposed.project.push({"fix.txt": "Fixed\n"}, proposed.proposal.branch, by="bob")
    proposed.project.merge_pull(proposed.pull.number)

    assert await proposed.clear()
    assert proposed.stands == ("merged", False, False)


@pytest.mark.parametrize("by_force", [False, True])
async def test_a_branch_to_which_a_person_has_pushed_is_left_and_says_so(
    proposed: Proposed, by_force: bool
) -> None:
    start = proposed.project.head("main") if by_force else None
    theirs = proposed.project.push({"fix.txt": "Mine\n"}, proposed.proposal.branch, by="bob", start=start)

    assert not await proposed.clear()
    assert not await proposed.clear()

    assert proposed.stands == ("open", True, False)
    assert proposed.project.head(proposed.proposal.branch) == theirs
    [said] = proposed.said
    assert said.startswith("Run 7 failed. Telewright leaves this pull request and its branch to you")


async def test_a_commit_that_a_person_has_rebased_with_its_dates_is_theirs(proposed: Proposed) -> None:
    rebased = await proposed.forge.commit(
        proposed.repository, proposed.tree.parent / "empty", branch=proposed.proposal.branch,
        message="Create it, in other words", author_date=WHEN,
        expected_parent=proposed.project.head(proposed.proposal.branch),
    )  # fmt: skip

    assert not await proposed.clear()
    assert proposed.project.head(proposed.proposal.branch) == rebased.sha


async def test_what_ended_before_its_commits_were_recorded_is_known_by_its_dates(proposed: Proposed) -> None:
    proposed.proposal = replace(proposed.proposal, commits=frozenset())
    assert await proposed.clear()
    assert proposed.stands == ("closed", False, False)


async def test_a_branch_to_which_a_person_has_pushed_after_the_merge_is_left(proposed: Proposed) -> None:
    proposed.project.merge_pull(proposed.pull.number)
    proposed.project.push({"more.txt": "More\n"}, proposed.proposal.branch, by="bob")

    assert not await proposed.clear()
    assert proposed.stands == ("merged", True, False)


async def test_a_branch_that_moves_in_the_last_moment_is_not_removed(proposed: Proposed) -> None:
    before = proposed.project.head(proposed.proposal.branch)
    theirs = proposed.project.push({"fix.txt": "Mine\n"}, proposed.proposal.branch, by="bob")

    assert not await proposed.forge.drop_branch(
        proposed.repository, proposed.proposal.branch, expected=before
    )
    assert proposed.project.head(proposed.proposal.branch) == theirs


async def test_a_branch_that_a_person_has_deleted_or_closed_is_gone(proposed: Proposed) -> None:
    proposed.project.close(proposed.pull.number, by="bob")
    proposed.project.set_ref(f"refs/heads/{proposed.proposal.branch}", None, by="bob")

    assert await proposed.clear()
    assert (proposed.stands, proposed.said) == (("closed", False, False), [])


async def test_what_was_saved_and_never_proposed_goes(proposed: Proposed) -> None:
    other = replace(proposed.proposal, run=str(uuid4()), number=8)
    await proposed.forge.save_work(proposed.repository, proposed.tree, run=other.run, author_date=WHEN)

    assert await clear(proposed.forge, proposed.forge, proposed.repository, other)

    assert f"refs/telewright/wip/{other.run}" not in proposed.project.refs()
    assert proposed.stands == ("open", True, True), "another run's work stays"


async def test_an_outage_anywhere_in_it_postpones_and_loses_nothing(
    proposed: Proposed, on_github: OnGitHub
) -> None:
    fail = on_github.github.fail
    for route, effect in (("GET */pulls", False), ("POST */comments", True), ("PATCH */pulls/*", True)):
        fail(route, after_effect=effect, cut=not effect)
        with pytest.raises(GitHubUnavailable):
            await proposed.clear()
    fail("*/git-receive-pack", status=502)
    with pytest.raises(GitHubUnavailable):
        await proposed.clear()

    # git asks again by itself where the answer is lost, and hears that there is nothing to remove.
    fail("*/git-receive-pack", after_effect=True)
    assert await proposed.clear()
    assert proposed.stands == ("closed", False, False)
    assert len(proposed.said) == 1


async def test_an_archived_repository_is_said_to_be(proposed: Proposed) -> None:
    proposed.project.archive()
    with pytest.raises(Archived):
        await proposed.clear()
