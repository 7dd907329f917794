"""What people write."""

from __future__ import annotations

from aiogram import Bot, Router
from aiogram.enums import ContentType
from aiogram.types import Message

from bot import texts
from bot.addressing import Said, forwarded_from
from bot.arrived import Arrived
from bot.hearing import Hearing
from bot.links import project_asked, start_asked
from bot.outgoing import Button, Words
from bot.routers.kinds import Kind
from graph.conversation.replies import CommandChoice

_LABEL = 60
"""Characters of a command that a button shows."""


def messages(hearing: Hearing) -> Router:
    """Return the router of texts that are said to us.

    An edited message is not among them: see `bot.edits`. Filters are coroutines: see `Kind`.
    """
    router = Router(name="messages")
    router.message.filter(Kind(ContentType.TEXT))

    @router.message(_is_forwarded)
    async def forwarded(message: Message, arrived: Arrived, said: Said) -> None:
        """Take somebody else's words as words: a forwarded command, wish or “yes” is not the sender's."""
        whose = forwarded_from(message) or ""
        await hearing.hear(
            arrived, texts.forwarded(whose, said.text), replied_to=await hearing.replied_to(message)
        )

    @router.message(_is_start)
    async def started(_: Message, arrived: Arrived) -> None:
        """Greet who opens the chat."""
        await hearing.greet(arrived)

    @router.message(_asks_for_project)
    async def linked(_: Message, arrived: Arrived, project: str) -> None:
        """Show the project whose link was followed."""
        await hearing.hear(arrived, f"/status {project}")

    @router.message(_asks_to_start)
    async def asked_to_start(message: Message, arrived: Arrived, name: str) -> None:
        """Ask before a service is started that a link may name."""
        choice = CommandChoice(label=texts.start_button(name), command=f"/start {name}")
        button = Button(text=choice.label, choice=choice)
        words = Words(text=texts.start_from_a_link(name), buttons=[[button]], reply_to=message.message_id)
        await hearing.say(arrived, words)

    @router.message(_is_doubtful)
    async def doubtful(message: Message, arrived: Arrived, said: Said, bot: Bot) -> None:
        """Ask before something changes that may have been said to another bot."""
        choice = CommandChoice(label=said.text, command=said.text)
        button = Button(text=said.text[:_LABEL], choice=choice)
        text = texts.perhaps_meant_for_me((await bot.me()).username or "")
        await hearing.say(arrived, Words(text=text, buttons=[[button]], reply_to=message.message_id))

    @router.message()
    async def said_to_us(message: Message, arrived: Arrived, said: Said) -> None:
        """Hand it over as it is."""
        replied_to = await hearing.replied_to(message)
        await hearing.hear(arrived, said.text, replied_to=replied_to, by_name=said.by_name)

    return router


async def _is_forwarded(message: Message) -> bool:
    return message.forward_origin is not None


async def _is_start(_: Message, said: Said) -> bool:
    return said.text == "/start"


async def _asks_for_project(_: Message, said: Said) -> dict[str, str] | bool:
    project = project_asked(said.text)
    return {"project": project} if project else False


async def _asks_to_start(_: Message, said: Said) -> dict[str, str] | bool:
    name = start_asked(said.text)
    return {"name": name} if name else False


async def _is_doubtful(_: Message, said: Said) -> bool:
    return said.doubtful
