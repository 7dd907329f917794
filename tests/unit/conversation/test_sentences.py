"""The sentences that are understood, and the certainty that nothing else is."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.conversation.calls import Call, parse
from graph.conversation.sentences import _PRONOUNS, Meaning, Sentences, SmallTalk
from graph.orchestrator.work import Build

SENTENCES = Sentences(["scheduled-job", "static-site", "telegram-bot", "web-service"])


def meaning(text: str) -> Meaning | None:
    return asyncio.run(SENTENCES.meaning(text))


@pytest.mark.parametrize(
    ("said", "blueprint", "name", "description"),
    [
        ("Create a web service called hello", "web-service", "hello", ""),
        ("create a web-service called hello.", "web-service", "hello", ""),
        ("Please create a new web service named hello, please", "web-service", "hello", ""),
        ("make a telegram bot named x that counts words", "telegram-bot", "x", "that counts words"),
        ("Build me a static site called “My Shop”: sells hats", "static-site", "My Shop", "sells hats"),
        ("I\u2019d like a bot called greeter to greet people", "telegram-bot", "greeter", "to greet people"),
        ("I want a small website", "static-site", "", ""),
        ("could you set up a cron job named nightly which cleans up?", "scheduled-job", "nightly", "which cleans up"),
        ("create a web service called ../../etc", "web-service", "../../etc", ""),
        ("create a web service called my shop", "web-service", "my shop", ""),
        ("create an api called مرحبا", "web-service", "مرحبا", ""),
        ("create a web service called hello\nIt says hello.\nTo all.", "web-service", "hello", "It says hello.\nTo all"),
        ("create a web service that says hello", "web-service", "", "that says hello"),
    ],
)  # fmt: skip
def test_a_wish_for_something_new_is_a_build(said: str, blueprint: str, name: str, description: str) -> None:
    assert meaning(said) == Build(blueprint=blueprint, name=name, description=description)


@pytest.mark.parametrize(
    ("said", "call"),
    [
        ("deploy hello", "/deploy hello"),
        ("Deploy the project hello again!", "/deploy hello"),
        ("please deploy hello release 3", "/deploy hello 3"),
        ("deploy release 3 of hello", "/deploy hello 3"),
        ("deploy it", "/deploy"),
        ("roll back hello", "/rollback hello"),
        ("rollback hello to release 2", "/rollback hello 2"),
        ("roll hello back", "/rollback hello"),
        ("stop hello", "/stop hello"),
        ("Can you start the service hello again?", "/start hello"),
        ("remove hello", "/remove hello"),
        ("delete the project hello", "/remove hello"),
        ("what is running?", "/status"),
        ("What's running?", "/status"),
        ("what\u2019s going on", "/status"),
        ("status of hello", "/status hello"),
        ("how is hello doing?", "/status hello"),
        ("is hello running?", "/status hello"),
        ("show logs of hello", "/logs hello"),
        ("show me the last 20 lines of the logs of hello", "/logs hello 20"),
        ("logs for hello", "/logs hello"),
        ("follow the logs of hello", "/logs hello follow"),
        ("tail the log of the service hello, please", "/logs hello follow"),
        ("follow the log", "/logs follow"),
        ("stop following the logs of hello", "/logs stop"),
        ("stop following", "/logs stop"),
        ("list my projects", "/projects"),
        ("show releases of hello", "/releases hello"),
        ("what waits for me?", "/approvals"),
        ("cancel", "/cancel"),
        ("cancel run 7", "/cancel 7"),
        ("approve run 7", "/approve 7"),
        ("help", "/help"),
        ("what can you do?", "/help"),
        ("who am I?", "/whoami"),
    ],
)
def test_a_sentence_is_the_command_it_means(said: str, call: str) -> None:
    assert str(meaning(said)) == call


def test_a_friendly_word_is_one() -> None:
    assert meaning("Hi!") is SmallTalk.GREETING
    assert meaning("thank you") is SmallTalk.THANKS


@pytest.mark.parametrize(
    "said",
    [
        "",
        "   ",
        "do not deploy hello",
        "don't stop hello",
        "I will deploy hello tomorrow",
        "should I remove hello?",
        "deploy hello and then remove it",
        "why did you stop hello",
        "create a spaceship called hello",
        "the logs of hello are strange",
        "what is a web service called hello?",
        "he said: create a web service called hello",
        "never create a web service called hello",
        "it is running",
        "start",
        "remove",
        "stop hello, then start it",
        "say hello",
        "/ deploy hello",
        "хочу бота",
        "🙂",
    ],
)
def test_what_is_not_clearly_a_wish_means_nothing(said: str) -> None:
    assert meaning(said) is None


VERBS = [
    "create",
    "make",
    "build",
    "set",
    "generate",
    "want",
    "need",
    "like",
    "deploy",
    "redeploy",
    "roll",
    "rollback",
    "stop",
    "start",
    "restart",
    "remove",
    "delete",
    "what",
    "show",
    "status",
    "how",
    "is",
    "give",
    "get",
    "list",
    "cancel",
    "abort",
    "approve",
    "help",
    "commands",
    "who",
    "hi",
    "hello",
    "hey",
    "good",
    "thanks",
    "thank",
    "thx",
    "great",
    "my",
    "the",
    "all",
    "last",
    "lines",
    "log",
    "logs",
    "projects",
    "runs",
    "approvals",
    "questions",
    "releases",
    "project",
    "service",
    "redeploy",
    "please",
    "can",
    "could",
    "would",
    "i",
    "i'd",
]


@given(st.text())
def test_random_text_without_a_word_of_command_means_nothing(text: str) -> None:
    words = {word.strip(".,!?…'\"").lower() for word in text.split()}
    if words.isdisjoint(VERBS):
        assert meaning(text) is None


@given(
    st.lists(
        st.sampled_from(
            [
                "the",
                "quick",
                "brown",
                "fox",
                "is",
                "not",
                "a",
                "bug",
                "in",
                "our",
                "web",
                "service",
                "but",
                "it",
                "runs",
                "well",
            ]
        )
    )
)
def test_prose_with_words_that_sound_like_it_means_nothing(words: list[str]) -> None:
    assert meaning("we " + " ".join(words)) is None


@given(
    st.sampled_from(["deploy", "stop", "start", "restart", "remove", "roll back"]),
    st.from_regex(r"[a-z][a-z0-9-]{2,20}", fullmatch=True).filter(lambda name: name not in _PRONOUNS),
    st.sampled_from(["", ".", "!", " please", "  "]),
)
def test_a_project_is_passed_on_as_it_was_written(verb: str, name: str, end: str) -> None:
    found = meaning(f"{verb} {name}{end}")

    assert isinstance(found, Call)
    assert found.rest == name


@pytest.mark.parametrize(
    "text",
    [
        " " * 16_000 + "x",
        "x" + " " * 16_000 + "x",
        "create a web service called " + "a " * 8_000 + "\n",
        "create a web service called " + "that " * 3_000 + "\n",
        "create a web service called " + "x\n" * 8_000 + "\0",
        "please " * 2_000,
        "no " * 5_000,
        "deploy " + "a-" * 8_000 + "!x",
        "show me the last " + "9" * 16_000,
        "\n" * 16_000,
    ],
)
def test_a_long_text_costs_no_more_than_a_moment(text: str) -> None:
    began = time.process_time()
    meaning(text)
    assert time.process_time() - began < 0.5


@given(st.text(), st.text())
def test_a_text_is_a_command_exactly_if_it_begins_as_one(name: str, rest: str) -> None:
    call = parse(f"/{name} {rest}")

    if call is not None:
        assert call.name.isascii()
        assert rest.strip().endswith(call.rest) or call.rest.endswith(rest.strip())


def test_a_command_is_taken_apart() -> None:
    assert parse(" /Logs@telewright_bot  hello 50 ") == Call("logs", "hello 50")
    assert parse("/new web-service hello one\ntwo") == Call("new", "web-service hello one\ntwo")
    assert parse("/etc/passwd") is None
    assert parse("deploy /hello") is None
