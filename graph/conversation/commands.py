"""The commands there are: the one list that help, completion, a front's menu and the reference come from."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from graph.conversation import asking, deciding, looking, working
from graph.conversation.about_session import session
from graph.conversation.calls import Call, parse
from graph.conversation.details import details
from graph.conversation.exchange import Exchange
from graph.conversation.locks import locks
from graph.conversation.people import people
from graph.conversation.replies import Block, CommandChoice, Facts, Reply, Text, facts
from graph.conversation.texts.words import listed
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
    observes: Literal["service", "logs", "question"] | None = None
    """What is read from a server before the answer's transaction begins."""
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
            raise NotAllowed(f"Only an owner may use /{self.name}.")


async def _help(exchange: Exchange, call: Call) -> Reply:
    if call.words:
        return _help_for(find(call.words[0].removeprefix("/")))
    blocks: list[Block] = [
        Text(text="Describe a service, and I plan, build, test and deploy it, and ask before what matters."),
        _overview(exchange.user.role),
        Text(text="Or say it in a sentence: “Create a web service called hello”, “What is running?”"),
    ]
    return Reply(blocks=blocks)


COMMANDS: tuple[Command, ...] = (
    Command(
        name="new",
        arguments="<blueprint> <name> [description]",
        summary="Build a new project and put it live; asks before it does",
        role=Role.OPERATOR,
        handler=working.new,
        example="/new web-service hello",
    ),
    Command(
        name="projects",
        arguments="",
        summary="List the projects",
        role=Role.VIEWER,
        handler=looking.projects_there_are,
        looks=True,
    ),
    Command(
        name="status",
        arguments="[project]",
        summary="Say what is being done, since when, and what waits for whom",
        role=Role.VIEWER,
        handler=looking.status,
        example="/status hello",
        observes="service",
        looks=True,
    ),
    Command(
        name="runs",
        arguments="",
        summary="List the newest runs of this conversation",
        role=Role.VIEWER,
        handler=looking.run_list,
        looks=True,
    ),
    Command(
        name="approvals",
        arguments="",
        summary="List what waits for somebody's answer",
        role=Role.VIEWER,
        handler=looking.approvals_there_are,
        looks=True,
    ),
    Command(
        name="details",
        arguments="[run]",
        summary="Show in full what a run asks: its plan, the changes, the tests' output",
        role=Role.VIEWER,
        handler=details,
        example="/details 7",
        looks=True,
    ),
    Command(
        name="approve",
        arguments="[run]",
        summary="Approve what a run asks",
        role=Role.VIEWER,
        handler=deciding.approve,
        example="/approve 7",
    ),
    Command(
        name="reject",
        arguments="[run] [comment]",
        summary="Send back what a run proposes, with what should be different",
        role=Role.VIEWER,
        handler=deciding.reject,
        example="/reject 7 name: hello-again",
    ),
    Command(
        name="answer",
        arguments="[run] <text>",
        summary="Answer a run's question in your own words",
        role=Role.VIEWER,
        handler=deciding.answer,
        example="/answer 7 hello-again",
    ),
    Command(
        name="deploy",
        arguments="[project] [release]",
        summary="Put a project's newest code, or one of its releases, live",
        role=Role.OPERATOR,
        handler=working.deploy,
        example="/deploy hello",
    ),
    Command(
        name="rollback",
        arguments="[project] [release]",
        summary="Put an earlier release live again",
        role=Role.OPERATOR,
        handler=working.rollback,
        example="/rollback hello 2",
    ),
    Command(
        name="releases",
        arguments="[project]",
        summary="List a project's releases",
        role=Role.VIEWER,
        handler=looking.releases_there_are,
        example="/releases hello",
        looks=True,
    ),
    Command(
        name="logs",
        arguments="[project] [lines|follow|stop]",
        summary="Show the last lines a service wrote; follow shows them as they come",
        role=Role.VIEWER,
        handler=looking.logs,
        example="/logs hello follow",
        observes="logs",
        looks=True,
    ),
    Command(
        name="ask",
        arguments="[project] <question>",
        summary="Find where something stands in the projects' code",
        role=Role.VIEWER,
        handler=asking.ask,
        example="/ask hello where are requests handled",
        observes="question",
        looks=True,
    ),
    Command(
        name="index",
        arguments="[project] [retry]",
        summary="Say how far the projects' code is indexed; retry what went wrong",
        role=Role.VIEWER,
        handler=asking.index,
        example="/index hello",
        # A retry asks by itself for the role that it needs.
        looks=True,
    ),
    Command(
        name="stop",
        arguments="[project]",
        summary="Stop a project's service; its releases and data stay",
        role=Role.OPERATOR,
        handler=working.stop,
        example="/stop hello",
    ),
    Command(
        name="start",
        arguments="[project]",
        summary="Start a project's service again",
        role=Role.OPERATOR,
        handler=working.start,
        example="/start hello",
    ),
    Command(
        name="restart",
        arguments="[project]",
        summary="Stop a project's service and start it again",
        role=Role.OPERATOR,
        handler=working.restart,
        example="/restart hello",
    ),
    Command(
        name="remove",
        arguments="[project]",
        summary="Remove a project's service with its data; asks first",
        role=Role.OPERATOR,
        handler=working.remove,
        example="/remove hello",
    ),
    Command(
        name="cancel",
        arguments="[run]",
        summary="Cancel a run",
        role=Role.OPERATOR,
        handler=working.cancel,
        example="/cancel 7",
    ),
    Command(
        name="whoami",
        arguments="",
        summary="Say who you are here, and what you may do",
        role=Role.VIEWER,
        handler=looking.who_am_i,
        looks=True,
    ),
    Command(
        name="session",
        arguments="[reset]",
        summary="Show this conversation; reset begins it anew, and what is at work goes on",
        role=Role.VIEWER,
        handler=session,
        # A reset forgets by itself what was asked for.
        looks=True,
        changing_words=frozenset({"reset"}),
    ),
    Command(
        name="users",
        arguments="[add|role|remove] [id] [role] [name]",
        summary="List who is let in; let people and groups in, change their roles, let them go",
        role=Role.OWNER,
        handler=people,
        example="/users add 42 operator Petra",
    ),
    Command(
        name="locks",
        arguments="",
        summary="List who holds which lock since when, and how the periodic jobs went",
        role=Role.OWNER,
        handler=locks,
        looks=True,
    ),
    Command(
        name="help",
        arguments="[command]",
        summary="Say what can be said",
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
    advice = f"Did you mean {listed([f'/{one}' for one in near], 'or')}?" if near else None
    raise UnknownCommand(f"There is no command /{name[:40]}.", advice=advice)


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
    needs = "" if command.role is Role.VIEWER else f" It needs the role {command.role} or higher."
    reply = Reply.saying(f"{command.usage}\n{command.summary}.{needs}")
    if not command.example:
        return reply
    choice = CommandChoice(label=command.example, command=command.example)
    return Reply.saying(f"{reply.plain}\nFor example: {command.example}").model_copy(
        update={"choices": [choice] if command.looks else []}
    )
