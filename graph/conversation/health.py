"""How servers and services are doing, told: when it changes, and to whoever asks."""

from __future__ import annotations

from collections.abc import Sequence

from graph.conversation import texts
from graph.conversation.replies import Block, Code, CommandChoice, Kind, Reply, ReplyChoice, Text
from graph.conversation.texts.words import clock, duration, since
from shared.ledger.health import SERVER, Aspect, Health, Service, State

LINES_TOLD = 15
_MOST_TOLD = 2000
"""Characters of a log that are told, from the end."""


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
            return _notice(texts.health.degraded(name, health.finding))
        case _, Aspect.CERTIFICATE:
            return _notice(texts.health.certificate_good(name))
        case _:
            return _notice(texts.health.up(name, _lasted(health)))


def server_changed(server: str, health: Health) -> Reply:
    """Return what is told of a server whose health has changed."""
    if health.is_well:
        return _notice(texts.health.server_well_again(server, health.aspect, _lasted(health)))
    return _notice(texts.health.server_unwell(server, health.aspect, health.finding))


def label(health: Health) -> str:
    """Return what stands before how something is."""
    return texts.health.CERTIFICATE if health.aspect is Aspect.CERTIFICATE else texts.health.HEALTH


def known_of(health: Health) -> str:
    """Return how something is, since when, and what is wrong with it if anything is."""
    if health.state is None or health.since is None:
        return texts.health.NOT_KNOWN
    finding = "" if health.is_well else health.finding
    return texts.health.state(health.state, clock(health.since), since(health.since), finding)


def unwell(servers: Sequence[Health]) -> list[Block]:
    """Return what is wrong with the servers, for whoever asks."""
    return [
        Text(
            text=texts.health.server_unwell_since(
                one.subject.removeprefix(SERVER), one.aspect, one.finding, clock(one.since)
            )
        )
        for one in servers
        if one.since is not None and not one.is_well
    ]


def _down(service: Service, health: Health, log: str) -> Reply:
    name, began = service.name, health.since
    assert began is not None  # noqa: S101 - it has a state
    blocks: list[Block] = [Text(text=texts.health.down(name, clock(began), since(began), health.finding))]
    if log.strip():
        text = log.rstrip("\n")
        text = text if len(text) <= _MOST_TOLD else f"…{text[-_MOST_TOLD:]}"
        blocks.append(Code(text=text, title=texts.health.WROTE_LAST))
    choices: list[ReplyChoice] = [
        CommandChoice(label=texts.health.RESTART_BUTTON, command=f"/restart {name}")
    ]
    if service.releases > 1:
        choices.append(CommandChoice(label=texts.health.ROLL_BACK_BUTTON, command=f"/rollback {name}"))
    return Reply(blocks=blocks, choices=choices, kind=Kind.NOTICE)


def _notice(text: str) -> Reply:
    return Reply(blocks=[Text(text=text)], kind=Kind.NOTICE)


def _lasted(health: Health) -> str:
    """Return how long it was what was told before."""
    assert health.since is not None  # noqa: S101 - it has a state
    return duration((health.since - (health.told_since or health.since)).total_seconds())
