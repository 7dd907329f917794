"""What is seen of servers and services, each look bounded in time and in what it reads."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from urllib.parse import urlsplit

from graph.conversation.observing import ServiceReader, service_of
from graph.conversation.texts.words import sized
from graph.orchestrator.probe import Probe
from infrastructure.certificates import BadCertificate, NoCertificate, expires_at
from infrastructure.contract import DeployContract
from infrastructure.deploy.deployer import ServiceState, ServiceStatus
from infrastructure.machine import Vitals
from shared.ledger.health import Aspect, Health, Service

HTTPS_PORT: Final = 443


@dataclass(frozen=True, slots=True)
class Limit:
    """When something is too much, and when it is no longer: with a gap, so that it does not waver."""

    alarm: float
    clear: float

    def is_passed(self, value: float, *, was_passed: bool) -> bool:
        """Whether a value is too much, after it was or was not."""
        return value >= (self.clear if was_passed else self.alarm)


DISK: Final = Limit(alarm=0.90, clear=0.85)
MEMORY: Final = Limit(alarm=0.95, clear=0.90)
LOAD: Final = Limit(alarm=4.0, clear=2.0)
EXPIRY_DAYS: Final = Limit(alarm=-14, clear=-21)
"""Days since a certificate has expired: less than two weeks before is too late to wait any longer."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of one thing."""

    aspect: Aspect
    finding: str
    """What is wrong; empty for nothing."""
    processes_since: datetime | None = None


class Machine(Protocol):
    """The machine whose services are looked at; `LocalMachine` is the one that this runs on."""

    async def has_server(self) -> bool:
        """Whether there is a server here at all: of several machines with a scheduler, not each has one."""

    async def manager_answers(self) -> bool:
        """Whether what runs the services answers."""

    async def vitals(self) -> Vitals:
        """Return what is used of it."""


async def of_machine(machine: Machine, unwell: Collection[Aspect]) -> list[Sight]:
    """Look at the machine.

    Args:
        machine: Which.
        unwell: What is wrong with it as far as is known: it is well again a good deal later.
    """
    seen = await machine.vitals()
    return [
        Sight(Aspect.MANAGER, "" if await machine.manager_answers() else "supervisord is silent"),
        _measured(
            Aspect.DISK, DISK, seen.disk, unwell, f"{seen.disk:.0%} used, {sized(seen.disk_free)} left"
        ),
        _measured(Aspect.MEMORY, MEMORY, seen.memory, unwell, f"{seen.memory:.0%} used"),
        _measured(Aspect.LOAD, LOAD, seen.load, unwell, f"{seen.load:.1f} processes want each of them"),
    ]


async def of_service(
    reader: ServiceReader, probe: Probe, service: Service, known: Health
) -> tuple[Sight, ServiceStatus | None]:
    """Look at a service: at its processes, and at what it answers.

    Args:
        reader: Knows the processes.
        probe: Asks the service.
        service: Which, with the health check of its contract.
        known: What is known of it, with the age of its processes.

    Returns:
        What was seen, and what the server says of it.
    """
    observation = await service_of(reader, service.name)
    status = observation.status
    if status is None:
        reason = observation.error.message if observation.error else "nothing is known"
        return Sight(Aspect.SERVICE, f"its server cannot be asked: {reason.rstrip('.')}"), None
    finding = _of_processes(status, known)
    if status.state is ServiceState.RUNNING and status.url is not None:
        path = DeployContract.model_validate(service.contract).health.path
        fault = await probe.fault(f"{status.url.rstrip('/')}{path}")
        finding = f"asked for {path}, {fault}" if fault else finding
    return Sight(Aspect.SERVICE, finding, status.processes_since), status


async def of_certificate(url: str, *, was_short: bool) -> Sight:
    """Look at the certificate of an address that has one.

    Args:
        url: An address that begins with https.
        was_short: Whether it was known not to hold for long.
    """
    place = urlsplit(url)
    try:
        until = await expires_at(place.hostname or "", place.port or HTTPS_PORT)
    except BadCertificate as error:
        return Sight(Aspect.CERTIFICATE, error.message)
    except NoCertificate as error:
        # That it does not answer is the health check's to say: what is known of the certificate stays.
        return Sight(Aspect.CERTIFICATE, error.message if was_short else "")
    overdue = (datetime.now(UTC) - until) / timedelta(days=1)
    short = EXPIRY_DAYS.is_passed(overdue, was_passed=was_short)
    return Sight(Aspect.CERTIFICATE, f"its certificate expires on {until:%Y-%m-%d}" if short else "")


def _measured(aspect: Aspect, limit: Limit, value: float, unwell: Collection[Aspect], told: str) -> Sight:
    return Sight(aspect, told if limit.is_passed(value, was_passed=aspect in unwell) else "")


def _of_processes(status: ServiceStatus, known: Health) -> str:
    match status.state:
        case ServiceState.ABSENT:
            return "it is not on its server"
        case ServiceState.STOPPED:
            return "its server has stopped it"
        case ServiceState.FAILED:
            return "not all of its processes run"
        case ServiceState.RUNNING:
            before, began = known.processes_since, status.processes_since
            again = before is not None and began is not None and before < began
            return "one of its processes has ended, and was started again" if again else ""
