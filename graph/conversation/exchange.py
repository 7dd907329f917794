"""What a command's handler gets: the message, whose it is, and the transaction of its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from graph.conversation.following import Patience
from graph.conversation.messages import Message
from graph.conversation.observing import IssueReader, Observation, ServiceReader
from graph.conversation.replies import Awaited
from infrastructure.blueprints import Blueprint
from infrastructure.search import Embedder
from shared.database import Connection
from shared.ids import SessionId, UserId
from shared.ledger.runs import Run
from shared.ledger.sessions import Session
from shared.ledger.users import User


class BlueprintCatalogue(Protocol):
    """Says which blueprints there are: `infrastructure.blueprints.catalogue`."""

    def __call__(self) -> list[Blueprint]:
        """Return them by name."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a conversation looks things up in; nothing here changes anything."""

    catalogue: BlueprintCatalogue
    reader: ServiceReader
    issues: IssueReader | None = None
    """Reads the issues of projects' repositories, where GitHub is set up."""
    model: str | None = None
    """The configured `provider:model`, if any."""
    embedder: Embedder | None = None
    """Makes vectors of questions, if an embeddings model is configured."""
    dashboard: str | None = None
    """The address of a dashboard that shows projects, if there is one."""
    patience: Patience = field(default_factory=Patience)
    """How long a log is followed, and how closely."""
    fixed_users: frozenset[UserId] = frozenset()
    """Whom a command cannot remove, since the settings let them in: people, and groups as `telegram:-100…`."""


@dataclass(slots=True)
class Exchange:
    """One message and the transaction in which it is answered."""

    tx: Connection
    message: Message
    session: Session
    inbox_id: int
    trace_id: str
    services: Services
    observation: Observation | None = None
    """What was seen of a service or a repository before the transaction began, where the message asks for it."""
    about: Run | None = None
    """The run that the message speaks to, if it replies to one."""
    awaited: Awaited | None = None
    """The comment that this person was asked for, and has not given yet."""
    prompted: Awaited | None = None
    """The comment whose prompt the message replies to, whatever was asked for since."""
    outlived: Awaited | None = None
    """The comment that was asked for and is of no use any more: its question is over."""
    to_wake: set[SessionId] = field(default_factory=set)
    """The sessions whose readers are told to look, once all is stored."""

    @property
    def may_be_for_others(self) -> bool:
        """Whether people talk there, and this neither names us nor replies to a run: it answers nothing then."""
        return self.message.in_company and self.about is None and self.prompted is None

    @property
    def user(self) -> User:
        """Who speaks."""
        return self.message.user
