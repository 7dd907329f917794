"""Waiting for what the bot says."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

from bot.chats import OPEN
from tests.fakes.telegram import Answer, Message, Person, Press, Telegram
from tests.fakes.telegram.front import Chatlike
from tests.installation import Installation

STEP_S = 120.0
"""How long one step may take, also while processes are dying around it."""


async def said(telegram: Telegram, chat: Chatlike, words: str) -> Message:
    """Wait for a message with these words."""
    return await telegram.until(lambda: telegram.find(chat, words), timeout=STEP_S, what=words)


async def asked(telegram: Telegram, chat: Chatlike, words: str) -> Message:
    """Wait for a question with these words that has buttons."""

    def question() -> Message:
        message = telegram.find(chat, words)
        if not message.buttons:
            raise LookupError("it has no buttons")
        return message

    return await telegram.until(question, timeout=STEP_S, what=f"{words} with buttons")


def press(person: Person, message: Message, word: str) -> Press:
    """Press the button with this word on it."""
    return person.press(message, next(one for row in message.buttons for one in row if word in one))


async def prompted(telegram: Telegram, chat: Chatlike) -> Message:
    """Wait for a message that asks for a reply."""

    def prompt() -> Message:
        for message in reversed(telegram.messages(chat, by_bot=True)):
            if (message.markup or {}).get("force_reply"):
                return message
        raise LookupError("none asks for a reply")

    return await telegram.until(prompt, timeout=STEP_S, what="a prompt")


async def answered(telegram: Telegram, press: Press) -> Answer:
    """Wait for what somebody who pressed a button is told."""

    def answer() -> Answer:
        if press.answer is None:
            raise LookupError("not yet")
        return press.answer

    return await telegram.until(answer, timeout=STEP_S, what="the answer to a press")


async def all_sent(installation: Installation) -> None:
    """Wait until what should stand in the chats stands there.

    Raises:
        AssertionError: Something does not; with what the outbox knows of it.
    """
    async with installation.ledgers() as tx:

        async def left() -> list[tuple[Any, ...]]:
            cursor = await tx.execute(
                f"SELECT key, status, revision, sent_revision, attempts, error, due_at FROM outbox WHERE {OPEN}"
            )
            return await cursor.fetchall()

        deadline = time.monotonic() + STEP_S
        while rows := await left():
            assert time.monotonic() < deadline, rows
            await asyncio.sleep(0.1)  # what is waited for is a row


async def live(telegram: Telegram, chat: Chatlike, name: str) -> str:
    """Wait until a project is said to be live, and return what its address answers."""
    result = await said(telegram, chat, f"of {name} is live")
    address = next(word for word in result.text.split() if word.startswith("http://"))
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(address)).raise_for_status().text
