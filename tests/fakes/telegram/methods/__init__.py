"""The Bot API's methods, one module a topic; importing them fills the table."""

from __future__ import annotations

from tests.fakes.telegram.methods import (
    about,
    chats,
    drafts,
    editing,
    files,
    menu,
    polling,
    queries,
    sending,
    topics,
)
from tests.fakes.telegram.methods.table import METHODS, Method

__all__ = [
    "METHODS",
    "Method",
    "about",
    "chats",
    "drafts",
    "editing",
    "files",
    "menu",
    "polling",
    "queries",
    "sending",
    "topics",
]
