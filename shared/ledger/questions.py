"""What is asked of people, and what they answer: the values that graphs and fronts exchange."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from shared.ledger.users import Role
from shared.redaction import Redactor


class Choice(BaseModel):
    """One way to answer a question."""

    model_config = ConfigDict(frozen=True)

    key: str
    label: str
    asks_comment: bool = False
    """Whether a front asks for a comment before it sends this choice."""


LONGEST_DETAIL = 60_000
"""Characters of one detail."""
MOST_DETAILS = 6


class Detail(BaseModel):
    """One thing to read before deciding: a plan in full, a diff, what tests printed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(max_length=80)
    text: str = Field("", max_length=LONGEST_DETAIL)

    @classmethod
    def of(cls, name: str, text: str) -> Detail:
        """Return a detail without what looks like a secret, and cut to the length that is kept."""
        shown = Redactor().text(text)
        if len(shown) <= LONGEST_DETAIL:
            return cls(name=name, text=shown)
        more = "\n… cut here: there is more."
        return cls(name=name, text=shown[: LONGEST_DETAIL - len(more)] + more)


class Question(BaseModel):
    """What a graph asks of a person: the value of its `interrupt()`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    """The effect that is approved (`plan`, `deploy`, `remove` …), or `question`."""
    title: str
    """One line: what is asked."""
    facts: list[tuple[str, str]] = []
    """What exactly is approved, as labels with values. A list, since JSONB keeps no order of keys."""
    text: str = ""
    """More to read, plain text."""
    details: list[Detail] = Field([], max_length=MOST_DETAILS)
    """What to read before deciding. Once the question stands, only the names; `details_of` has the texts."""
    choices: list[Choice] = []
    wants_text: bool = False
    """Whether a free text is an answer as well."""
    digest: str
    """Of exactly what would be done; see `digest_of`."""
    allowed_roles: list[Role] = [Role.OWNER, Role.OPERATOR]
    by_someone_else: bool = False
    """Whether it must be decided by somebody other than who asked for the run."""
    expires_in_s: int = Field(default=24 * 3600, gt=0)

    def without_texts(self) -> Question:
        """Return the question as it is shown and carried about: of its details the names."""
        return self.model_copy(update={"details": [Detail(name=one.name) for one in self.details]})


class Answer(BaseModel):
    """What a person decided: what `interrupt()` returns."""

    model_config = ConfigDict(frozen=True)

    choice: str | None = None
    text: str | None = None
    """A comment with the choice, or the free text that was asked for."""
    by: str
    digest: str
    """Of what the person was shown."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as LangGraph hands it over."""

    interrupt_id: str
    task_id: str
    question: Question


def digest_of(subject: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of what is approved, written as canonical JSON.

    Args:
        subject: Plan, commit, release, server, playbook: whatever must not change.
    """
    canonical = json.dumps(subject, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
