"""How servers and services are doing, told: when it changes, and to whoever asks."""

from __future__ import annotations

from collections.abc import Sequence

from graph.conversation.replies import Block, Code, CommandChoice, Kind, Reply, ReplyChoice, Text
from graph.conversation.texts.words import clock, duration, since
from shared.ledger.health import SERVER, Aspect, Health, Service, State

LINES_TOLD = 15
_MOST_TOLD = 2000
"""Characters of a log that are told, from the end."""

_OF_A_SERVER = {
    Aspect.MANAGER: "what runs the services does not answer",
    Aspect.DISK: "its disk is nearly full",
    Aspect.MEMORY: "its memory is nearly used up",
    Aspect.LOAD: "its processors have too much to do",
}
_WELL_AGAIN = {
    Aspect.MANAGER: "what runs the services answers again",
    Aspect.DISK: "its disk has room again",
    Aspect.MEMORY: "its memory has room again",
    Aspect.LOAD: "its processors keep up again",
}
_ADVICE = {
    Aspect.MANAGER: "Services that run go on, and nothing can be deployed. See `telewright doctor`.",
    Aspect.DISK: "Make room on it: without any, nothing can be built or stored.",
    Aspect.MEMORY: "Stop what is not needed, or give the machine more.",
    Aspect.LOAD: "Stop what is not needed, or give the machine more.",
}


def service_changed(service: Service, health: Health, *, log: str = "") -> Reply:
    """Return what is told of a service whose health has changed.

    Args:
        service: The service.
        health: How it is, and not yet told; what was told before is in it as well.
        log: The last lines that it wrote, without secrets.
    """
    name = service.name
    match health.state, health.aspect:
        case State.DOWN, _:
            return _down(service, health, log)
        case State.DEGRADED, _:
            return _notice(f"{name} should be looked after: {health.finding}.")
        case _, Aspect.CERTIFICATE:
            return _notice(f"The certificate of {name} is good again.")
        case _:
            return _notice(f"{name} is up again. It was down for {_lasted(health)}.")


def server_changed(server: str, health: Health) -> Reply:
    """Return what is told of a server whose health has changed."""
    if health.is_well:
        return _notice(f"The server {server}: {_WELL_AGAIN[health.aspect]}, after {_lasted(health)}.")
    return _notice(f"{_unwell(server, health)}. {_ADVICE[health.aspect]}")


def label(health: Health) -> str:
    """Return what stands before how something is."""
    return "certificate" if health.aspect is Aspect.CERTIFICATE else "health"


def known_of(health: Health) -> str:
    """Return how something is, since when, and what is wrong with it if anything is."""
    if health.state is None or health.since is None:
        return "not known yet"
    told = f"{health.state} since {clock(health.since)} ({since(health.since)})"
    if health.is_well:
        return told
    return f"{told}: {health.finding}" if health.finding else told


def unwell(servers: Sequence[Health]) -> list[Block]:
    """Return what is wrong with the servers, for whoever asks."""
    return [
        Text(text=f"{_unwell(one.subject.removeprefix(SERVER), one)}, since {clock(one.since)}.")
        for one in servers
        if one.since is not None and not one.is_well
    ]


def _down(service: Service, health: Health, log: str) -> Reply:
    name, began = service.name, health.since
    assert began is not None  # noqa: S101 - it has a state
    blocks: list[Block] = [
        Text(text=f"{name} is down, since {clock(began)} ({since(began)}): {health.finding}.")
    ]
    if log.strip():
        text = log.rstrip("\n")
        text = text if len(text) <= _MOST_TOLD else f"…{text[-_MOST_TOLD:]}"
        blocks.append(Code(text=text, title="What it wrote last:"))
    choices: list[ReplyChoice] = [CommandChoice(label="Restart", command=f"/restart {name}")]
    if service.releases > 1:
        choices.append(CommandChoice(label="Roll back", command=f"/rollback {name}"))
    return Reply(blocks=blocks, choices=choices, kind=Kind.NOTICE)


def _notice(text: str) -> Reply:
    return Reply(blocks=[Text(text=text)], kind=Kind.NOTICE)


def _unwell(server: str, health: Health) -> str:
    told = f"The server {server}: {_OF_A_SERVER[health.aspect]}"
    return f"{told} ({health.finding})" if health.finding else told


def _lasted(health: Health) -> str:
    """Return how long it was what was told before."""
    assert health.since is not None  # noqa: S101 - it has a state
    return duration((health.since - (health.told_since or health.since)).total_seconds())
