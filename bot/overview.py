"""What stands in a forum's general topic: its projects, where they are, and the way to their topics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError
from aiogram.utils.formatting import Bold, Text, TextLink, as_list
from psycopg.rows import class_row

from bot import chats, outbox, texts
from bot.chats import ChatKind
from bot.links import project_link, topic_link
from bot.outgoing import Words
from bot.places import FRONT, READER, Place
from bot.rendering.splitting import piece_of, split
from bot.rendering.text import cut, isolated, one_line, settled
from shared.database import Connection, Database
from shared.ledger import cursors
from shared.ledger.projects import Service

_MOST_SHOWN = 40
"""Projects that are listed: each needs an entity or two, of which a message has a hundred."""

_LONGEST_NAME = 64
"""UTF-16 code units of a name: before there is a project, it is whatever somebody wrote."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Line:
    """One project of a forum, and what is being done about it."""

    is_project: bool
    name: str | None
    """None for a build that has made no project yet."""
    service: Service
    external_key: str
    url: str | None
    """Where the release that was deployed last answers."""
    run: str | None
    """The title of the newest run that has not ended."""
    waits: bool
    """Whether that run waits for an answer."""


async def refresh_overview(tx: Connection, chat_id: int, username: str) -> set[int]:
    """Have a forum's overview show what is now; other chats have none.

    Args:
        tx: The transaction in which something has changed.
        chat_id: The forum.
        username: The bot's, to which links lead.

    Returns:
        The chats in which something is to be sent: for `Sender.wake`, after the commit.
    """
    chat = await chats.get(tx, chat_id)
    if chat is None or chat.kind is not ChatKind.FORUM:
        return set()
    lines = await _lines(tx, chat_id)
    if not lines and not await outbox.is_there(tx, _key(chat_id)):
        return set()
    changed = await outbox.stand(
        tx,
        key=_key(chat_id),
        place=Place(chat_id),
        content=_content(chat_id, lines, username),
        solicited=False,
    )
    return {chat_id} if changed else set()


async def pin_overview(database: Database, bot: Bot, chat_id: int) -> None:
    """Pin a forum's overview once it stands there: once, so that people may unpin it; best effort."""
    async with database.transaction() as tx:
        row = await outbox.of_key(tx, _key(chat_id))
        if row is None or row.message_id is None:
            return
        stream = f"{pinned_by(bot.id)}{chat_id}"
        if await cursors.position(tx, reader=READER, stream=stream) == row.message_id:
            return
        await cursors.advance(tx, reader=READER, to={stream: row.message_id})
    try:
        await bot.pin_chat_message(chat_id, row.message_id, disable_notification=True)
    except AiogramError as error:
        log.info("overview.not_pinned", chat_id=chat_id, error=str(error))


def pinned_by(bot_id: int) -> str:
    """Begin the names of the cursors that keep what a bot has pinned, by chat: another one has pinned nothing."""
    return f"pinned:{bot_id}:"


async def _lines(tx: Connection, chat_id: int) -> list[_Line]:
    """Read the projects of a forum's sessions, and the builds that have made none yet.

    Indexes: sessions (front, external_key); runs_of_project, runs_of_session, deployments_of_project.
    """
    async with tx.cursor(row_factory=class_row(_Line)) as cursor:
        await cursor.execute(
            """
            SELECT true AS is_project, projects.name, projects.service, external_key, deployed.url, work.title AS run,
                   COALESCE(work.status = 'waiting' AND work.resume_at IS NULL, false) AS waits
              FROM sessions
              JOIN projects ON projects.session_id = sessions.id AND removed_at IS NULL
              LEFT JOIN LATERAL (
                    SELECT title, status, resume_at FROM runs
                     WHERE project_id = projects.id AND ended_at IS NULL ORDER BY number DESC LIMIT 1
                   ) AS work ON true
              LEFT JOIN LATERAL (
                    SELECT url FROM deployments
                     WHERE project_id = projects.id AND status = 'succeeded' ORDER BY ended_at DESC LIMIT 1
                   ) AS deployed ON true
             WHERE front = %(front)s AND starts_with(external_key, %(chat)s || ':')
             UNION ALL
            SELECT false, NULLIF(input ->> 'name', ''), 'none', external_key, NULL, title,
                   runs.status = 'waiting' AND resume_at IS NULL
              FROM sessions
              JOIN runs ON runs.session_id = sessions.id AND project_id IS NULL AND ended_at IS NULL
             WHERE front = %(front)s AND starts_with(external_key, %(chat)s || ':')
             ORDER BY name NULLS LAST, run LIMIT %(most)s
            """,
            {"front": FRONT, "chat": str(chat_id), "most": _MOST_SHOWN},
        )
        return await cursor.fetchall()


def _content(chat_id: int, lines: Sequence[_Line], username: str) -> Words:
    entries = [_entry(chat_id, line, username) for line in lines] or [Text(texts.OVERVIEW_EMPTY)]
    [first, *_] = split(piece_of(as_list(Bold(texts.OVERVIEW), *entries)))
    return Words(text=first.text, entities=first.entities, silent=True)


def _entry(chat_id: int, line: _Line, username: str) -> Text:
    """Say one project in a line, whose name leads to its topic; without one, to its status in private."""
    thread_id = Place.parse(line.external_key).thread_id
    link = topic_link(chat_id, thread_id) if thread_id else None
    if link is None and line.is_project and line.name:
        link = project_link(username, line.name)
    name = isolated(cut(one_line(line.name or ""), _LONGEST_NAME)) or texts.NEW_PROJECT
    return Text(TextLink(name, url=link) if link else Bold(name), " — ", _state(line))


def _state(line: _Line) -> Text | str:
    if line.run is not None:
        title = settled(one_line(line.run))
        return texts.waits(title) if line.waits else texts.at_work(title)
    match line.service:
        case "none":
            return texts.NOT_DEPLOYED
        case "stopped":
            return texts.SERVICE_STOPPED
        case "running":
            return Text(texts.LIVE, " · ", line.url) if line.url else texts.LIVE


def _key(chat_id: int) -> str:
    return f"overview:{chat_id}"
