"""The commands there are: the one list that help, completion, a front's menu and the reference come from."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from graph.conversation import asking, deciding, looking, texts, working
from graph.conversation.about_session import session
from graph.conversation.calls import Call, parse
from graph.conversation.details import details
from graph.conversation.exchange import Exchange
from graph.conversation.issues import issues
from graph.conversation.locks import locks
from graph.conversation.people import people
from graph.conversation.replies import Block, CommandChoice, Facts, Reply, Text, facts
from graph.conversation.texts.words import paragraph
from shared.errors import NotAllowed, NotFound
from shared.ledger.users import Role, User, may_change_things

Handler: TypeAlias = Callable[[Exchange, Call], Awaitable[Reply]]


class UnknownCommand(NotFound):
    """There is no such command."""

    code = "unknown_command"
    advice = "See /help for what there is."


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a person may say with a slash before it."""

    name: str
    arguments: str
    """What belongs behind it: `<needed> [left out at will]`."""
    summary: str
    """What it does, in a line."""
    role: Role
    """The least role that may use it."""
    handler: Handler
    example: str = ""
    observes: Literal["service", "logs", "issues", "question"] | None = None
    """What is read from elsewhere before the answer's transaction begins."""
    looks: bool = False
    """Whether it changes nothing: then it may stand between a question and its answer."""
    changing_words: frozenset[str] = frozenset()
    """Words that make a command that looks change something."""

    @property
    def usage(self) -> str:
        """The command as it is written: `/logs [project] [lines|follow|stop]`."""
        return f"/{self.name} {self.arguments}".rstrip()

    def is_allowed(self, role: Role) -> bool:
        """Whether a role is high enough."""
        return list(Role).index(role) <= list(Role).index(self.role)

    def check_allowed(self, user: User) -> None:
        """Refuse a person whose role is too low.

        Raises:
            NotAllowed: It is.
        """
        if self.role is not Role.VIEWER:
            may_change_things(user)
        if not self.is_allowed(user.role):
            raise NotAllowed(texts.commands.only_owner(self.name))


async def _help(exchange: Exchange, call: Call) -> Reply:
    if call.words:
        return _help_for(find(call.words[0].removeprefix("/")))
    blocks: list[Block] = [
        Text(text=texts.commands.WHAT_I_DO),
        _overview(exchange.user.role),
        Text(text=texts.commands.IN_A_SENTENCE),
    ]
    return Reply(blocks=blocks)


COMMANDS: tuple[Command, ...] = (
    Command(
        name="new",
        arguments="<blueprint> <name> [description]",
        summary=texts.commands.NEW,
        role=Role.OPERATOR,
        handler=working.new,
        example="/new web-service hello",
    ),
    Command(
        name="projects",
        arguments="",
        summary=texts.commands.PROJECTS,
        role=Role.VIEWER,
        handler=looking.projects_there_are,
        looks=True,
    ),
    Command(
        name="status",
        arguments="[project]",
        summary=texts.commands.STATUS,
        role=Role.VIEWER,
        handler=looking.status,
        example="/status hello",
        observes="service",
        looks=True,
    ),
    Command(
        name="runs",
        arguments="",
        summary=texts.commands.RUNS,
        role=Role.VIEWER,
        handler=looking.run_list,
        looks=True,
    ),
    Command(
        name="approvals",
        arguments="",
        summary=texts.commands.APPROVALS,
        role=Role.VIEWER,
        handler=looking.approvals_there_are,
        looks=True,
    ),
    Command(
        name="details",
        arguments="[run]",
        summary=texts.commands.DETAILS,
        role=Role.VIEWER,
        handler=details,
        example="/details 7",
        looks=True,
    ),
    Command(
        name="approve",
        arguments="[run]",
        summary=texts.commands.APPROVE,
        role=Role.VIEWER,
        handler=deciding.approve,
        example="/approve 7",
    ),
    Command(
        name="reject",
        arguments="[run] [comment]",
        summary=texts.commands.REJECT,
        role=Role.VIEWER,
        handler=deciding.reject,
        example="/reject 7 name: hello-again",
    ),
    Command(
        name="answer",
        arguments="[run] <text>",
        summary=texts.commands.ANSWER,
        role=Role.VIEWER,
        handler=deciding.answer,
        example="/answer 7 hello-again",
    ),
    Command(
        name="deploy",
        arguments="[project] [release]",
        summary=texts.commands.DEPLOY,
        role=Role.OPERATOR,
        handler=working.deploy,
        example="/deploy hello",
    ),
    Command(
        name="rollback",
        arguments="[project] [release]",
        summary=texts.commands.ROLLBACK,
        role=Role.OPERATOR,
        handler=working.rollback,
        example="/rollback hello 2",
    ),
    Command(
        name="releases",
        arguments="[project]",
        summary=texts.commands.RELEASES,
        role=Role.VIEWER,
        handler=looking.releases_there_are,
        example="/releases hello",
        looks=True,
    ),
    Command(
        name="logs",
        arguments="[project] [lines|follow|stop]",
        summary=texts.commands.LOGS,
        role=Role.VIEWER,
        handler=looking.logs,
        example="/logs hello follow",
        observes="logs",
        looks=True,
    ),
    Command(
        name="issues",
        arguments="[project]",
        summary=texts.commands.ISSUES,
        role=Role.VIEWER,
        handler=issues,
        example="/issues hello",
        observes="issues",
        looks=True,
    ),
    Command(
        name="ask",
        arguments="[project] <question>",
        summary=texts.commands.ASK,
        role=Role.VIEWER,
        handler=asking.ask,
        example="/ask hello where are requests handled",
        observes="question",
        looks=True,
    ),
    Command(
        name="index",
        arguments="[project] [retry]",
        summary=texts.commands.INDEX,
        role=Role.VIEWER,
        handler=asking.index,
        example="/index hello",
        # A retry asks by itself for the role that it needs.
        looks=True,
        changing_words=frozenset({"retry"}),
    ),
    Command(
        name="stop",
        arguments="[project]",
        summary=texts.commands.STOP,
        role=Role.OPERATOR,
        handler=working.stop,
        example="/stop hello",
    ),
    Command(
        name="start",
        arguments="[project]",
        summary=texts.commands.START,
        role=Role.OPERATOR,
        handler=working.start,
        example="/start hello",
    ),
    Command(
        name="restart",
        arguments="[project]",
        summary=texts.commands.RESTART,
        role=Role.OPERATOR,
        handler=working.restart,
        example="/restart hello",
    ),
    Command(
        name="remove",
        arguments="[project]",
        summary=texts.commands.REMOVE,
        role=Role.OPERATOR,
        handler=working.remove,
        example="/remove hello",
    ),
    Command(
        name="cancel",
        arguments="[run]",
        summary=texts.commands.CANCEL,
        role=Role.OPERATOR,
        handler=working.cancel,
        example="/cancel 7",
    ),
    Command(
        name="whoami",
        arguments="",
        summary=texts.commands.WHOAMI,
        role=Role.VIEWER,
        handler=looking.who_am_i,
        looks=True,
    ),
    Command(
        name="session",
        arguments="[reset]",
        summary=texts.commands.SESSION,
        role=Role.VIEWER,
        handler=session,
        # A reset forgets by itself what was asked for.
        looks=True,
        changing_words=frozenset({"reset"}),
    ),
    Command(
        name="users",
        arguments="[add|role|remove] [id] [role] [name]",
        summary=texts.commands.USERS,
        role=Role.OWNER,
        handler=people,
        example="/users add 42 operator Petra",
    ),
    Command(
        name="locks",
        arguments="",
        summary=texts.commands.LOCKS,
        role=Role.OWNER,
        handler=locks,
        looks=True,
    ),
    Command(
        name="help",
        arguments="[command]",
        summary=texts.commands.HELP,
        role=Role.VIEWER,
        handler=_help,
        example="/help deploy",
        looks=True,
    ),
)
"""In the order in which help lists them."""

_BY_NAME = {command.name: command for command in COMMANDS}
_NEAREST = 3


def find(name: str) -> Command:
    """Return a command by its name.

    Raises:
        UnknownCommand: There is none; the advice names the nearest ones.
    """
    if command := _BY_NAME.get(name.lower()):
        return command
    near = difflib.get_close_matches(name.lower(), _BY_NAME, n=_NEAREST, cutoff=0.5)
    advice = texts.commands.did_you_mean(near) if near else None
    raise UnknownCommand(texts.commands.unknown(name[:40]), advice=advice)


def changes_something(text: str) -> bool:
    """Whether a command may change something, so that it matters how often it is said."""
    call = parse(text)
    command = _BY_NAME.get(call.name) if call else None
    if call is None or command is None or not command.looks:
        return True
    return not command.changing_words.isdisjoint(word.lower() for word in call.words)


def allowed(user: User) -> list[Command]:
    """Return the commands that a person's role may use."""
    return [one for one in COMMANDS if one.is_allowed(user.role)]


@cache
def _overview(role: Role) -> Facts:
    return facts((command.usage, command.summary) for command in COMMANDS if command.is_allowed(role))


def _help_for(command: Command) -> Reply:
    needs = "" if command.role is Role.VIEWER else texts.commands.needs_role(command.role)
    described = paragraph(texts.commands.described(command.usage, command.summary), needs)
    if not command.example:
        return Reply.saying(described)
    choice = CommandChoice(label=command.example, command=command.example)
    return Reply.saying(f"{described}\n{texts.commands.for_example(command.example)}").model_copy(
        update={"choices": [choice] if command.looks else []}
    )
