"""Addresses within Telegram: a start link that shows a project, and a forum's topic."""

from __future__ import annotations

import re

from graph.conversation.replies import Reply, Table

_START = re.compile(r"/start(?:@\w+)?\s+(?P<payload>[A-Za-z0-9_-]{1,64})")
"""What a client sends when somebody follows a link (https://core.telegram.org/bots/features#deep-linking)."""

_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PROJECT = "project-"
_SUPERGROUP = "-100"
"""What the Bot API puts before the id that addresses carry."""


def project_link(username: str, project: str) -> str | None:
    """Return the address that opens a chat with the bot and shows a project.

    Args:
        username: The bot's, without `@`.
        project: The project's name.

    Returns:
        Nothing when the name has no place in such an address.
    """
    payload = f"{_PROJECT}{project}"
    return f"https://t.me/{username}?start={payload}" if _PAYLOAD.fullmatch(payload) else None


def leading_to_projects(reply: Reply, username: str) -> Reply:
    """Return a reply whose tables of projects lead to each one's status, in the reader's own chat with the bot."""
    return reply.model_copy(
        update={
            "blocks": [
                block.model_copy(update={"links": [project_link(username, row[0]) for row in block.rows]})
                if isinstance(block, Table) and block.of_projects
                else block
                for block in reply.blocks
            ]
        }
    )


def project_asked(text: str) -> str | None:
    """Return the project that `/start project-<name>` asks for, or nothing when it is something else."""
    match = _START.fullmatch(text.strip())
    if match is None or not match["payload"].startswith(_PROJECT):
        return None
    return match["payload"].removeprefix(_PROJECT) or None


def start_asked(text: str) -> str | None:
    """Return what `/start <payload>` carries: anybody's link can say it, so that nothing may come of it unasked."""
    match = _START.fullmatch(text.strip())
    return match["payload"] if match else None


def topic_link(chat_id: int, thread_id: int) -> str | None:
    """Return the address of a forum's topic, for its members; nothing for a chat that has none."""
    chat = str(chat_id)
    if not chat.startswith(_SUPERGROUP):
        return None
    return f"https://t.me/c/{chat.removeprefix(_SUPERGROUP)}/{thread_id}"
