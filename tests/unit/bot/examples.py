"""What the bot shows, by example: `python -m tests.unit.bot.examples` writes the golden files anew."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from bot.outgoing import Outgoing, Words
from bot.rendering import render, render_decided, render_progress, render_toast
from graph.conversation.answering import refusal
from graph.conversation.narration import narrate
from graph.conversation.progress import Progress, ProgressStep, StepState
from graph.conversation.questions import put
from graph.conversation.replies import (
    Awaited,
    Code,
    CommandChoice,
    File,
    Kind,
    Link,
    Reply,
    Table,
    Text,
)
from graph.orchestrator.questions import APPROVE, CANCEL, REJECT, decline
from shared.errors import NotFound
from shared.ids import ApprovalId, RunId, SessionId, UserId
from shared.ledger import events
from shared.ledger.events import Event
from shared.ledger.questions import Choice, Question
from shared.ledger.runs import Run, Status
from tests.unit.bot.phone import shown

GOLDEN = Path(__file__).parent / "golden"
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
APPROVAL = ApprovalId(UUID(int=7))
RUN = Run(
    id=RunId(UUID(int=7)), number=7, thread_id="t", workflow_version_id=1, session_id=SessionId(UUID(int=7)),
    project_id=None, requested_by=UserId("telegram:1"), title="Build hello", input={}, status=Status.RUNNING,
    reason_code=None, reason=None, advice=None, result=None, claim_token=1, takeovers=0, time_limit_s=60, ran_s=0,
    blocked_by=None,
    cancel_requested_at=None, last_event=1, trace_id="t", created_at=NOON, started_at=None, ended_at=None,
)  # fmt: skip

PLAN = put(
    Question(
        kind="plan",
        title="Build hello like this?",
        facts=[
            ("Project", "hello"),
            ("Blueprint", "web-service (4f0c2a9d11be)"),
            ("Description", "counts visitors and says good morning"),
            ("Server", "local"),
        ],
        text="Then it is made, tested, and put into a repository; you are asked again before it is deployed.",
        choices=[APPROVE, REJECT, CANCEL],
        digest="0" * 64,
    ),
    APPROVAL,
    7,
)
DEPLOYMENT = put(
    Question(
        kind="deploy",
        title="Deploy release 3 of hello?",
        facts=[
            ("Project", "hello"),
            ("Release", "3 (a41be0c97f02)"),
            ("Commit", "9f8e7d6c5b4a"),
            ("Tests", "12 passed"),
            ("Server", "שרת הייצור"),
            ("Replaces", "release 2"),
            ("Environment", "GREETING=Hello, TOKEN (secret)"),
        ],
        choices=[APPROVE, decline("deploy")],
        digest="0" * 64,
    ),
    APPROVAL,
    7,
)


def decided(name: str, choice: Choice, comment: str = "") -> Reply:
    """What is said of a question that somebody has answered."""
    data = {"name": name, "choice": choice.key, "label": choice.label, "text": comment}
    reply = narrate(Event(RUN.id, 1, events.APPROVAL_DECIDED, data, RUN.trace_id, NOON), RUN)
    assert reply is not None
    return reply


def questions() -> list[Outgoing]:
    """A plan and a deployment, as they are asked and as they are decided."""
    (asked,) = render(DEPLOYMENT)
    assert isinstance(asked, Words)
    return [*render(PLAN), asked, render_decided(asked, decided("Ada", APPROVE), at=NOON)]


def rejection() -> list[Outgoing]:
    """The comment that is asked for, and what everybody sees of it."""
    prompt = Reply.saying("Build hello like this? Change it: what should be different?").model_copy(
        update={
            "awaited": Awaited(approval_id=APPROVAL, key="reject", user_id=UserId("telegram:1")),
            "approval_id": APPROVAL,
        }
    )
    (asked,) = render(PLAN)
    assert isinstance(asked, Words)
    said = decided("דוד", REJECT, "Call it good-morning 🌞.")
    return [*render(prompt), render_decided(asked, said, at=NOON)]


def progress() -> list[Outgoing]:
    """One run at several moments; each takes the place of the one before."""
    plan = ProgressStep("Plan", StepState.DONE, 0.3, NOON)
    make = ProgressStep("Scaffold", StepState.DONE, 4.2, NOON)
    test = ProgressStep("Test", StepState.CURRENT, None, NOON)
    deploy = ProgressStep("Deploy", StepState.CURRENT, None, NOON)
    pytest_says = [
        "tests/test_hello.py ......               [ 50%]",
        "tests/test_morning.py ......             [100%]",
        "12 passed in 3.41s",
    ]
    ansible_says = ["Copy the release: done in 1.2 s", "Start the service …"]
    done = [plan, make, _over(test, StepState.DONE, 12.4), _over(deploy, StepState.DONE, 22.0)]
    failed = [plan, make, _over(test, StepState.FAILED, 12.4)]
    later = NOON + timedelta(seconds=13)
    ended = NOON + timedelta(seconds=42)
    moments = [
        Progress(7, "Build hello", Status.QUEUED, [], [], "The next free worker takes it.", None, None),
        Progress(7, "Build hello", Status.RUNNING, [plan, make, test], pytest_says, "", NOON, None),
        Progress(
            7,
            "Build hello",
            Status.WAITING,
            done[:3],
            [],
            "It waits for an answer: Deploy release 3 of hello? (for owner or operator)",
            NOON,
            None,
        ),
        Progress(7, "Build hello", Status.RUNNING, [*done[:3], deploy], ansible_says, "", NOON, None),
        Progress(7, "Build hello", Status.SUCCEEDED, done, [], "hello runs.", NOON, ended),
        Progress(
            8,
            "Build hello",
            Status.FAILED,
            failed,
            ["FAILED tests/test_hello.py::test_says_hello", "1 failed, 11 passed in 3.80s"],
            "The project's tests failed: 1 failed, 11 passed. Nothing was published.",
            NOON,
            ended,
        ),
        Progress(
            9, "Deploy بوت الصباح", Status.CANCELLED, [plan], [], "It was cancelled by Ada.", NOON, ended
        ),
    ]
    return [render_progress(moment, now=later) for moment in moments]


def results() -> list[Outgoing]:
    """How runs end, well and not."""
    well = Reply(
        blocks=[
            Text(text="hello runs.\nRun 7 is done after 42 s."),
            Link(url="https://hello.example.com/"),
        ],
        kind=Kind.RESULT,
        run_number=7,
    )
    at_home = Reply(
        blocks=[Text(text="hello runs.\nRun 7 is done after 42 s."), Link(url="http://127.0.0.1:8001")],
        kind=Kind.RESULT,
        run_number=7,
    )
    badly = Reply(
        blocks=[
            Text(text="Run 8, Build hello, has failed. The project's tests failed: 1 failed, 11 passed."),
            Text(text="Read the lines below, and say what should be different."),
            Code(
                text="E   assert 'Hello' == 'Hallo'\nFAILED tests/test_hello.py::test_says_hello",
                title="The last lines:",
            ),
        ],
        kind=Kind.RESULT,
        run_number=8,
        error="tests_failed",
    )
    cancelled = Reply(
        blocks=[Text(text="Run 9, Build hello, is cancelled.")],
        kind=Kind.RESULT,
        run_number=9,
        cancelled=True,
    )
    return [*render(well), *render(at_home), *render(badly), *render(cancelled)]


def errors() -> list[Outgoing]:
    """What cannot be done, in the chat and over it."""
    error = refusal(NotFound("There is no project called helo.", advice="There are hello and morning."))
    closed = Reply.saying("This has been decided already, or is not asked any more.").model_copy(
        update={"error": "approval_closed"}
    )
    return [
        *render(error),
        render_toast(closed, "query"),
        render_toast(Reply.saying("Noted: Approve."), "query"),
    ]


def tables() -> list[Outgoing]:
    """A narrow table, a wide one, and one with letters of several widths."""
    blueprints = Table(
        columns=["release", "tests", "state"], rows=[["3", "12 passed", "live"], ["2", "9 passed", ""]]
    )
    projects = Table(
        columns=["project", "blueprint", "service", "release", "at work"],
        rows=[
            ["hello", "web-service", "running", "3", "run 7 (waiting)"],
            ["morning", "telegram-bot", "not deployed", "", ""],
        ],
    )
    names = Table(
        columns=["name", "role"], rows=[["山田", "owner"], ["دانا", "viewer"], ["Ada 🦉", "operator"]]
    )
    return [
        *render(Reply.saying("The releases of hello, newest first:", blueprints)),
        *render(Reply.saying("There are 2 projects.", projects)),
        *render(Reply.saying("Who is let in:", names)),
    ]


def issues() -> list[Outgoing]:
    """What people have opened on GitHub, and the way to all of it."""
    table = Table(
        columns=["issue", "title", "labels", "opened"],
        rows=[
            ["#12", "It breaks when two visitors come at once", "bug, good first issue", "3 min ago by bob"],
            ["#9", "תקלה בקופה", "", "2 days ago by dana"],
        ],
        links=["https://github.com/ann/shop/issues/12", "https://github.com/ann/shop/issues/9"],
    )
    every = Link(url="https://github.com/ann/shop/issues", label="All open issues")
    return render(Reply.saying("The newest 2 open issues of shop, and 7 more are open:", table, every))


def logs() -> list[Outgoing]:
    """A log that fits, and one that does not."""
    line = "2026-11-21 12:00:{:02d} INFO GET /morning 200 in 3 ms"
    short = "\n".join(line.format(number) for number in range(3))
    long = "\n".join(line.format(number % 60) for number in range(400))
    fewer = CommandChoice(label="Fewer lines", command="/logs hello 20")
    return [
        *render(Reply.saying("The last 3 lines of hello:", Code(text=short))),
        *render(
            Reply(
                blocks=[
                    Text(text="The last 400 lines of hello:"),
                    Code(text=f"…{long[-200:]}"),
                    File(name="hello.log", content=long),
                ],
                choices=[fewer],
            )
        ),
    ]


EXAMPLES: dict[str, Callable[[], list[Outgoing]]] = {
    one.__name__: one for one in (questions, rejection, progress, results, errors, tables, issues, logs)
}


def drawn(name: str) -> str:
    """Return an example as it is kept."""
    example = EXAMPLES[name]
    return f"{example.__doc__}\n\n{shown(example())}\n"


def _over(step: ProgressStep, state: StepState, took_s: float) -> ProgressStep:
    return ProgressStep(step.name, state, took_s, step.since)


if __name__ == "__main__":
    for name in EXAMPLES:
        (GOLDEN / f"{name}.txt").write_text(drawn(name), encoding="utf-8")
