"""How servers and services are doing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.ledger.health import Aspect

# -- Services ---------------------------------------------------------------------------------------

HEALTH: Final = "health"
CERTIFICATE: Final = "certificate"
"""What stands before how something is."""

NOT_KNOWN: Final = "not known yet"
WROTE_LAST: Final = "What it wrote last:"
RESTART_BUTTON: Final = "Restart"
ROLL_BACK_BUTTON: Final = "Roll back"


def degraded(service: str, finding: str) -> str:
    """Say that a service should be looked after."""
    return f"{service} should be looked after: {finding}."


def certificate_good(service: str) -> str:
    """Say that a certificate is good again."""
    return f"The certificate of {service} is good again."


def down(service: str, clock: str, how_long: str, finding: str) -> str:
    """Say that a service is down."""
    return f"{service} is down, since {clock} ({how_long}): {finding}."


def up(service: str, how_long: str) -> str:
    """Say that a service is up again."""
    return f"{service} is up again. It was down for {how_long}."


def state(state: str, clock: str, how_long: str, finding: str) -> str:
    """Say how something is, since when, and what was found if that is worth saying."""
    told = f"{state} since {clock} ({how_long})"
    return f"{told}: {finding}" if finding else told


# -- Servers ----------------------------------------------------------------------------------------

_UNWELL: Final[Mapping[Aspect, str]] = {
    Aspect.MANAGER: "The server {server}: what runs the services does not answer",
    Aspect.DISK: "The server {server}: its disk is nearly full",
    Aspect.MEMORY: "The server {server}: its memory is nearly used up",
    Aspect.LOAD: "The server {server}: its processors have too much to do",
}
_WELL_AGAIN: Final[Mapping[Aspect, str]] = {
    Aspect.MANAGER: "The server {server}: what runs the services answers again, after {how_long}.",
    Aspect.DISK: "The server {server}: its disk has room again, after {how_long}.",
    Aspect.MEMORY: "The server {server}: its memory has room again, after {how_long}.",
    Aspect.LOAD: "The server {server}: its processors keep up again, after {how_long}.",
}
_ADVICE: Final[Mapping[Aspect, str]] = {
    Aspect.MANAGER: "Services that run go on, and nothing can be deployed. See `telewright doctor`.",
    Aspect.DISK: "Make room on it: without any, nothing can be built or stored.",
    Aspect.MEMORY: "Stop what is not needed, or give the machine more.",
    Aspect.LOAD: "Stop what is not needed, or give the machine more.",
}


def server_well_again(server: str, aspect: Aspect, how_long: str) -> str:
    """Say that something of a server is well again."""
    return _WELL_AGAIN[aspect].format(server=server, how_long=how_long)


def server_unwell(server: str, aspect: Aspect, finding: str) -> str:
    """Say what is wrong with a server, now that it is found, and what can be done."""
    return f"{_what_is_wrong(server, aspect, finding)}. {_ADVICE[aspect]}"


def server_unwell_since(server: str, aspect: Aspect, finding: str, clock: str) -> str:
    """Say what is wrong with a server, to whoever asks."""
    return f"{_what_is_wrong(server, aspect, finding)}, since {clock}."


def _what_is_wrong(server: str, aspect: Aspect, finding: str) -> str:
    what = _UNWELL[aspect].format(server=server)
    return f"{what} ({finding})" if finding else what
