"""The approval of a merge holds for one merge: any other part of it is another question."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from graph.orchestrator.approve_merge import question_of
from graph.orchestrator.state import Pull, State
from infrastructure.forge import Repository
from infrastructure.forge.hosting import PullRequest, PullState
from shared.ids import ProjectId, SessionId, UserId
from shared.ledger.projects import Project
from shared.ledger.questions import Question

HELLO = Project(
    id=ProjectId(uuid4()),
    name="hello",
    blueprint="note",
    description="",
    owner_id=UserId("test:owner"),
    session_id=SessionId(uuid4()),
    server="local",
    repository=None,
    environment={},
    service="none",
    created_at=datetime.now(UTC),
    removed_at=None,
)
REPOSITORY = Repository("hello", "https://github.com/ann/hello.git", id=7)
PULL = PullRequest(
    number=1,
    url="https://github.com/ann/hello/pull/1",
    title="Create hello",
    state=PullState.OPEN,
    head="telewright/run-1",
    head_sha="a" * 40,
    base="main",
    base_sha="b" * 40,
    merge_sha=None,
)
MESSAGE = "Create hello (#1)\n\nTelewright-Run: 1"


def asked(
    project: Project = HELLO,
    repository: Repository = REPOSITORY,
    pull: PullRequest = PULL,
    message: str = MESSAGE,
) -> Question:
    """Ask whether to merge."""
    proposed = Pull(
        number=1,
        url=PULL.url,
        branch=PULL.head,
        proposed=PULL.head_sha,
        begun_at=PULL.base_sha,
        head=PULL.head_sha,
        awaited=[],
        opened_at="",
    )
    state = State(pull=proposed, tests="1 passed")
    return question_of(state, project, repository, pull, [], (), message)


@pytest.mark.parametrize(
    "other",
    [
        asked(project=replace(HELLO, id=ProjectId(uuid4()))),
        # Of the same name: the one before was deleted or transferred.
        asked(repository=replace(REPOSITORY, id=8)),
        asked(pull=replace(PULL, number=2)),
        asked(pull=replace(PULL, head_sha="c" * 40)),
        asked(pull=replace(PULL, base="release")),
        asked(pull=replace(PULL, base_sha="c" * 40)),
        asked(message="Another title\n\nTelewright-Run: 1"),
        asked(message="Create hello (#1)\n\nTelewright-Run: 2"),
    ],
    ids=["project", "repository", "pull request", "head", "into", "base", "title", "trailer"],
)
def test_each_part_of_a_merge_that_changes_makes_its_approval_stale(other: Question) -> None:
    assert other.digest != asked().digest


def test_what_people_call_the_pull_request_or_the_repository_changes_nothing() -> None:
    renamed = Repository("greeting", "https://github.com/ann/greeting.git", id=7)

    assert asked(repository=renamed, pull=replace(PULL, title="Renamed")).digest == asked().digest


def test_the_title_that_is_approved_is_shown() -> None:
    assert dict(asked().facts)["Commit message"] == "Create hello (#1)"
