from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from aiogram.types import InputRichBlockTable, MessageEntity, RichTextUrl
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.outgoing import Button, Document, Outgoing, Words
from bot.rendering import Addressee, render, render_decided, render_progress, render_toast
from graph.conversation.narration import narrate
from graph.conversation.progress import Progress, ProgressStep, StepState
from graph.conversation.replies import (
    Awaited,
    Code,
    CommandChoice,
    DecisionChoice,
    File,
    Kind,
    Link,
    Reply,
    Table,
    Text,
    facts,
)
from shared.ids import UserId
from shared.ledger import events
from shared.ledger.events import Event
from shared.ledger.runs import Status
from tests.unit.bot.examples import RUN
from tests.unit.bot.hostile import APPROVAL, any_text, replies
from tests.unit.bot.limits import check, units

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

APPROVE = DecisionChoice(label="Approve", approval_id=APPROVAL, key="approve")
CHANGE = DecisionChoice(label="Change it", approval_id=APPROVAL, key="reject", asks_comment=True)
CANCEL = DecisionChoice(label="Cancel", approval_id=APPROVAL, key="cancel")


# -- Whatever comes -----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(replies)
def test_any_reply_becomes_messages_that_telegram_takes(reply: Reply) -> None:
    messages = render(reply)
    assert messages
    for message in messages:
        check(message)


@settings(max_examples=40, deadline=None)
@given(replies)
def test_a_reply_is_few_messages_of_which_one_has_the_buttons(reply: Reply) -> None:
    messages = render(reply)
    assert sum(isinstance(message, Words) for message in messages) <= 3
    with_buttons = [message for message in messages if _buttons(message)]
    assert len(with_buttons) <= 1
    if reply.choices:
        assert with_buttons == [messages[-1]]


@settings(max_examples=25, deadline=None)
@given(replies)
def test_what_is_rendered_survives_the_database(reply: Reply) -> None:
    for message in render(reply):
        assert type(message).model_validate_json(message.model_dump_json(exclude_none=True)) == message


@settings(max_examples=25, deadline=None)
@given(replies, replies, st.none() | st.just(NOON))
def test_any_closing_of_any_message_is_within_the_limits(
    question: Reply, closing: Reply, at: datetime | None
) -> None:
    for message in render(question):
        if isinstance(message, Words):
            closed = render_decided(message, closing, at=at)
            check(closed)
            assert not closed.buttons


@settings(max_examples=25, deadline=None)
@given(replies)
def test_any_toast_is_within_the_limits(reply: Reply) -> None:
    check(render_toast(reply, "query"))


steps = st.builds(
    ProgressStep,
    name=any_text,
    state=st.sampled_from(StepState),
    took_s=st.none() | st.floats(0, 1e7),
    since=st.none() | st.integers(-(10**9), 10**9).map(lambda seconds: NOON - timedelta(seconds=seconds)),
)
progresses = st.builds(
    Progress,
    run_number=st.integers(1, 10**9),
    title=any_text,
    status=st.sampled_from(Status),
    steps=st.lists(steps, max_size=4).flatmap(
        lambda some: st.sampled_from([1, 1, 30]).map(lambda times: some * times)
    ),
    lines=st.lists(any_text, max_size=8),
    note=any_text,
    started_at=st.none() | st.just(NOON),
    ended_at=st.none() | st.just(NOON + timedelta(seconds=42)),
)


@settings(max_examples=60, deadline=None)
@given(progresses)
def test_any_progress_is_one_message_and_always_the_same(progress: Progress) -> None:
    words = render_progress(progress, now=NOON)
    check(words)
    assert words == render_progress(progress, now=NOON)
    assert words.silent


def test_what_takes_long_to_measure_is_not_measured() -> None:
    flags = "🇩🇪" * 50_000
    began = time.process_time()
    render(
        Reply(
            blocks=[Table(columns=[flags], rows=[[flags]]), Text(text=flags)],
            choices=[CommandChoice(label=flags, command="/help")],
        )
    )
    assert time.process_time() - began < 5


# -- Words --------------------------------------------------------------------------------------------


def test_markup_is_content() -> None:
    (words,) = _words(Reply.saying("<b>no</b> *no* _no_ `no` &amp; [no](https://example.com)"))
    assert words.text == "<b>no</b> *no* _no_ `no` &amp; [no](https://example.com)"
    assert words.entities == []


def test_a_name_that_runs_from_right_to_left_does_not_turn_our_sentence_around() -> None:
    name = "דוד המלך"
    (words,) = _words(Reply.saying(f"{name} answered: good-morning"))
    assert words.text == f"\u2068{name}\u2069 answered: good-morning"


def test_a_text_in_a_language_from_right_to_left_stays_as_it_is() -> None:
    text = "היישום hello מוכן לשימוש עכשיו"
    (words,) = _words(Reply.saying(text))
    assert words.text == text


def test_what_would_show_another_order_than_is_approved_is_gone() -> None:
    (words,) = _words(Reply(blocks=[Code(text="if admin\u202e \u2066# nothing\u2069 \u2066")]))
    assert words.text == "if admin # nothing"


def test_escape_sequences_and_control_characters_are_gone() -> None:
    (words,) = _words(Reply(blocks=[Code(text="\x1b[31mred\x1b[0m\r\n\tnext\x07\x00")]))
    assert words.text == "red\n    next\N{REPLACEMENT CHARACTER}"


def test_towers_of_marks_are_taken_down() -> None:
    (words,) = _words(Reply.saying("Z" + "\u0351" * 60))
    assert words.text == "Z" + "\u0351" * 3


def test_the_first_line_of_a_question_stands_out() -> None:
    (words,) = _words(Reply(blocks=[Text(text="Deploy hello?\nIt is new.")], kind=Kind.QUESTION))
    assert _styled(words) == [("bold", "Deploy hello?")]


def test_of_a_long_first_line_only_the_first_sentence_stands_out() -> None:
    text = "Run 7, Build hello, has failed. The tests did not pass: 3 of 12 failed, and the sandbox is gone."
    (words,) = _words(Reply(blocks=[Text(text=text)], kind=Kind.RESULT, error="failed"))
    assert words.text == f"❌ {text}"
    assert _styled(words) == [("bold", "Run 7, Build hello, has failed.")]


def test_an_emoji_before_an_entity_moves_it_by_two_units() -> None:
    (words,) = _words(Reply(blocks=[Text(text="🙂"), facts([("name", "hello")])]))
    assert _styled(words) == [("bold", "Name:")]
    assert words.entities[0].offset == 4


def test_a_commit_can_be_copied_by_a_tap() -> None:
    (words,) = _words(Reply(blocks=[facts([("commit", "a1b2c3d4e5"), ("release", "7")])]))
    assert ("code", "a1b2c3d4e5") in _styled(words)


def test_an_error_says_calmly_what_to_do() -> None:
    reply = Reply(blocks=[Text(text="There is no project called x."), Text(text="See /projects.")], error="e")
    (words,) = _words(reply)
    assert words.text == "There is no project called x.\n\nSee /projects."
    assert _styled(words) == [("italic", "See /projects.")]


# -- Tables -------------------------------------------------------------------------------------------


def test_a_narrow_table_stands_in_columns_by_what_is_seen() -> None:
    table = Table(columns=["name", "state"], rows=[["漢字", "ok"], ["👍🏽 yes", "no"], ["plain", "ok"]])
    (words,) = _words(Reply(blocks=[table]))
    assert words.text == "name    state\n漢字    ok\n👍🏽 yes  no\nplain   ok"
    assert [one.type for one in words.entities] == ["pre"]


def test_a_wide_table_is_a_few_lines_for_each_row() -> None:
    columns = ["project", "blueprint", "service", "release", "at work"]
    rows = [
        ["hello", "web-service", "running", "3", "run 7 (waiting)"],
        ["bye", "job", "not deployed", "", ""],
    ]
    (words,) = _words(Reply(blocks=[Table(columns=columns, rows=rows)]))
    assert words.text == (
        "hello\nweb-service · running · release 3 · run 7 (waiting)\n\nbye\njob · not deployed"
    )


def test_a_table_is_a_table_where_the_server_knows_rich_messages() -> None:
    (words,) = _words(Reply.saying("Projects:", Table(columns=["name"], rows=[["hello"]])))
    assert words.rich is not None
    assert words.rich.blocks is not None
    assert [type(block).__name__ for block in words.rich.blocks] == [
        "InputRichBlockParagraph",
        "InputRichBlockTable",
    ]
    table = words.rich.blocks[1]
    assert isinstance(table, InputRichBlockTable)
    assert [[cell.text for cell in row] for row in table.cells] == [["name"], ["hello"]]


def test_rows_lead_only_to_where_a_phone_can_go() -> None:
    there, here = "https://github.com/ann/shop/issues/2", "http://127.0.0.1:8080/ann/shop/issues/1"
    table = Table(columns=["issue"], rows=[["#2"], ["#1"]], links=[there, here])
    (words,) = _words(Reply(blocks=[table]))
    assert words.rich is not None
    assert words.rich.blocks is not None
    shown = words.rich.blocks[0]
    assert isinstance(shown, InputRichBlockTable)
    (_, (second,), (first,)) = shown.cells
    assert (second.text, first.text) == (RichTextUrl(text="#2", url=there), "#1")
    assert [(one.type, one.url) for one in words.entities] == [("text_link", there), ("bold", None)]


def test_a_reply_without_a_table_is_no_rich_message() -> None:
    (words,) = _words(Reply.saying("Hello."))
    assert words.rich is None


# -- Links --------------------------------------------------------------------------------------------


def test_an_address_is_a_link_and_a_button() -> None:
    (words,) = _words(Reply(blocks=[Link(url="https://hello.example.com/", label="hello")]))
    assert _styled(words) == [("text_link", "hello")]
    assert [(button.text, button.url) for button in words.buttons[0]] == [
        ("hello", "https://hello.example.com/")
    ]


def test_what_a_run_came_to_has_a_button_for_each_place_where_it_can_be_seen() -> None:
    board = "https://grafana.example.com/d/abc?orgId=1&var-project=hello&var-run=7"
    places = {
        "url": "https://hello.example.com/",
        "pull_request": "https://github.com/ann/hello/pull/1",
        "repository": "https://github.com/ann/hello",
        "dashboard": board,
    }
    result = {"summary": "Release 1 of hello is live.", **places}
    reply = narrate(Event(RUN.id, 1, events.RUN_SUCCEEDED, {"result": result}, RUN.trace_id, NOON), RUN)
    assert reply is not None
    (words,) = _words(reply)
    assert [(button.text, button.url) for row in words.buttons for button in row] == [
        ("Open hello.example.com", places["url"]),
        ("Pull request", places["pull_request"]),
        ("Repository", places["repository"]),
        ("Dashboard", board),
    ]
    assert words.text.endswith("Pull request\n\nRepository\n\nDashboard")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8001",
        "http://localhost:8001/",
        "http://hello.localhost/",
        "http://[::1]:80/",
        "http://0.0.0.0/",
        "http://server/",
        "javascript:alert(1)",
        "tg://resolve?domain=x",
        "https://you@example.com/",
        "https://example.com:99999/",
        "https://[x",
    ],
)
def test_an_address_that_a_phone_cannot_open_is_only_read(url: str) -> None:
    (words,) = _words(Reply(blocks=[Link(url=url)]))
    assert words.text == url
    assert _styled(words) == [("code", url)]
    assert words.buttons == []


# -- Buttons ------------------------------------------------------------------------------------------


def test_short_choices_stand_in_a_row_and_long_ones_alone() -> None:
    long = CommandChoice(label="Run 12: Build a service with a long name", command="/cancel 12")
    (words,) = _words(Reply(blocks=[Text(text="?")], choices=[APPROVE, CHANGE, CANCEL, long, long]))
    assert [[button.text for button in row] for row in words.buttons] == [
        ["✅ Approve", "✏️ Change it", "🚫 Cancel"],
        [long.label],
        [long.label],
    ]


def test_the_choice_itself_stays_unchanged() -> None:
    (words,) = _words(Reply(blocks=[Text(text="?")], choices=[APPROVE]))
    assert words.buttons[0][0].choice == APPROVE
    assert words.buttons[0][0].id == ""


def test_more_choices_than_buttons_are_said_to_be_left_out() -> None:
    choices = [CommandChoice(label=f"Run {number}", command=f"/cancel {number}") for number in range(130)]
    (words,) = _words(Reply(blocks=[Text(text="Which one?")], choices=list(choices)))
    assert sum(len(row) for row in words.buttons) == 100
    assert words.text.startswith("Which one?\n\n30 more")


# -- Prompts ------------------------------------------------------------------------------------------

AWAITED = Awaited(approval_id=APPROVAL, key="reject", user_id=UserId("telegram:1"))


def test_a_comment_that_is_asked_for_has_a_prompt() -> None:
    reply = Reply(blocks=[Text(text="What should be different?")], awaited=AWAITED, approval_id=APPROVAL)
    (words,) = _words(reply)
    assert words.prompt
    assert words.text == "What should be different? Write it as your next message, or “never mind”."


def test_an_answer_in_between_does_not_ask_for_the_comment_again() -> None:
    (words,) = _words(Reply(blocks=[Text(text="Nothing runs.")], awaited=AWAITED))
    assert (words.prompt, words.text) == (None, "Nothing runs.")


def test_a_cancelled_run_is_no_success() -> None:
    text = [Text(text="Run 7, Build hello, is cancelled.")]
    (cancelled,) = _words(Reply(blocks=text, kind=Kind.RESULT, run_number=7, cancelled=True))
    assert cancelled.text == "🚫 Run 7, Build hello, is cancelled."


def test_a_prompt_in_a_group_names_who_is_asked_and_asks_for_a_reply() -> None:
    (prompt,) = _words(
        Reply(
            blocks=[Text(text="Change it?")],
            awaited=AWAITED,
            approval_id=APPROVAL,
        ),
        to=Addressee(user_id=7, name="Ann 🌞", message_id=None),
    )
    assert prompt.text == "Ann 🌞, Change it? Reply to this message with it, or “never mind”."
    assert prompt.reply_to is None
    (named,) = prompt.entities
    assert (named.type, named.offset, named.length) == ("text_mention", 0, 6)
    assert named.user is not None
    assert named.user.id == 7


def test_a_prompt_in_a_group_asks_for_a_reply_in_whatever_words_it_is_put() -> None:
    reply = Reply(blocks=[Text(text="Why?")], awaited=AWAITED, approval_id=APPROVAL)
    (prompt,) = _words(reply, to=Addressee(user_id=7, name="\u200b", message_id=3))
    assert prompt.text == "You, Why? Reply to this message with it, or “never mind”."


def test_the_first_message_of_an_answer_in_a_group_replies_and_names_nobody() -> None:
    reply = Reply(blocks=[Text(text="word " * 1500)])
    first, second = _words(reply, to=Addressee(user_id=7, name="Ann", message_id=3))
    assert (first.reply_to, second.reply_to) == (3, None)
    assert first.entities == []


def test_an_answer_in_between_does_not_prompt_again() -> None:
    (words,) = _words(Reply(blocks=[Text(text="Nothing is being worked on.")], awaited=AWAITED))
    assert words.prompt is None


# -- Long ones, and files -----------------------------------------------------------------------------


def test_a_long_answer_is_cut_between_lines_and_its_buttons_come_last() -> None:
    lines = [f"line {number} of a long answer" for number in range(300)]
    messages = _words(Reply(blocks=[Text(text="\n".join(lines))], choices=[CANCEL]))
    assert [line for message in messages for line in message.text.split("\n")] == lines
    assert [bool(message.buttons) for message in messages] == [False, True]
    assert [message.silent for message in messages] == [False, True]


def test_a_very_long_answer_is_a_file_with_its_beginning_before_it() -> None:
    text = "\n".join(f"line {number}" for number in range(5000))
    first, second = render(Reply(blocks=[Text(text="The log:"), Code(text=text)], run_number=7))
    assert isinstance(first, Words)
    assert isinstance(second, Document)
    assert first.text.startswith("The log:\nline 0\n")
    assert first.text.endswith("…\n\nThe whole text is in the file.")
    assert units(first.text) < 2000
    assert second.name == "run-7.txt"
    assert second.content == f"The log:\n\n{text}"


def test_the_beginning_of_many_facts_has_no_more_entities_than_are_honoured() -> None:
    first, _ = render(Reply(blocks=[facts([("a", "b")] * 1000)]))
    check(first)


def test_a_question_stands_behind_its_files_with_its_buttons() -> None:
    plan = File(name="plan.txt", content="x" * 5000)
    messages = render(
        Reply(blocks=[Text(text="Apply?"), plan], choices=[APPROVE, CANCEL], kind=Kind.QUESTION)
    )
    assert [message.type for message in messages] == ["document", "words"]
    assert _buttons(messages[-1])


def test_a_file_keeps_every_character_and_has_a_name_that_systems_take() -> None:
    content = "a\tb\x1b[1m\u202ec\n"
    (document,) = render(Reply(blocks=[File(name="../../etc/pass:wd\u202e.log", content=content)]))
    assert isinstance(document, Document)
    assert document.content == content
    assert document.name == "-..-etc-pass-wd.log"


def test_an_empty_file_is_said_to_be_empty() -> None:
    (words,) = _words(Reply(blocks=[File(name="hello.log", content="")]))
    assert words.text == "hello.log is empty."


@pytest.mark.parametrize(
    ("kind", "silent"),
    [
        (Kind.ANSWER, False),
        (Kind.QUESTION, False),
        (Kind.RESULT, False),
        (Kind.NOTICE, True),
        (Kind.PROGRESS, True),
    ],
)
def test_only_what_somebody_waits_for_is_heard(kind: Kind, *, silent: bool) -> None:
    (words,) = _words(Reply(blocks=[Text(text="x")], kind=kind))
    assert words.silent is silent


# -- Decided ------------------------------------------------------------------------------------------


def test_a_decided_question_keeps_its_text_and_says_who_decided_what_and_when() -> None:
    question = Reply(blocks=[Text(text="Deploy hello?")], choices=[APPROVE, CANCEL], kind=Kind.QUESTION)
    (shown,) = _words(question)
    closed = render_decided(shown, Reply.saying("Approved by Ada"), at=NOON)
    assert closed.text == "Deploy hello?\n\nApproved by Ada\n2026-11-21 12:00 UTC"
    assert ("bold", "Deploy hello?") in _styled(closed)
    assert ("date_time", "2026-11-21 12:00 UTC") in _styled(closed)
    assert closed.entities[-1].unix_time == int(NOON.timestamp())
    assert closed.buttons == []


def test_a_full_message_makes_room_for_its_end() -> None:
    bold = [MessageEntity(type="bold", offset=40 * place, length=30) for place in range(100)]
    shown = Words(text="word " * 819, entities=bold, buttons=[[Button(text="x", choice=APPROVE)]])
    closed = render_decided(shown, Reply.saying("Ada answered: " + "because " * 1000), at=NOON)
    check(closed)
    assert closed.buttons == []
    assert closed.text.endswith("…\n2026-11-21 12:00 UTC")


def test_a_message_full_of_entities_makes_room_for_those_of_its_end() -> None:
    bold = [MessageEntity(type="bold", offset=20 * place, length=4) for place in range(100)]
    closed = render_decided(Words(text="word " * 400, entities=bold), Reply.saying("Ada: no"), at=NOON)
    check(closed)
    assert {"blockquote", "date_time"} <= {one.type for one in closed.entities}


# -- Progress -----------------------------------------------------------------------------------------


def test_the_time_of_the_current_step_moves_every_few_seconds() -> None:
    step = ProgressStep("Test", StepState.CURRENT, None, NOON)
    progress = Progress(7, "Build hello", Status.RUNNING, [step], [], "", NOON, None)
    shown = [render_progress(progress, now=NOON + timedelta(seconds=seconds)).text for seconds in range(60)]
    assert len(set(shown)) == 12
    assert shown[59].endswith("▸ Test … 55 s")


def test_a_run_of_long_names_and_lines_is_one_message() -> None:
    step = ProgressStep("🙂" * 5000, StepState.DONE, 1e6, NOON)
    wordy = Progress(
        10**9, "🙂" * 5000, Status.FAILED, [step] * 50, ["🙂" * 5000] * 50, "🙂" * 5000, NOON, NOON
    )
    check(render_progress(wordy, now=NOON))


def test_a_clock_that_jumps_back_shows_no_negative_time() -> None:
    step = ProgressStep("Test", StepState.CURRENT, None, NOON)
    progress = Progress(7, "Build hello", Status.RUNNING, [step], [], "", NOON, None)
    assert render_progress(progress, now=NOON - timedelta(hours=1)).text.endswith("▸ Test …")


# -- Toasts -------------------------------------------------------------------------------------------


def test_what_went_wrong_has_to_be_closed_by_hand() -> None:
    toast = render_toast(Reply.saying("This was decided already.").model_copy(update={"error": "e"}), "q")
    assert (toast.query_id, toast.text, toast.alert) == ("q", "This was decided already.", True)


def test_a_long_toast_is_cut() -> None:
    toast = render_toast(Reply.saying("word " * 100), "q")
    assert len(toast.text) <= 200
    assert toast.text.endswith("word…")
    assert not toast.alert


def _words(reply: Reply, *, to: Addressee | None = None) -> list[Words]:
    messages = render(reply, to=to)
    assert all(isinstance(message, Words) for message in messages)
    return [message for message in messages if isinstance(message, Words)]


def _styled(words: Words) -> list[tuple[str, str]]:
    return [(one.type, one.extract_from(words.text)) for one in words.entities]


def _buttons(message: Outgoing) -> bool:
    return not isinstance(message, Words | Document) or bool(message.buttons)
