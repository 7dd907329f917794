"""The commands' descriptions, as help, completion, a front's menu and the reference show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from graph.conversation.texts.words import either

# -- Help -------------------------------------------------------------------------------------------

WHAT_I_DO: Final = "Describe a service, and I plan, build, test and deploy it, and ask before what matters."
IN_A_SENTENCE: Final = "Or say it in a sentence: “Create a web service called hello”, “What is running?”"


def described(usage: str, summary: str) -> str:
    """Say how a command is written, and what it does."""
    return f"{usage}\n{summary}."


def needs_role(role: str) -> str:
    """Say who may use a command."""
    return f"It needs the role {role} or higher."


def for_example(example: str) -> str:
    """Show a command as it may be written."""
    return f"For example: {example}"


# -- What cannot be done ----------------------------------------------------------------------------


def only_owner(command: str) -> str:
    """Say that somebody's role is too low."""
    return f"Only an owner may use /{command}."


def unknown(command: str) -> str:
    """Say that there is no such command."""
    return f"There is no command /{command}."


def did_you_mean(commands: Sequence[str]) -> str:
    """Name the commands that are nearest to what was written."""
    return f"Did you mean {either([f'/{command}' for command in commands])}?"


# -- What each command does, in a line without a full stop ------------------------------------------

NEW: Final = "Build a new project and put it live; asks before it does"
PROJECTS: Final = "List the projects"
STATUS: Final = "Say what is being done, since when, and what waits for whom"
RUNS: Final = "List the newest runs of this conversation"
APPROVALS: Final = "List what waits for somebody's answer"
DETAILS: Final = "Show in full what a run asks: its plan, the changes, the tests' output"
APPROVE: Final = "Approve what a run asks"
REJECT: Final = "Send back what a run proposes, with what should be different"
ANSWER: Final = "Answer a run's question in your own words"
DEPLOY: Final = "Put a project's newest code, or one of its releases, live"
ROLLBACK: Final = "Put an earlier release live again"
RELEASES: Final = "List a project's releases"
ISSUES: Final = "List the open issues of a project on GitHub, the newest first"
LOGS: Final = "Show the last lines a service wrote; follow shows them as they come"
ASK: Final = "Find where something stands in the projects' code"
INDEX: Final = "Say how far the projects' code is indexed; retry what went wrong"
STOP: Final = "Stop a project's service; its releases and data stay"
START: Final = "Start a project's service again"
RESTART: Final = "Stop a project's service and start it again"
REMOVE: Final = "Remove a project's service with its data; asks first"
CANCEL: Final = "Cancel a run"
WHOAMI: Final = "Say who you are here, and what you may do"
SESSION: Final = "Show this conversation; reset begins it anew, and what is at work goes on"
USERS: Final = "List who is let in; let people and groups in, change their roles, let them go"
LOCKS: Final = "List who holds which lock since when, and how the periodic jobs went"
HELP: Final = "Say what can be said"
