"""What the bot answers: an example, to be replaced by yours."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.filters import Command, CommandStart
from aiogram.types import Message

from service import about

HELP = "/start - what I am\n/help - this text\n\nSend me a text and I count its words."


async def start(message: Message) -> None:
    """Say what the bot is."""
    await message.answer(f"{about.NAME}\n\n{about.DESCRIPTION}"[:4096])


async def show_help(message: Message) -> None:
    """Say what the bot can do."""
    await message.answer(HELP)


async def count_words(message: Message) -> None:
    """Answer a text."""
    words = len((message.text or "").split())
    await message.reply(f"{words} word" if words == 1 else f"{words} words")


def router() -> Router:
    """Return the routes from messages to answers. The first that fits is taken."""
    routes = Router()
    routes.message.register(start, CommandStart())
    routes.message.register(show_help, Command("help"))
    routes.message.register(count_words, F.text & ~F.text.startswith("/"))
    return routes
