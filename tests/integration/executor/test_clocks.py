"""Whether a question is still open, the database's clock says, whatever the time is where somebody decides."""

from __future__ import annotations

import pytest

from shared.ledger import approvals
from shared.ledger.approvals import ApprovalClosed
from shared.tracing import new_trace_id
from tests import workflows
from tests.engine import OWNER, Engine

JUMPS = pytest.mark.parametrize("seconds", [0.01, -0.01], ids=["open", "over"])
"""How long after the database's now a question is open."""


@JUMPS
async def test_a_question_is_open_as_long_as_the_database_says(engine: Engine, seconds: float) -> None:
    run = await engine.accept(workflows.build_approval)
    await engine.drain()
    (approval,) = await engine.waiting(run)

    async with engine.database.transaction() as tx:
        # In a transaction the database's time stands still: its clock is late, then, to who decides in it.
        await tx.execute(
            "UPDATE approvals SET expires_at = now() + make_interval(secs => %s) WHERE id = %s",
            [seconds, approval.id],
        )
        await tx.execute("SELECT pg_sleep(0.1)")

        async def decide() -> str | None:
            decided = await approvals.decide(
                tx, approval.id, user=OWNER, front="test", trace_id=new_trace_id(), choice="yes"
            )
            return decided.decided_by

        if seconds > 0:
            assert await decide() == OWNER.id
        else:
            with pytest.raises(ApprovalClosed, match="The time to decide this is over"):
                await decide()
