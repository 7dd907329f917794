"""Questions that stand in for an approval ask no less of who answers."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from graph.orchestrator.deploy import question_after_failure
from graph.orchestrator.state import State
from shared.ids import ProjectId, SessionId, UserId
from shared.ledger.projects import Project
from shared.ledger.users import Role
from shared.policy import Rule

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


def test_who_may_approve_a_deployment_decides_whether_it_is_tried_again() -> None:
    state = State(approved="digest", attempt=1, failure="It did not come up.", advice="Read its log.")
    rule = Rule(automatic=False, roles=(Role.OWNER,), by_someone_else=True)

    question = question_after_failure(state, HELLO, rule, "Release 1 keeps serving.")

    assert question.by_someone_else
    assert question.allowed_roles == ["owner"]
    assert question.text == "It did not come up.\nRead its log.\nRelease 1 keeps serving."
