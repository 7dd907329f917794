"""Takes a run forward: claims it, drives its graph, and lets it go.

A run is let go when its graph has ended, asks people something, or cannot go
on before a certain moment: then no job, connection or lease is held until
somebody answers, or the moment is there. Whatever happens in between, the next
claim goes on from the last checkpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
import structlog
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphRecursionError
from langgraph.types import Command, StateSnapshot
from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from graph.checkpointer import JournalingSaver
from graph.context import RunContext
from graph.heart import Heart, Holding, Stop
from graph.journal import Journal
from graph.registry import WorkflowRegistry
from graph.steps import StepReporter
from shared.database import Database
from shared.errors import Cancelled, ClaimLost, NotNow, TelewrightError
from shared.ids import RunId
from shared.ledger import approvals, claims, events
from shared.ledger.claims import CLAIM_LOST, Claim, Ending, Pause
from shared.ledger.questions import Asked, Question
from shared.ledger.runs import Status
from shared.live import Live
from shared.queue import OwnJob
from shared.reasons import reason_of
from shared.tracing import bind

_MOST_TAKEOVERS = 10
"""Workers a run may bring down, one after the other without finishing a step, before it is the run's fault."""

_RESUME_CHANNEL = "__resume__"
"""Where LangGraph keeps the answers a task has been given."""

Waiting = Sequence[Asked]
Outcome = Ending | Pause | Waiting

log = structlog.get_logger()


class BadQuestion(TelewrightError):
    """The workflow interrupted with something that is not a question."""

    code = "bad_question"
    advice = "Let the node interrupt with `Question(...).model_dump(mode='json')`."


class TooManySteps(TelewrightError):
    """The workflow went on and on without coming to an end."""

    code = "too_many_steps"
    advice = "Look for a loop in the workflow that nothing ends."


class BringsDownWorkers(TelewrightError):
    """Every worker that took up this run went down with it."""

    code = "brings_down_workers"
    advice = "Look at the workers' memory and log; then start the work anew."


class Executor:
    """Takes runs forward on one worker."""

    def __init__(
        self, database: Database, live: Live, registry: WorkflowRegistry, heart: Heart, *, worker: str
    ) -> None:
        """Put together what is needed; nothing is opened or started.

        Args:
            database: The ledgers and the checkpoints.
            live: Told after every change.
            registry: Where compiled graphs come from.
            heart: Watches over the runs that are driven here.
            worker: This worker's name, which no other process has.
        """
        self._database = database
        self._live = live
        self._registry = registry
        self._heart = heart
        self._worker = worker

    async def execute(self, run_id: RunId, job: OwnJob | None = None) -> None:
        """Take a run forward until it ends, waits for people, or has to pause.

        Args:
            run_id: The run.
            job: What is done by that, and ends in the transaction that lets the run go.

        Raises:
            psycopg.OperationalError: The database went away; the job is to be tried again.
            asyncio.CancelledError: The worker stops; the run has been handed back.
        """
        async with self._database.pipelined_transaction() as tx:
            claim = await claims.claim(tx, run_id, worker=self._worker)
        if claim is None:
            return
        with bind(trace_id=claim.run.trace_id, run_id=str(run_id)):
            try:
                journal = Journal(self._database, self._live, claim)
                await self._let_go(claim, journal, await self._outcome(claim, journal), job)
            except ClaimLost:
                log.warning("claim.lost", token=claim.token)
            self._live.wake(claim.run.session_id)

    async def _outcome(self, claim: Claim, journal: Journal) -> Outcome:
        """Drive the graph in a task of its own, so that the heart can stop it alone."""
        if claim.run.takeovers > _MOST_TAKEOVERS:
            return _failed(BringsDownWorkers())
        drive = asyncio.create_task(self._drive_telling(claim, journal), name=f"drive {claim.run.id}")
        with self._heart.holding(claim, drive) as holding:
            try:
                await asyncio.wait([drive])
            except asyncio.CancelledError:
                await _stopped(drive)
                await asyncio.shield(self._hand_back(claim, journal))
                raise
        return await _result_of(drive, holding)

    async def _drive_telling(self, claim: Claim, journal: Journal) -> Outcome:
        """Drive the graph while its journal is written; stop when that is refused."""
        drive = asyncio.create_task(self._drive(claim, journal), name=f"graph {claim.run.id}")
        writing = asyncio.create_task(journal.write_until_closed(), name=f"journal {claim.run.id}")
        try:
            await asyncio.wait({drive, writing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _stopped(drive)
            journal.close()
            await asyncio.wait({writing})
        writing.result()
        return drive.result()

    async def _drive(self, claim: Claim, journal: Journal) -> Outcome:
        graph = await self._registry.compiled(claim.run.workflow_version_id)
        saver = JournalingSaver(self._database, journal, fresh=claim.token == 1)
        app = graph.copy(update={"checkpointer": saver})
        config: RunnableConfig = {"configurable": {"thread_id": claim.run.thread_id}, "recursion_limit": 200}
        before = await app.aget_state(config) if claim.token > 1 else None
        if before and _nothing_left(before):
            return _succeeded(before.values)
        stream = app.astream(
            await self._next_input(saver, config, before, claim),
            config,
            context=RunContext(claim, self._database, journal),
            stream_mode=["tasks", "values"],
        )
        return await _outcome_of(stream, StepReporter(journal))

    async def _next_input(
        self, saver: JournalingSaver, config: RunnableConfig, state: StateSnapshot | None, claim: Claim
    ) -> dict[str, Any] | Command[Any] | None:
        """Return what the graph goes on with: its first input, people's answers, or nothing new."""
        if state is None or not _has_begun(state):
            return claim.run.input
        async with self._database.connection() as connection:
            decided = {
                one.interrupt_id: one
                for one in await approvals.of_run(connection, claim.run.id)
                if one.answer is not None
            }
        given = await _answers_given(saver, config)
        answers = {
            interrupt.id: decided[interrupt.id].answer
            for task in state.tasks
            for interrupt in task.interrupts
            # An answer the task holds already must not be given twice: it would answer its next question.
            if interrupt.id in decided and given.get(task.id, 0) <= decided[interrupt.id].ordinal
        }
        return Command(resume=answers) if answers else None

    async def _let_go(self, claim: Claim, journal: Journal, outcome: Outcome, job: OwnJob | None) -> None:
        transaction = self._database.pipelined_transaction()
        async with job.ending(transaction) if job else transaction as tx:
            run = await claims.lock_held(tx, claim)
            telling = await journal.write_statements(tx)
            match outcome:
                case Ending():
                    await claims.let_go_ended(tx, run, outcome, telling)
                case Pause():
                    await claims.let_go_paused(tx, run, outcome, telling)
                case asked:
                    await claims.let_go_waiting(tx, run, asked, telling)

    async def _hand_back(self, claim: Claim, journal: Journal) -> None:
        async with self._database.pipelined_transaction() as tx:
            run = await claims.lock_held(tx, claim)
            await events.append_all(tx, run.id, await journal.write_statements(tx))
            await claims.let_go_queued(tx, run)
        log.info("run.handed_back")


async def _stopped(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it stands still; a task that is done stays as it is."""
    task.cancel()
    await asyncio.wait([task])


async def _result_of(drive: asyncio.Task[Outcome], holding: Holding) -> Outcome:
    """Return what driving came to.

    Raises:
        ClaimLost: Somebody else has taken up the run.
        psycopg.OperationalError: The database went away.
    """
    try:
        return drive.result()
    except asyncio.CancelledError:
        return _ending_of(holding.stopped)
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise
    except ClaimLost:
        raise
    except NotNow as error:
        log.info("run.paused", until=error.until.isoformat(), reason=error.message)
        return Pause(error.until, error.message, error.expected, error.code)
    except Cancelled as error:
        return Ending(Status.CANCELLED, error.code, error.message, error.advice)
    except TelewrightError as error:
        log.warning("run.failed", code=error.code, error=error.message)
        return _failed(error)
    except GraphRecursionError:
        return _failed(TooManySteps())
    except Exception as error:
        if isinstance(error, psycopg.Error) and error.sqlstate == CLAIM_LOST:
            raise ClaimLost from error
        # A workflow is somebody's code: whatever it raises ends its run, not the worker.
        log.exception("run.crashed", error=reason_of(error))
        return Ending(
            Status.FAILED, "internal", f"{type(error).__name__}: {error}"[:500], TelewrightError.advice
        )


def _ending_of(stopped: Stop | None) -> Ending:
    match stopped:
        case Stop.CANCELLED:
            return Ending(Status.CANCELLED, "cancelled", "It was cancelled.")
        case Stop.TIMED_OUT:
            return Ending(
                Status.TIMED_OUT,
                "timed_out",
                "It ran longer than it may.",
                "Start it again, or make the work smaller.",
            )
        case Stop.CLAIM_LOST | None:
            raise ClaimLost


def _failed(error: TelewrightError) -> Ending:
    return Ending(Status.FAILED, error.code, error.message, error.advice)


def _succeeded(state: object) -> Ending:
    """End with the graph's `result`, or with its whole state when it has none."""
    values = to_jsonable_python(state, fallback=str, inf_nan_mode="strings")
    result = values.get("result", values) if isinstance(values, dict) else values
    return Ending(Status.SUCCEEDED, result=result if isinstance(result, dict) else {"value": result})


async def _outcome_of(stream: AsyncIterator[Any], reporter: StepReporter) -> Outcome:
    """Run through a graph's stream; return what it asks, or how it ends.

    Raises:
        BadQuestion: It asks something that is no question.
    """
    asked: list[Asked] = []
    values: Any = None
    async for mode, part in stream:
        if mode == "tasks":
            reporter.report(part)
            asked += [
                Asked(interrupt["id"], part["id"], _question(interrupt["value"]))
                for interrupt in part.get("interrupts", ())
            ]
        elif "__interrupt__" not in part:
            values = part
    return asked or _succeeded(values)


def _nothing_left(state: StateSnapshot) -> bool:
    """Whether the graph has ended already.

    `state.next` would not do: it leaves out tasks whose writes are stored while the checkpoint after
    them is not, so a run killed in between would look as if it had ended.
    """
    return _has_begun(state) and not state.tasks


def _has_begun(state: StateSnapshot) -> bool:
    return bool(state.config.get("configurable", {}).get("checkpoint_id"))


def _question(value: object) -> Question:
    try:
        return Question.model_validate(value)
    except ValidationError as error:
        raise BadQuestion from error


async def _answers_given(saver: JournalingSaver, config: RunnableConfig) -> dict[str, int]:
    """Return how many answers each task of the last checkpoint holds already."""
    stored = await saver.aget_tuple(config)
    writes = (stored.pending_writes or []) if stored else []
    return {
        task_id: len(value) if isinstance(value, list) else 1
        for task_id, channel, value in writes
        if channel == _RESUME_CHANNEL
    }
