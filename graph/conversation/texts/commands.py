"""The commands' descriptions, as help, completion, a front's menu and the reference show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SUMMARIES: Final[Mapping[str, str]] = {
    "new": "Build a new project and put it live; asks before it does",
    "projects": "List the projects",
    "status": "Say what is being done, since when, and what waits for whom",
    "runs": "List the newest runs of this conversation",
    "approvals": "List what waits for somebody's answer",
    "details": "Show in full what a run asks: its plan, the changes, the tests' output",
    "approve": "Approve what a run asks",
    "reject": "Send back what a run proposes, with what should be different",
    "answer": "Answer a run's question in your own words",
    "deploy": "Put a project's newest code, or one of its releases, live",
    "rollback": "Put an earlier release live again",
    "releases": "List a project's releases",
    "logs": "Show the last lines a service wrote; follow shows them as they come",
    "ask": "Find where something stands in the projects' code",
    "index": "Say how far the projects' code is indexed; retry what went wrong",
    "stop": "Stop a project's service; its releases and data stay",
    "start": "Start a project's service again",
    "restart": "Stop a project's service and start it again",
    "remove": "Remove a project's service with its data; asks first",
    "cancel": "Cancel a run",
    "whoami": "Say who you are here, and what you may do",
    "session": "Show this conversation; reset begins it anew, and what is at work goes on",
    "users": "List who is let in; let people and groups in, change their roles, let them go",
    "locks": "List who holds which lock since when, and how the periodic jobs went",
    "help": "Say what can be said",
}
"""What each command does, in a line without a full stop."""
