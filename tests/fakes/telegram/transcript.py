"""A conversation printed as a person would read it, and stable enough to be kept as a file.

Messages stand where they were sent and in their last form, marked when they were edited. A message
whose button was pressed stands there as it was when it was pressed; its later form follows the press.
Neither how often a message was edited nor when is told, since both vary from run to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.fakes.telegram import rich
from tests.fakes.telegram.errors import Json
from tests.fakes.telegram.records import Chat, Draft, Entry, Query, Record
from tests.fakes.telegram.world import World

Normalise = Callable[[str], str]
INDENT = "    "


def print_chat(world: World, chat: Chat, topic: int | None, *, edits: bool, ids: bool) -> str:
    """Print a chat, or one topic of it.

    Args:
        world: Where it happened.
        chat: The chat.
        topic: Only this topic; none for everything, each topic named.
        edits: Print every form a message had.
        ids: Print message ids.
    """
    return _Printer(world, chat, topic, edits, ids).run()


class _Printer:
    def __init__(self, world: World, chat: Chat, topic: int | None, edits: bool, ids: bool) -> None:
        self.world, self.chat, self.topic, self.edits, self.ids = world, chat, topic, edits, ids
        entries = [e for e in chat.log if topic is None or e.topic == topic]
        self.entries = entries
        self.presses = [world.queries[str(e.ref)] for e in entries if e.kind == "press"]
        self.first_press = {q.message_id: q for q in reversed(self.presses)}
        self.last_press = {q.message_id: q for q in self.presses}

    def run(self) -> str:
        lines = [self._heading(), ""]
        for entry in self.entries:
            lines.extend(self._entry(entry))
        return "\n".join(line.rstrip() for line in lines) + "\n"

    def _heading(self) -> str:
        if self.topic is not None:
            return f"=== {self.chat.title}, {self.chat.topics[self.topic].name} ==="
        return f"=== {self.chat.title} ==="

    def _entry(self, entry: Entry) -> Iterable[str]:
        where = self._where(entry)
        if entry.kind == "note":
            return [f"{where}— {entry.ref}"]
        if entry.kind == "press":
            return self._press(where, self.world.queries[str(entry.ref)])
        if entry.kind == "draft":
            return self._draft(where, self.chat.drafts[entry.topic, int(entry.ref)])
        return self._message(where, self.chat.messages[int(entry.ref)])

    def _where(self, entry: Entry) -> str:
        if self.topic is not None or entry.topic is None:
            return ""
        return f"[{self.chat.topics[entry.topic].name}] " if entry.topic in self.chat.topics else ""

    def _message(self, where: str, record: Record) -> Iterable[str]:
        if (service := _service(record.payload)) is not None:
            return [f"{where}— {self._name(record.sender_id)} {service}"]
        versions = record.versions
        if self.edits:
            shown = [(number, version, "edited" if number else "") for number, version in enumerate(versions)]
        elif pressed := self.first_press.get(record.id):
            shown = [(pressed.version, versions[pressed.version], "edited" if pressed.version else "")]
        else:
            last = len(versions) - 1
            changed = _without_buttons(versions[last]) != _without_buttons(versions[0])
            shown = [(last, versions[last], "edited" if changed else "")]
        lines: list[str] = []
        for _, version, mark in shown:
            lines.extend(self._form(where, record, version, mark))
        return lines

    def _form(self, where: str, record: Record, version: Json, mark: str) -> list[str]:
        marks = [mark] if mark else []
        if record.deleted:
            marks.append("deleted")
        if "forward_origin" in record.payload:
            marks.append(f"forwarded from {record.payload['forward_origin']['sender_user']['first_name']}")
        if record.reply_to is not None:
            marks.append(f"in reply to {self._quote(record)}")
        if self.ids:
            marks.append(f"#{record.id}")
        head = f"{where}{self._name(record.sender_id)}{''.join(f' ({mark})' for mark in marks)}: "
        words = _words(record.payload | version if "photo" in record.payload else version, record.payload)
        lines = [head + words[0], *(INDENT + line for line in words[1:])]
        lines.extend(INDENT + row for row in _keyboard(version, record))
        return lines

    def _press(self, where: str, query: Query) -> list[str]:
        lines = [f"{where}{self._name(query.user_id)} presses [{query.label}]"]
        for answer in query.answers[:1]:
            if answer["text"]:
                kind = "alert" if answer["show_alert"] else "notice"
                lines.append(f"{INDENT}({kind} to {self._name(query.user_id)}: {answer['text']})")
        record = self.chat.messages[query.message_id]
        if self.last_press[query.message_id] is query and not self.edits:
            last = record.versions[-1]
            if last != record.versions[self.first_press[query.message_id].version]:
                lines.extend(self._form(where, record, last, "edited"))
        return lines

    def _draft(self, where: str, draft: Draft) -> list[str]:
        stopped = ", stopped" if draft.stopped else ""
        words = (draft.texts[-1] if draft.texts else "").split("\n")
        head = f"{where}{self.world.me['first_name']} (draft{stopped}): {words[0] or 'Thinking…'}"
        return [head, *(INDENT + line for line in words[1:])]

    def _name(self, user_id: int) -> str:
        person = self.world.me if user_id == self.world.me["id"] else self.world.users[user_id]
        return str(person["first_name"])

    def _quote(self, record: Record) -> str:
        replied = self.chat.messages[record.reply_to or 0]
        if quote := record.payload.get("quote"):
            text = quote["text"]
        else:
            text = _words(replied.versions[0], replied.payload)[0]
        short = text if len(text) <= 40 else text[:39] + "…"
        return f"“{short}”"


def _words(version: Json, payload: Json) -> list[str]:
    if "rich_message" in version:
        return rich.plain_text(version["rich_message"]).split("\n")
    caption = str(version.get("caption", payload.get("caption", "") if "photo" in payload else "")).split(
        "\n"
    )
    attached = _attachment(payload)
    if attached is None:
        return str(version.get("text", "")).split("\n")
    return [attached, *(line for line in caption if caption != [""])]


def _attachment(payload: Json) -> str | None:
    if document := payload.get("document"):
        return f"<{document['file_name']}, {_size(document['file_size'])}>"
    if photo := payload.get("photo"):
        return f"<photo, {_size(photo[-1]['file_size'])}>"
    if voice := payload.get("voice"):
        return f"<voice message, {voice['duration']} s>"
    return None


def _size(count: int) -> str:
    return f"{count} B" if count < 1024 else f"{count / 1024:.1f} KiB"


def _keyboard(version: Json, record: Record) -> list[str]:
    rows = version.get("reply_markup", {}).get("inline_keyboard", [])
    lines = [" ".join(f"[{b['text']}{' ↗' if 'url' in b else ''}]" for b in row) for row in rows]
    if record.markup and record.markup.get("force_reply"):
        placeholder = record.markup.get("input_field_placeholder")
        lines.append(f"(asks for a reply{f': {placeholder}' if placeholder else ''})")
    if record.markup and (keys := record.markup.get("keyboard")):
        lines.extend(
            " ".join(f"⌨{key['text'] if isinstance(key, dict) else key}" for key in row) for row in keys
        )
    return lines


def _without_buttons(version: Json) -> Json:
    return {name: value for name, value in version.items() if name != "reply_markup"}


def _service(payload: Json) -> str | None:
    if created := payload.get("forum_topic_created"):
        return f"opened the topic “{created['name']}”"
    if edited := payload.get("forum_topic_edited"):
        return f"renamed the topic to “{edited['name']}”" if "name" in edited else "changed the topic's icon"
    plain = {
        "forum_topic_closed": "closed the topic",
        "forum_topic_reopened": "reopened the topic",
        "pinned_message": "pinned a message",
        "migrate_to_chat_id": "turned the group into a supergroup",
        "migrate_from_chat_id": "made this supergroup of a group",
    }
    return next((text for name, text in plain.items() if name in payload), None)
