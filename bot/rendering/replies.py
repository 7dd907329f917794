"""A reply as the messages that should stand in a chat."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from aiogram.utils.formatting import Italic, as_list
from aiogram.utils.formatting import Text as Node

from bot import texts
from bot.outgoing import Button, Document, Outgoing, Words
from bot.rendering.addressee import Addressee, mention, saying_how
from bot.rendering.blocks import body, plain, shows
from bot.rendering.keyboards import MOST_BUTTONS, keyboard
from bot.rendering.rich import rich_message
from bot.rendering.splitting import ENTITIES_LIMIT, Piece, piece_of, split
from bot.rendering.text import cut, one_line, units, visible
from graph.conversation.replies import File, Kind, Reply

_MOST_MESSAGES = 3
"""Messages that a reply may become; more of it is a file."""

_SHORTENED = 1500
"""UTF-16 code units of the beginning that is shown beside a file: a phone's screen or two."""

_KEPT = 64
"""Replies that are kept as they were rendered: many are said again and again, to everybody."""

_KEPT_LENGTH = 16 * 1024
"""Characters of a reply as JSON; longer ones are not kept."""

_FILE_NAME = 60
_NOT_IN_A_NAME = re.compile(r'[/\\:*?"<>|]+')
_SILENT = frozenset({Kind.PROGRESS, Kind.REMARK, Kind.NOTICE})


def render(reply: Reply, *, to: Addressee | None = None) -> list[Outgoing]:
    """Return a reply as messages within Telegram's limits, in the order in which they are sent.

    What asks for something stands last, with the buttons, where the eye is;
    else files follow the words. Only the first message of a reply is heard,
    and none of what nobody waits for.

    Args:
        reply: What is said.
        to: Whom it answers, in a group: the first message replies to theirs, and a prompt names them,
            since Telegram asks only who is replied to or named.
    """
    said = _Said(reply.model_dump_json(), reply)
    return [*(_rendered_before(said, to) if len(said.json) <= _KEPT_LENGTH else _rendered(reply, to))]


@dataclass(frozen=True, slots=True)
class _Said:
    """A reply that is told from others by what it says."""

    json: str
    reply: Reply = field(compare=False)


@lru_cache(_KEPT)
def _rendered_before(said: _Said, to: Addressee | None) -> Sequence[Outgoing]:
    return _rendered(said.reply, to)


def _rendered(reply: Reply, to: Addressee | None) -> Sequence[Outgoing]:
    buttons = keyboard(reply)
    prompt = _prompt(reply, buttons)
    asked = to if prompt is not None else None
    if prompt is not None:
        reply = saying_how(reply, in_group=to is not None)
    files, words = _files_and_words(reply, asked, has_buttons=bool(buttons))
    if words:
        words[-1] = words[-1].model_copy(update={"buttons": buttons, "prompt": prompt})
    elif buttons:
        files[-1] = files[-1].model_copy(update={"buttons": buttons})
    asks = bool(words) and bool(words[-1].buttons or words[-1].prompt)
    messages: list[Outgoing] = [*files, *words] if asks else [*words, *files]
    if to is not None:
        messages[0] = messages[0].model_copy(update={"reply_to": to.message_id})
    return _heard(reply, messages)


def _files_and_words(
    reply: Reply, asked: Addressee | None, *, has_buttons: bool
) -> tuple[list[Document], list[Words]]:
    told = _told(reply)
    piece = piece_of(told if asked is None else Node(mention(asked), ", ", told))
    files = [_document(block.name, block.content) for block in reply.blocks if isinstance(block, File)]
    files = [file for file in files if file.content]
    pieces = split(piece)
    if len(pieces) > _MOST_MESSAGES:
        whole = plain(block for block in reply.blocks if not isinstance(block, File))
        return [_document(_name_of(reply), whole), *files], [_words(_beginning(piece))]
    if not pieces and (has_buttons or not files):
        pieces = [Piece(texts.NOTHING_TO_SHOW)]
    words = [_words(one) for one in pieces]
    if len(words) == 1 and asked is None:
        # The rich form has no place for who is asked.
        words = [words[0].model_copy(update={"rich": rich_message(reply)})]
    return files, words


def _told(reply: Reply) -> Node:
    """Return what a reply says, with what has no place among its files and buttons."""
    remarks = [
        texts.empty_file(_file_name(block.name))
        for block in reply.blocks
        if isinstance(block, File) and not block.content
    ]
    if (left_out := len(reply.choices) - MOST_BUTTONS) > 0:
        remarks.append(texts.choices_left_out(left_out))
    told = body(reply)
    parts = [*([told] if shows(told) else []), *(Italic(remark) for remark in remarks)]
    return as_list(*parts, sep="\n\n") if parts else Node()


def _words(piece: Piece) -> Words:
    return Words(text=piece.text, entities=piece.entities)


def _beginning(piece: Piece) -> Piece:
    """Return the first lines of a long text, and say where the rest is."""
    note = piece_of(Italic(texts.WHOLE_TEXT_IN_FILE))
    first = split(piece, _SHORTENED, ENTITIES_LIMIT - len(note.entities))[0]
    gap = " …\n\n"
    offset = units(first.text + gap)
    moved = [entity.model_copy(update={"offset": entity.offset + offset}) for entity in note.entities]
    return Piece(f"{first.text}{gap}{note.text}", [*first.entities, *moved])


def _document(name: str, content: str) -> Document:
    return Document(name=_file_name(name), content=content)


def _file_name(name: str) -> str:
    """Return a name that every system takes."""
    safe = _NOT_IN_A_NAME.sub("-", one_line(name)).strip(". ")
    stem, dot, ending = safe.rpartition(".")
    if dot and len(ending) <= 8 and visible(stem):
        return f"{cut(stem, _FILE_NAME)}.{ending}"
    return cut(safe, _FILE_NAME) if visible(safe) else "text.txt"


def _name_of(reply: Reply) -> str:
    return "message.txt" if reply.run_number is None else f"run-{reply.run_number}.txt"


def _prompt(reply: Reply, buttons: Sequence[Sequence[Button]]) -> str | None:
    """Return the placeholder of the comment that this very reply asks for; a message has that or buttons."""
    return texts.COMMENT_PLACEHOLDER if reply.asks_comment and not buttons else None


def _heard(reply: Reply, messages: Sequence[Outgoing]) -> list[Outgoing]:
    quiet = reply.kind in _SILENT
    return [
        message.model_copy(update={"silent": quiet or place > 0}) for place, message in enumerate(messages)
    ]
