"""The main job through the terminal, as a person has it."""

from __future__ import annotations

import re

import httpx

from tests.acceptance.terminal.conftest import Installation

QUESTION_OF_PLAN = r"Build hello from web-service\?"
QUESTION_OF_RELEASE = r"Deploy release 1 of hello\?"
URL = r"(http://127\.0\.0\.1:\d+/)"


def test_a_sentence_becomes_a_service_that_answers_although_the_terminal_is_killed_in_the_middle(
    installation: Installation,
) -> None:
    with installation.terminal() as first:
        first.wait_for("a message, or /help")
        first.say("Create a web service called hello")
        first.wait_for(QUESTION_OF_PLAN)
        first.wait_for(r"\[1\].*Approve")
        first.say("1")
        first.wait_for("Noted for run 1: Approve")
        first.wait_for("Scaffold")
        first.kill()
    with installation.terminal() as second:
        second.wait_for(QUESTION_OF_RELEASE)
        second.wait_for(r"\[1\].*Approve")
        second.process.send("\x1b[B")  # the down arrow picks the first choice
        second.say("")
        second.wait_for("Release 1 of hello is live")
        second.wait_for(URL)
        second.process.sendeof()
        second.wait_for("$")
    print(f"\n{first.seen}\n— the terminal is killed, and opened again —\n{second.seen}")

    url = re.search(URL, second.seen)
    assert url is not None
    assert "hello" in httpx.get(url[1], trust_env=False).text
    assert second.seen.count("Release 1 of hello stands") == 1
    assert "Hello. Describe a service" not in second.seen


def test_a_script_talks_to_the_same_installation_and_waits_for_the_work(installation: Installation) -> None:
    done = installation.script("/new static-site pages\n3\n/runs\n", "--wait", "--session", "script")
    print(f"\n{done.stdout}{done.stderr}")

    assert done.returncode == 0, done.stderr
    assert "[3] Cancel" in done.stdout
    assert re.search(r"^\d+ +Build pages", done.stdout, re.MULTILINE)


def test_a_second_terminal_is_told_that_the_conversation_is_open_elsewhere(
    installation: Installation,
) -> None:
    with installation.terminal() as first:
        first.wait_for("> ")
        refused = installation.script("/runs\n")

    assert refused.returncode == 1
    assert "open in another terminal" in refused.stderr
    assert "--session NAME" in refused.stderr
