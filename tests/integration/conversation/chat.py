"""People who talk, a server that is talked about, and runs that ask."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from graph.conversation import Attachment, Conversation, Decision, Message, Reply
from graph.conversation.replies import DecisionChoice
from infrastructure.deploy.deployer import NotDeployed, ServiceState, ServiceStatus
from shared.database import Database
from shared.ids import ApprovalId, SessionId, UserId
from shared.ledger import approvals, claims, events, projects, runs, users
from shared.ledger.approvals import Approval
from shared.ledger.claims import Claim, Ending, Pause
from shared.ledger.projects import Project
from shared.ledger.questions import Asked, Choice, Question, digest_of
from shared.ledger.runs import Run, Status
from shared.ledger.users import Role, User
from shared.live import Live

APPROVE = Choice(key="approve", label="Approve")
REJECT = Choice(key="reject", label="Change it", asks_comment=True)
CANCEL = Choice(key="cancel", label="Cancel")


@dataclass
class Server:
    """A server that says what it is told to: the edge of the conversation."""

    log: dict[str, str] = field(default_factory=dict)
    state: dict[str, ServiceStatus] = field(default_factory=dict)

    async def status(self, project: str) -> ServiceStatus:
        return self.state.get(project, ServiceStatus(state=ServiceState.ABSENT))

    async def logs(self, project: str, lines: int = 50) -> str:
        if project not in self.log:
            raise NotDeployed(f"{project} is not on the server.")
        return "\n".join(self.log[project].splitlines()[-lines:])


@dataclass
class Person:
    """Somebody in a session."""

    conversation: Conversation
    session_id: SessionId
    user: User
    in_company: bool = False
    """Whether others are there, with whom this person talks as well."""

    async def say(self, text: str, *, number: str | None = None) -> Reply:
        return await self.send(text=text, number=number)

    async def reply(self, run: Run, text: str) -> Reply:
        """Say something as a reply to a message of a run's."""
        return await self.send(text=text, about_run=run.number)

    async def answer(self, run: Run, approval: Approval, text: str, *, prompt: bool = False) -> Reply:
        """Say something as a reply to a question of a run's, or to the prompt for a comment on it."""
        return await self.send(
            text=text, about_run=run.number, about_approval=approval.id, answers_prompt=prompt
        )

    async def press(self, choice: DecisionChoice | Decision, *, text: str | None = None) -> Reply:
        if isinstance(choice, DecisionChoice):
            choice = Decision(approval_id=choice.approval_id, choice=choice.key, text=text)
        return await self.send(decision=choice)

    async def send(
        self,
        *,
        text: str = "",
        decision: Decision | None = None,
        number: str | None = None,
        about_run: int | None = None,
        about_approval: ApprovalId | None = None,
        answers_prompt: bool = False,
        attachments: tuple[Attachment, ...] = (),
    ) -> Reply:
        message = Message(
            front="test",
            external_id=number or uuid.uuid4().hex,
            session_id=self.session_id,
            user=self.user,
            text=text,
            decision=decision,
            about_run=about_run,
            about_approval=about_approval,
            answers_prompt=answers_prompt,
            in_company=self.in_company,
            attachments=attachments,
        )
        [reply] = await self.conversation.receive(message)
        return reply


@dataclass
class Chat:
    """A chat that people come into, and the runs that it starts."""

    database: Database
    live: Live
    conversation: Conversation

    async def person(self, role: Role = Role.OWNER, *, name: str | None = None, chat: str = "chat") -> Person:
        name = name or str(role)
        user = User(id=UserId(f"test:{name}"), name=name.title(), role=role)
        async with self.database.transaction() as tx:
            await users.ensure(tx, user.id, name=user.name, role=user.role)
        session = await self.conversation.open(front="test", external_key=chat, user=user)
        return Person(self.conversation, session.id, user)

    async def project(self, name: str, person: Person) -> Project:
        async with self.database.transaction() as tx:
            return await projects.create(
                tx,
                name=name,
                blueprint="web-service",
                description="",
                owner_id=person.user.id,
                session_id=person.session_id,
            )

    async def runs(self, person: Person) -> list[Run]:
        async with self.database.connection() as connection:
            return await runs.of_session(connection, person.session_id)

    async def newest_run(self, person: Person) -> Run:
        return (await self.runs(person))[0]

    async def try_claim(self, run: Run, *, worker: str = "w1") -> Claim | None:
        async with self.database.transaction() as tx:
            return await claims.claim(tx, run.id, worker=worker)

    async def claim(self, run: Run, *, worker: str = "w1") -> Claim:
        claim = await self.try_claim(run, worker=worker)
        assert claim is not None
        return claim

    async def emit(self, claim: Claim, type_: str, data: dict[str, object] | None = None) -> None:
        async with self.database.transaction() as tx:
            return await events.append(tx, claim.run.id, type_, data)

    async def ask(self, run: Run, *questions: Question) -> list[Approval]:
        """Let the run be taken up and put these questions."""
        claim = await self.claim(run)
        asked = [Asked(uuid.uuid4().hex, f"task{n}", one) for n, one in enumerate(questions)]
        async with self.database.transaction() as tx:
            await claims.let_go_waiting(tx, await claims.lock_held(tx, claim), asked)
            return await approvals.of_run(tx, run.id)

    async def finish(self, run: Run, ending: Ending | None = None) -> None:
        claim = await self.claim(run)
        async with self.database.transaction() as tx:
            await claims.let_go_ended(
                tx, await claims.lock_held(tx, claim), ending or Ending(Status.SUCCEEDED)
            )

    async def pause(self, run: Run, pause: Pause) -> None:
        claim = await self.claim(run)
        async with self.database.transaction() as tx:
            await claims.let_go_paused(tx, await claims.lock_held(tx, claim), pause)

    async def approval(self, approval: Approval) -> Approval:
        async with self.database.connection() as connection:
            return await approvals.get(connection, approval.id)

    async def count(self, table: str) -> int:
        async with self.database.connection() as connection:
            row = await (await connection.execute(f"SELECT count(*) FROM {table}")).fetchone()
        assert row is not None
        return int(row[0])


def plan_question(title: str = "Build hello?", **more: object) -> Question:
    given = {
        "kind": "plan",
        "title": title,
        "facts": [("Project", "hello")],
        "choices": [APPROVE, REJECT],
        "digest": digest_of({"title": title}),
    }
    return Question.model_validate(given | more)


def text_question(title: str = "What shall it be called?", **more: object) -> Question:
    return plan_question(title, kind="question", choices=[CANCEL], wants_text=True, facts=[], **more)
