"""What is answered: blocks of plain content that every front renders in its own way."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from itertools import zip_longest
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from graph.conversation.plain import PlainText
from graph.conversation.texts.questions import WAY_OUT
from shared.ids import ApprovalId, UserId


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Text(_Frozen):
    """A paragraph of plain text; markup in it is content, never markup."""

    type: Literal["text"] = "text"
    text: PlainText


class Code(_Frozen):
    """Lines as a program wrote them, to be shown in a fixed width."""

    type: Literal["code"] = "code"
    text: PlainText
    title: PlainText = ""


class Fact(_Frozen):
    """A label and its value."""

    label: PlainText
    value: PlainText


class Facts(_Frozen):
    """Labels with values, in an order."""

    type: Literal["facts"] = "facts"
    facts: list[Fact]


class Table(_Frozen):
    """Rows under a header; every row is as long as the header."""

    type: Literal["table"] = "table"
    columns: list[PlainText]
    rows: list[list[PlainText]]
    of_projects: bool = False
    """Whether each row begins with a project's name: a front may let it lead to the project."""
    links: list[PlainText | None] = []
    """The addresses to which the rows' first cells lead; none for a row, or all of them, that lead nowhere."""


class Link(_Frozen):
    """An address to open."""

    type: Literal["link"] = "link"
    url: PlainText
    label: PlainText = ""


class File(_Frozen):
    """A text that is better kept than read in a chat."""

    type: Literal["file"] = "file"
    name: PlainText
    content: PlainText


Block: TypeAlias = Annotated[Text | Code | Facts | Table | Link | File, Field(discriminator="type")]


class DecisionChoice(_Frozen):
    """A button that answers a question."""

    type: Literal["decision"] = "decision"
    label: PlainText
    approval_id: ApprovalId
    key: str
    asks_comment: bool = False
    """Whether a comment belongs to it; sent without one, the conversation asks for it."""


class CommandChoice(_Frozen):
    """A button that says a command."""

    type: Literal["command"] = "command"
    label: PlainText
    command: PlainText


ReplyChoice: TypeAlias = Annotated[DecisionChoice | CommandChoice, Field(discriminator="type")]


class Kind(StrEnum):
    """What becomes of a reply on a screen."""

    ANSWER = "answer"
    """To what a person has just said; it stays."""
    PROGRESS = "progress"
    """Where a run is now; the next one of the run may take its place."""
    REMARK = "remark"
    """Said in passing of a run; a front that shows a run in one place shows it there."""
    NOTICE = "notice"
    """Something worth keeping that happened to a run."""
    QUESTION = "question"
    """A run waits for a person; see its choices."""
    RESULT = "result"
    """A run has ended."""


class Awaited(_Frozen):
    """The comment that the next text of a person is."""

    approval_id: ApprovalId
    key: str
    user_id: UserId
    way_out: PlainText = WAY_OUT
    """What to write instead of it, to leave everything as it is."""


class Followed(_Frozen):
    """A log that is followed from an answer on: `Conversation.follower` shows it as it grows."""

    number: int
    """Of the message that asked for it, in the inbox."""
    project: PlainText


class Reply(_Frozen):
    """One message to a person."""

    blocks: list[Block]
    choices: list[ReplyChoice] = []
    kind: Kind = Kind.ANSWER
    run_number: int | None = None
    """The run it speaks of: what a progress message is edited by."""
    approval_id: ApprovalId | None = None
    """The question it puts, reminds of (a notice with choices), or tells the end of: then its buttons may go."""
    question: PlainText = ""
    """The title of the question that it tells the end of, for where that does not stand right above: see `in_full`."""
    awaited: Awaited | None = None
    """The comment that is asked for; a front may put its prompt for it."""
    followed: Followed | None = None
    """The log that is shown from here on as it grows."""
    ended: int | None = None
    """The number of the `Followed` whose end it tells: it takes the place of what was shown so far."""
    error: str | None = None
    """The stable code of the error that it tells of."""
    cancelled: bool = False
    """Whether it tells of the end of a run that was cancelled: neither a success nor an error."""

    @classmethod
    def saying(cls, text: str, *more: Block) -> Reply:
        """Return an answer of one paragraph, and whatever else."""
        return cls(blocks=[Text(text=text), *more])

    @property
    def asks_comment(self) -> bool:
        """Whether it asks for a comment itself, rather than stand between the asking and the comment.

        How the comment is given depends on the place, so that each front says it: see `Awaited.way_out`.
        """
        return self.awaited is not None and self.approval_id == self.awaited.approval_id

    @property
    def in_full(self) -> Reply:
        """The reply for a place where the question that it tells the end of is not to be seen with it."""
        match self.blocks:
            case [Text(text=text), *more] if self.question:
                return self.model_copy(update={"blocks": [Text(text=f"{self.question} {text}"), *more]})
            case _:
                return self

    @property
    def plain(self) -> str:
        """The reply as lines of plain text: for logs, tests and fronts that can do no more."""
        return "\n".join(line for block in self.blocks for line in _lines(block))


def facts(pairs: Iterable[tuple[str, str]]) -> Facts:
    """Return labels and values as a block, in their order."""
    return Facts(facts=[Fact(label=label, value=value) for label, value in pairs])


def _lines(block: Block) -> list[str]:
    match block:
        case Text(text=text):
            return [text]
        case Code(title=title, text=text):
            return [title, text] if title else [text]
        case Facts(facts=pairs):
            return [f"{pair.label}: {pair.value}" for pair in pairs]
        case Table(columns=columns, rows=rows, links=links):
            led = [[*row, link] if link else row for row, link in zip_longest(rows, links[: len(rows)])]
            return ["  ".join(row) for row in [columns, *led]]
        case Link(url=url, label=label):
            return [f"{label}: {url}" if label else url]
        case File(name=name, content=content):
            return [name, content]
