"""What a person says: a text, or a button pressed."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, SkipValidation

from graph.conversation.plain import PlainText
from shared.ids import ApprovalId, SessionId
from shared.ledger.users import User

LONGEST_TEXT = 16 * 1024
"""Bytes of UTF-8 that a text may have."""

_SHOWN = 200
"""Characters that are kept of a text that is refused."""


class Decision(BaseModel):
    """A button of a question."""

    model_config = ConfigDict(frozen=True)

    approval_id: ApprovalId
    choice: str | None = None
    text: PlainText | None = None
    """A comment with the choice, or the free text that was asked for."""


class Attachment(BaseModel):
    """A file that came with a message; `graph.conversation.attachments` keeps its content."""

    model_config = ConfigDict(frozen=True)

    name: PlainText
    """Harmless: a single part of a path."""
    media_type: PlainText = ""
    """What its sender says that it is."""
    size: int
    """Bytes."""
    sha256: str


class Message(BaseModel):
    """One thing a person said in a session: a text, or a decision."""

    model_config = ConfigDict(frozen=True)

    front: str
    external_id: PlainText
    """What the front numbers it by, unique in the front; the same one again changes nothing."""
    session_id: SessionId
    user: SkipValidation[User]
    text: PlainText = ""
    decision: Decision | None = None
    about_run: int | None = None
    """The number of the run that it speaks to, as a reply to one of its messages does."""
    about_approval: ApprovalId | None = None
    """The question that it speaks to, as a reply to its message or to a prompt for a comment on it does."""
    answers_prompt: bool = False
    """Whether it replies to the very message that asked for the comment."""
    in_company: bool = False
    """Whether it was said where people talk to one another as well, and not to us by name."""
    attachments: tuple[Attachment, ...] = ()
    """The files that came with it, kept already."""

    @property
    def too_long(self) -> bool:
        """Whether a text in it is over the limit."""
        texts = (self.text, self.decision.text if self.decision else None)
        return any(len(text.encode()) > LONGEST_TEXT for text in texts if text)

    def payload(self) -> dict[str, Any]:
        """Return what the inbox and the person's turn keep of it: the beginning, when it is too long."""
        kept = self.shortened() if self.too_long else self
        shown = {
            "text",
            "decision",
            "about_run",
            "about_approval",
            *(["attachments"] if self.attachments else []),
        }
        return kept.model_dump(mode="json", include=shown, exclude_none=True)

    def shortened(self) -> Message:
        """Return the message with the beginnings of its texts."""
        decision = self.decision
        if decision is not None and decision.text:
            decision = decision.model_copy(update={"text": _beginning(decision.text)})
        return self.model_copy(update={"text": _beginning(self.text), "decision": decision})


def _beginning(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
