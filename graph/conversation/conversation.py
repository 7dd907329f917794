"""The conversation itself: a message in, its answers out, all of it stored in one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from graph.conversation import awaiting, commands, questions, small_talk, working
from graph.conversation.answering import about, answer, only_looks
from graph.conversation.calls import Call, parse
from graph.conversation.choosing import Chosen, choose
from graph.conversation.exchange import Exchange, Services
from graph.conversation.following import LAST_LINES, Follower, say_left_behind
from graph.conversation.issues import hosted
from graph.conversation.items import FeedItem, answer_item
from graph.conversation.looking import LogVerb, lines_asked, log_asked
from graph.conversation.messages import LONGEST_TEXT, Message
from graph.conversation.observing import Observation, issues_of, logs_of, meaning_of, service_of
from graph.conversation.replies import Awaited, Followed, Reply
from graph.conversation.sentences import Interpreter, Meaning, Sentences
from graph.orchestrator.work import Build
from shared import tracing
from shared.database import Connection, Database
from shared.errors import BadInput, Conflict, NotAllowed, NotFound
from shared.ids import SessionId
from shared.ledger import attachments, followings, inbox, sessions, users
from shared.ledger.followings import Following
from shared.ledger.inbox import Receipt
from shared.ledger.sessions import Session
from shared.ledger.users import Role, User
from shared.live import Live

Tell = Callable[[Connection, Session, FeedItem], Awaitable[bool]]
"""Shows an answer in the transaction that gives it, and returns whether it has: for a front that keeps what it
says in the same database."""


class NoSuchSession(NotFound):
    """There is no such conversation."""

    code = "no_such_session"
    advice = "Open it first."


class Stranger(NotAllowed):
    """Nobody has let you in."""

    code = "stranger"


class MessageNumberTaken(Conflict):
    """Somebody else has sent another message under this number."""

    code = "message_number_taken"
    advice = "Number each message anew, and send it again."


class Conversation:
    """What a person may say, and what is answered: the same for every front."""

    def __init__(
        self, database: Database, live: Live, services: Services, *, interpreter: Interpreter | None = None
    ) -> None:
        """Put it together.

        Args:
            database: Where everything is kept.
            live: Wakes those who follow the sessions that a message changes.
            services: What answers are looked up in.
            interpreter: Finds out what a sentence means; left out, the one that needs no model.
        """
        self._database = database
        self._live = live
        self._services = services
        self._interpreter = interpreter or Sentences([one.name for one in services.catalogue()])

    async def open(self, *, front: str, external_key: str, user: User) -> Session:
        """Open the session of a chat, or return the one that is open; a new one begins with a greeting.

        Raises:
            Stranger: The person was let go.
        """
        with tracing.bind() as trace_id:
            async with self._database.transaction() as tx:
                known = await users.ensure(tx, user.id, name=user.name, role=user.role)
                if await users.get(tx, known.id) is None:
                    raise Stranger
                session = await sessions.ensure(tx, front=front, external_key=external_key, owner_id=known.id)
                if not await sessions.turns_after(tx, session.id, 0, limit=1):
                    await _say(
                        tx, session.id, small_talk.greeting(known, self._services.model), trace_id=trace_id
                    )
        self._live.wake(session.id)
        return session

    async def receive(self, message: Message, *, tell: Tell | None = None) -> list[Reply]:
        """Answer a message; once this returns, all that it causes is stored.

        The same message again, also at the same time, returns the same answers
        and changes nothing.

        Args:
            message: What is said.
            tell: Called with an answer of which nothing else comes, to show it at once. Where it has,
                readers of every session are not woken for it; left out, all find it by their cursors.

        Raises:
            NoSuchSession: It belongs to no session.
            Stranger: Its sender was never let in.
            MessageNumberTaken: Another sender's message has its number.
        """
        with tracing.bind(session_id=message.session_id) as trace_id:
            meaning = await self._meaning(message)
            observation = await self._observe(message, meaning)
            async with self._database.transaction() as tx:
                stored = await self._store(tx, message, meaning, observation, trace_id, tell)
            for session_id in stored.to_wake:
                self._live.wake(session_id, all_of_them=not stored.told)
        return stored.replies

    async def standing(self, session_id: SessionId) -> list[Reply]:
        """Return the questions that a session's runs wait with: for a front that comes back to it."""
        async with self._database.connection() as connection:
            open_questions = await questions.waiting(connection, session_id=session_id)
        return [questions.put(one.question, one.id, one.run_number) for one in open_questions]

    async def awaited(self, session_id: SessionId, user: User) -> Awaited | None:
        """Return the comment that a person was asked for and has not given: for a front that comes back.

        Raises:
            NoSuchSession: There is no such session.
        """
        async with self._database.connection() as connection:
            awaited = await awaiting.comment_of(connection, await _session(connection, session_id), user)
            return awaited if awaited is not None and await awaiting.is_open(connection, awaited) else None

    def follower(self, session_id: SessionId, followed: Followed) -> Follower:
        """Return what shows a followed log as it grows: for the one process that answers the session's people."""
        return Follower(
            self._database,
            self._live,
            self._services.reader,
            session_id=session_id,
            followed=followed,
            patience=self._services.patience,
        )

    async def followed(self, *, front: str) -> list[Following]:
        """Return every log that a front's sessions follow."""
        async with self._database.connection() as connection:
            return await followings.of_front(connection, front)

    async def end_left_behind(self, *, front: str) -> None:
        """Say the end of every log that a front has followed: for its process that has just begun."""
        await say_left_behind(self._database, self._live, lambda tx: followings.of_front(tx, front))

    async def end_left_behind_in(self, session_id: SessionId) -> None:
        """Say the end of the log that a session has followed: for a front that has just opened it."""

        async def find(tx: Connection) -> list[Following]:
            found = await followings.of_session(tx, session_id)
            return [found] if found else []

        await say_left_behind(self._database, self._live, find)

    async def build_meant(self, session_id: SessionId, user: User, text: str) -> Build | None:
        """Return what a text would build, if it were said in a session now; nothing else comes of asking.

        For fronts that give a new project a place of its own. A text that a comment or
        a free answer is waited for is no wish, and nor is that of somebody who may only look.

        Raises:
            NoSuchSession: There is no such session.
        """
        if user.role is Role.VIEWER or len(text.encode()) > LONGEST_TEXT:
            return None
        call = parse(text)
        if call is not None:
            return working.build_of(call) if call.name == "new" and call.words else None
        meaning = await self._interpreter.meaning(text)
        if not isinstance(meaning, Build):
            return None
        async with self._database.connection() as connection:
            open_questions = await questions.waiting(connection, session_id=session_id)
        awaited = await self.awaited(session_id, user)
        asked = any(one.question.wants_text and one.may_be_decided_by(user) for one in open_questions)
        return None if awaited or asked else meaning

    async def _meaning(self, message: Message) -> Meaning | None:
        """Find out what the text would mean if nothing were asked; a model may take its time here."""
        if message.decision is not None or message.too_long:
            return None
        return parse(message.text) or await self._interpreter.meaning(message.text)

    async def _observe(self, message: Message, meaning: Meaning | None) -> Observation | None:
        """Read from a server or GitHub what the answer needs, before its transaction begins."""
        if not isinstance(meaning, Call):
            return None
        try:
            match commands.find(meaning.name).observes:
                case "logs":
                    words, verb = log_asked(meaning)
                    chosen = await self._choose(message, words)
                    lines = LAST_LINES if verb is LogVerb.STOP else lines_asked(chosen.rest)
                    return await logs_of(self._services.reader, chosen.project.name, lines)
                case "service" if meaning.words or message.about_run is not None:
                    chosen = await self._choose(message, meaning.words)
                    return await service_of(self._services.reader, chosen.project.name)
                case "issues" if self._services.issues is not None:
                    chosen = await self._choose(message, meaning.words)
                    repository = hosted(chosen.project)
                    return await issues_of(self._services.issues, repository) if repository else None
                case "question" if self._services.embedder is not None and meaning.rest.strip():
                    return await meaning_of(self._services.embedder, meaning.rest)
                case _:
                    return None
        except BadInput:
            # The handler finds the same fault, and says it where it is stored.
            return None

    async def _choose(self, message: Message, words: Sequence[str]) -> Chosen:
        async with self._database.connection() as connection:
            return await choose(connection, message.session_id, words, await about(connection, message))

    async def _store(
        self,
        tx: Connection,
        message: Message,
        meaning: Meaning | None,
        observation: Observation | None,
        trace_id: str,
        tell: Tell | None,
    ) -> _Stored:
        session, user, receipt = await _known(tx, message)
        if receipt is None:
            receipt = await inbox.receive(
                tx,
                front=message.front,
                external_id=message.external_id,
                session_id=session.id,
                user_id=user.id,
                payload=message.payload(),
                trace_id=trace_id,
            )
        if not receipt.new and (receipt.session_id, receipt.user_id) != (message.session_id, message.user.id):
            # A number is not used by two: nobody may read another's answers by it.
            raise MessageNumberTaken
        if receipt.handled:
            stored = await sessions.answers_to(tx, receipt.id)
            return _Stored([Reply.model_validate(turn.body) for turn in stored])
        await sessions.say(
            tx,
            session.id,
            author="person",
            user_id=user.id,
            body=message.payload(),
            inbox_id=receipt.id,
            trace_id=receipt.trace_id,
        )
        await _attach(tx, message, receipt.id)
        awaited = await awaiting.comment_of(tx, session, user)
        still_asked = awaited is not None and await awaiting.is_open(tx, awaited)
        exchange = Exchange(
            tx=tx,
            message=message.model_copy(update={"user": user}),
            session=session,
            inbox_id=receipt.id,
            trace_id=receipt.trace_id,
            services=self._services,
            observation=observation,
            awaited=awaited if still_asked else None,
            outlived=None if still_asked else awaited,
            prompted=await awaiting.comment_prompted(tx, session, user, message),
            to_wake={session.id},
        )
        reply = await answer(exchange, meaning)
        seq, at = await _say(tx, session.id, reply, to=user, trace_id=receipt.trace_id, answers=receipt.id)
        told = False
        if tell is not None and only_looks(meaning):
            item = answer_item(session.id, seq, reply, to=user.id, inbox_id=receipt.id, at=at)
            told = await tell(tx, session, item)
        return _Stored([reply], frozenset(exchange.to_wake), told=told)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What has come of a message."""

    replies: list[Reply]
    to_wake: frozenset[SessionId] = frozenset()
    told: bool = False
    """Whether the front has shown the answer already."""


async def _session(tx: Connection, session_id: SessionId) -> Session:
    session = await sessions.get(tx, session_id)
    if session is None:
        raise NoSuchSession
    return session


async def _known(tx: Connection, message: Message) -> tuple[Session, User, Receipt | None]:
    session, user, receipt = await inbox.find(
        tx,
        front=message.front,
        external_id=message.external_id,
        session_id=message.session_id,
        user_id=message.user.id,
    )
    if session is None:
        raise NoSuchSession
    if user is None:
        raise Stranger
    return session, user, receipt


async def _attach(tx: Connection, message: Message, inbox_id: int) -> None:
    for file in message.attachments:
        await attachments.record(
            tx,
            session_id=message.session_id,
            inbox_id=inbox_id,
            name=file.name,
            media_type=file.media_type,
            size=file.size,
            sha256=file.sha256,
        )


async def _say(
    tx: Connection,
    session_id: SessionId,
    reply: Reply,
    *,
    trace_id: str,
    to: User | None = None,
    answers: int | None = None,
) -> tuple[int, datetime]:
    """Say something; the message that it answers is handled with that."""
    return await sessions.say(
        tx,
        session_id,
        author="telewright",
        user_id=to.id if to else None,
        body=reply.model_dump(mode="json"),
        trace_id=trace_id,
        inbox_id=answers,
        handled=answers is not None,
    )
