"""What a person says: a text, or a button pressed."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, SkipValidation

from shared.ids import ApprovalId, SessionId
from shared.ledger.users import User

LONGEST_TEXT = 16 * 1024
"""Bytes of UTF-8 that a text may have."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL's JSON refuses: NUL, and halves of UTF-16 pairs."""


def storable(text: object) -> object:
    """Replace the characters that PostgreSQL refuses by U+FFFD; everything else is plain data."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text) if isinstance(text, str) else text


PlainText = Annotated[str, BeforeValidator(storable)]


class Decision(BaseModel):
    """A button of a question."""

    model_config = ConfigDict(frozen=True)

    approval_id: ApprovalId
    choice: str | None = None
    text: PlainText | None = None
    """A comment with the choice, or the free text that was asked for."""


class Message(BaseModel):
    """One thing a person said in a session: a text, or a decision."""

    model_config = ConfigDict(frozen=True)

    front: str
    external_id: str
    """What the front numbers it by, unique in the front; the same one again changes nothing."""
    session_id: SessionId
    user: SkipValidation[User]
    text: PlainText = ""
    decision: Decision | None = None

    @property
    def too_long(self) -> bool:
        """Whether the text is over the limit."""
        return len(self.text.encode()) > LONGEST_TEXT

    def payload(self) -> dict[str, Any]:
        """Return what the inbox and the person's turn keep of it."""
        text = self.text[: LONGEST_TEXT // 16] + "…" if self.too_long else self.text
        if self.decision is None:
            return {"text": text}
        return {"text": text, "decision": self.decision.model_dump(mode="json")}
