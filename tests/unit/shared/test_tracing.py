"""One trace id from the message to the last event."""

from __future__ import annotations

import asyncio

import pytest
from structlog.contextvars import get_contextvars

from shared import tracing


def test_a_trace_id_has_the_form_of_the_standard() -> None:
    ids = {tracing.new_trace_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(tracing.TRACE_ID.fullmatch(each) for each in ids)


def test_outside_of_a_trace_there_is_none() -> None:
    assert tracing.current_trace_id() is None


def test_inside_the_block_the_ids_are_bound_and_after_it_what_was_before() -> None:
    given = tracing.new_trace_id()
    with tracing.bind(trace_id=given, run_id=7, session_id="s", job_id=3):
        assert get_contextvars() == {"trace_id": given, "run_id": "7", "session_id": "s", "job_id": "3"}
        with tracing.bind(run_id=8) as inner:
            assert inner == given
            assert get_contextvars()["run_id"] == "8"
        assert get_contextvars()["run_id"] == "7"
    assert get_contextvars() == {}


def test_a_block_that_fails_lets_go_as_well() -> None:
    with pytest.raises(RuntimeError), tracing.bind():
        raise RuntimeError
    assert tracing.current_trace_id() is None


async def test_tasks_inherit_the_trace_and_do_not_share_their_own() -> None:
    async def inner(run_id: int) -> tuple[str | None, str]:
        with tracing.bind(run_id=run_id):
            await asyncio.sleep(0)
            return tracing.current_trace_id(), get_contextvars()["run_id"]

    with tracing.bind() as trace_id:
        seen = await asyncio.gather(*(inner(number) for number in range(5)))
    assert seen == [(trace_id, str(number)) for number in range(5)]


@pytest.mark.parametrize("wrong", ["0" * 32, "a" * 31, "A" * 32, "g" * 32, "a" * 33, "\n" + "a" * 31])
def test_what_is_no_trace_id_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="not a trace id"), tracing.bind(trace_id=wrong):
        pass
