"""What stands at the moment: which runs are under way, and what is asked of the person."""

from __future__ import annotations

from graph.conversation.replies import Awaited, Kind, Reply, ReplyChoice
from shared.ids import ApprovalId

MOST_DIGITS = 4
"""No offer has that many choices."""


class Standing:
    """Follows the replies: what is under way, and which choices are open."""

    def __init__(self) -> None:
        self._progress: dict[int | None, Reply] = {}
        self._questions: dict[ApprovalId | None, Reply] = {}
        self._passing: Reply | None = None
        self.awaited: Awaited | None = None
        """The comment that the next text is taken for."""

    def take(self, reply: Reply) -> None:
        """Note what a reply changes."""
        if reply.kind is Kind.ANSWER or (reply.kind is Kind.REMARK and reply.approval_id is not None):
            self.awaited = reply.awaited
        match reply.kind:
            case Kind.PROGRESS:
                self._progress[reply.run_number] = reply
            case Kind.QUESTION:
                self._ask(reply)
            case Kind.NOTICE if reply.choices:
                self._remind(reply)
            case Kind.RESULT:
                self._end(reply.run_number)
            case Kind.ANSWER | Kind.REMARK | Kind.NOTICE:
                self._close(reply)

    def said(self) -> None:
        """Note that the person has said something: what an answer offered is over."""
        self._passing = None
        self.awaited = None

    @property
    def progress(self) -> list[Reply]:
        """Where each run is that is under way."""
        return list(self._progress.values())

    def is_asked(self, approval_id: ApprovalId) -> bool:
        """Whether this question has been put to the person, and is open."""
        return approval_id in self._questions

    @property
    def asks(self) -> bool:
        """Whether a run waits for the person."""
        return bool(self._questions)

    @property
    def offer(self) -> Reply | None:
        """The reply whose choices can be picked.

        An answer's, or that of what happened meanwhile, until the person says something; else those of the newest
        question that is still open.
        """
        if self.awaited is not None:
            return None
        return self._passing or next(reversed(self._questions.values()), None)

    def _ask(self, reply: Reply) -> None:
        self._progress.pop(reply.run_number, None)
        self._questions.pop(reply.approval_id, None)
        self._questions[reply.approval_id] = reply
        self._passing = None

    def _remind(self, reply: Reply) -> None:
        """Offer what is shown last: its choices are the question's, or what can be done about a service."""
        if reply.approval_id is None:
            self._passing = reply
        elif self._questions.pop(reply.approval_id, None) is not None:
            self._questions[reply.approval_id] = reply

    def _end(self, run_number: int | None) -> None:
        self._progress.pop(run_number, None)
        self._questions = {
            key: question for key, question in self._questions.items() if question.run_number != run_number
        }

    def _close(self, reply: Reply) -> None:
        if reply.approval_id is not None and not reply.asks_comment:
            self._questions.pop(reply.approval_id, None)
        if reply.kind is Kind.ANSWER and reply.choices:
            self._passing = reply


def picked(offer: Reply | None, text: str) -> ReplyChoice | None:
    """Return the choice of an offer whose number a text is, counted from 1."""
    text = text.strip()
    if offer is None or not (text.isascii() and text.isdigit() and len(text) < MOST_DIGITS):
        return None
    number = int(text)
    return offer.choices[number - 1] if 1 <= number <= len(offer.choices) else None
