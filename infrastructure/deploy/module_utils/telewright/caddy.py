"""Caddy: which instance a project's port leads to.

Each project has a Caddy of its own, which supervisord runs, so that nothing that happens
to one project touches a connection to another.
"""

from __future__ import annotations

import shlex
import shutil
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import supervisor
from .failure import Refused
from .places import ProjectPlace, write_atomically, write_json
from .ports import LOOPBACK, is_free
from .records import Record
from .supervisor import Supervisor

SITE = """\
# {project}: written by Telewright.
{{
	# Nothing is changed while it runs: what changes is read for every request.
	admin off
	persist_config off
	auto_https off
	skip_install_trust
	storage_check off
	storage_clean_interval off
	# Requests that are being answered may finish when Caddy stops.
	grace_period {grace_s}s
	log {{
		output stderr
		level WARN
	}}
}}
{address} {{
	# The second is for us, to see that it is this Caddy that has the port: it is opened last.
	bind {loopback} unix/{socket}|0600
	# No connection stays open between two requests, so that none is closed under one.
	@plain not header Upgrade *
	header @plain Connection close
	# Which instance is asked stands in a file that is read for every request. Loading a new
	# configuration would make Caddy listen anew, and the kernel resets what waits in the old queue.
	vars instance {{file.{upstream}}}
	@stopped vars {{vars.instance}} ""
	respond @stopped "{project} is stopped." 503
	reverse_proxy {{file.{upstream}}} {{
		# The time a process that died has to be started again.
		lb_try_duration 3s
		lb_try_interval 100ms
		transport http {{
			keepalive off
			dial_timeout 2s
		}}
	}}
}}
"""
GRACE_S = 30
ANSWER_S = 2
UP_S = 20
"""The longest until Caddy has the port: it takes a moment, also on a machine that is busy."""
INTERVAL_S = 0.05
RESTARTS = 1000
LOG_BYTES = 1024 * 1024
LIMITS = ("GOMAXPROCS=2", "GOMEMLIMIT=48MiB")
"""What one of many needs. The memory is where Go begins to tidy up more often, not where it ends."""
PROCESSES = "processes.json"
PROCESS = "caddy"


@dataclass(frozen=True)
class Route:
    """What a project's port leads to."""

    port: int
    site: str | None
    """Caddy's configuration; it never changes while the project is there. None: there is no Caddy."""
    upstream: str
    """The address of the instance. Empty: people are told that the service is stopped."""


@dataclass(frozen=True)
class Start:
    """How a Caddy is started."""

    launcher: Sequence[str]
    """The program that becomes a process: it is given the file that describes it, and a name."""
    binary: str


class Caddy:
    """The proxy of one project."""

    def __init__(self, place: ProjectPlace, *, manager: Supervisor) -> None:
        """Make it; nothing is asked yet."""
        self._place = place
        self._manager = manager

    def listens(self, port: int) -> bool:
        """Whether it is this Caddy that has a port."""
        return f"\n{_address(port)} {{" in (_text(self._place.site) or "") and self._answers()

    def _answers(self) -> bool:
        # Playbooks have a PID namespace of their own: whose a port is cannot be read in /proc.
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(ANSWER_S)
            try:
                probe.connect(str(self._place.proxy_socket))
            except OSError:
                return False
        return True

    def lead(self, route: Route, *, start: Start) -> bool:
        """Lead the project's port somewhere, without losing a request.

        Args:
            route: Where to.
            start: How Caddy is started if it does not run.

        Returns:
            Whether anything was changed.

        Raises:
            Refused: Caddy does not come up.
        """
        if route.site is None:
            return self._remove()
        before = read(self._place, route.port)
        self._place.proxy.mkdir(mode=0o700, exist_ok=True)
        if before.upstream != route.upstream:
            write_atomically(self._place.upstream, route.upstream)
        if self._runs(route, start):
            return before != route
        self._run(route, route.site, start)
        return True

    def _runs(self, route: Route, start: Start) -> bool:
        """Whether Caddy runs with what it is to run with, now and when the server starts again."""
        return (
            _text(self._place.site) == route.site
            and _text(self._place.proxy_program) == _program(self._place, start)
            and self.listens(route.port)
        )

    def _run(self, route: Route, site: str, start: Start) -> None:
        place = self._place
        # One that a killed deployment half made, or that waits to be tried again.
        self._end()
        # Before the program, and gone after it: while it is there, the next play finds what to settle.
        write_atomically(place.site, site)
        command = ["/usr/bin/env", *LIMITS, start.binary, "run", "--config", str(place.site)]
        write_json(place.proxy / PROCESSES, {PROCESS: [*command, "--adapter", "caddyfile"]})
        with place.server.locked("programs"):
            write_atomically(place.proxy_program, _program(place, start))
            self._manager.add(place.proxy_group)
        deadline = time.monotonic() + UP_S
        while not self.listens(route.port):
            if time.monotonic() > deadline:
                raise Refused(f"Caddy does not come up at port {route.port}: {self._reason()}")
            time.sleep(INTERVAL_S)

    def _end(self) -> bool:
        with self._place.server.locked("programs"):
            # The file goes first: a supervisord that starts in between must not bring it back.
            self._place.proxy_program.unlink(missing_ok=True)
        return self._manager.remove(self._place.proxy_group)

    def _remove(self) -> bool:
        was_there = self._end()
        self._place.proxy_socket.unlink(missing_ok=True)
        if self._place.proxy.is_dir():
            shutil.rmtree(self._place.proxy)
            was_there = True
        return was_there

    def _reason(self) -> str:
        lines = (_text(self._place.proxy / "caddy.log") or "").splitlines()
        errors = [line for line in lines if line.startswith("Error:")]
        return (errors or lines or ["no reason given"])[-1].removeprefix("Error: ")[-300:]


def recorded(place: ProjectPlace, record: Record) -> Route:
    """Return what a project's port leads to as its record says."""
    if record.current is None:
        return Route(record.port, None, "")
    return _route(place, record, record.current.port if record.running else None)


def pending(place: ProjectPlace, record: Record) -> Route:
    """Return the way to the new instance."""
    return _route(place, record, record.pending.port if record.pending else None)


def read(place: ProjectPlace, port: int) -> Route:
    """Return what a project's port leads to now."""
    return Route(port, _text(place.site), _text(place.upstream) or "")


def port_is_ours(caddy: Caddy, port: int) -> bool:
    """Whether a project's port is free, or has the project's Caddy behind it."""
    # Caddy is asked first: to find out whether a port is free one takes it for a moment.
    return caddy.listens(port) or is_free(port)


def _address(port: int) -> str:
    return f"http://:{port}"


def _route(place: ProjectPlace, record: Record, instance_port: int | None) -> Route:
    site = SITE.format(
        project=record.project,
        address=_address(record.port),
        loopback=LOOPBACK,
        socket=place.proxy_socket,
        upstream=place.upstream.name,
        grace_s=GRACE_S,
    )
    return Route(record.port, site, f"{LOOPBACK}:{instance_port}" if instance_port else "")


def _program(place: ProjectPlace, start: Start) -> str:
    return supervisor.section(
        f"program:{place.proxy_group}",
        {
            "command": shlex.join([*start.launcher, str(place.proxy / PROCESSES), PROCESS]),
            "directory": str(place.proxy),
            "autostart": "true",
            "autorestart": "true",
            "startsecs": 1,
            "startretries": RESTARTS,
            # The highest starts last and stops first: requests under way are finished while
            # the services still answer.
            "priority": 9999,
            "stopwaitsecs": GRACE_S + 5,
            "redirect_stderr": "true",
            "stdout_logfile": str(place.proxy / "caddy.log"),
            "stdout_logfile_maxbytes": LOG_BYTES,
            "stdout_logfile_backups": 1,
            "umask": "077",
        },
    )


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
