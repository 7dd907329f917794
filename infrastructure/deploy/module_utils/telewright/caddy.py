"""Caddy: which instance a project's port leads to."""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .failure import Refused
from .places import ProjectPlace, Server, write_atomically
from .ports import LOOPBACK, is_free
from .records import Record
from .unix_http import UnixConnection

MAIN = """\
# Written by Telewright when the server starts.
{{
	# A Unix socket, since the hosted services share the host's loopback.
	admin unix/{socket}|0600
	persist_config off
	auto_https off
	skip_install_trust
	# Requests that are being answered may finish after a change, or when Caddy stops.
	grace_period 30s
	storage file_system {storage}
	log {{
		output file {log} {{
			roll_size 5MiB
			roll_keep 2
		}}
		level WARN
	}}
}}
import {sites}
"""

SITE = """\
# {project}: written by Telewright.
http://:{port} {{
	bind {loopback}
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


@dataclass(frozen=True)
class Route:
    """What a project's port leads to."""

    port: int
    site: str | None
    """The site's configuration; it never changes while the project is there. None: there is none."""
    upstream: str
    """The address of the instance. Empty: people are told that the service is stopped."""


class Caddy:
    """The proxy of the local server."""

    def __init__(self, server: Server, *, binary: str) -> None:
        """Make it; nothing is asked yet."""
        self._server = server
        self._binary = binary

    def configuration(self) -> str:
        """Return the main configuration."""
        caddy = self._server.caddyfile.parent
        return MAIN.format(
            socket=self._server.caddy_socket,
            storage=_quoted(caddy / "storage"),
            log=_quoted(caddy / "caddy.log"),
            sites=_quoted(self._server.sites / "*.caddy"),
        )

    def answers(self, *, timeout_s: float = 2) -> bool:
        """Whether Caddy is up."""
        try:
            self._get("/config/admin", timeout_s=timeout_s)
        except (OSError, http.client.HTTPException):
            return False
        return True

    def listens(self, port: int) -> bool:
        """Whether it is Caddy that has a port."""
        try:
            configuration = json.loads(self._get("/config/", timeout_s=10))
        except (OSError, http.client.HTTPException) as error:
            raise Refused(f"Caddy does not answer: {error}", code="server_unavailable") from error
        servers = configuration.get("apps", {}).get("http", {}).get("servers", {})
        return any(f"{LOOPBACK}:{port}" in server.get("listen", ()) for server in servers.values())

    def lead(self, place: ProjectPlace, route: Route) -> bool:
        """Lead a project's port somewhere, without losing a request.

        Args:
            place: The project.
            route: Where to.

        Returns:
            Whether anything was changed.

        Raises:
            Refused: Caddy does not take it. What was there before is there again.
        """
        before = read(place, route.port)
        if before.upstream != route.upstream:
            write_atomically(place.upstream, route.upstream)
        # A killed deployment may have written the file and not told Caddy.
        told = before.site == route.site and self.listens(route.port) == (route.site is not None)
        if not told:
            self._place(place, route.site, before=before.site)
        if route.site is None:
            place.upstream.unlink(missing_ok=True)
        return before != route or not told

    def _place(self, place: ProjectPlace, site: str | None, *, before: str | None) -> None:
        with self._server.locked("sites"):
            if site is not None:
                self._validate(site)
            _write(place, site)
            try:
                self._reload()
            except Refused:
                _write(place, before)
                raise

    def _validate(self, site: str) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".caddy", dir=self._server.caddyfile.parent) as file:
            file.write("{\n\tadmin off\n\tauto_https off\n}\n" + site)
            file.flush()
            self._run("validate", "--config", file.name)

    def _reload(self) -> None:
        self._run(
            "reload",
            "--config",
            str(self._server.caddyfile),
            "--address",
            f"unix/{self._server.caddy_socket}",
        )

    def _run(self, command: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._binary, command, *arguments, "--adapter", "caddyfile"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise Refused(f"caddy {command}: {_reason(done.stderr)}")

    def _get(self, path: str, *, timeout_s: float) -> bytes:
        connection = UnixConnection(self._server.caddy_socket, timeout_s=timeout_s)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()


def recorded(record: Record) -> Route:
    """Return what a project's port leads to as its record says."""
    if record.current is None:
        return Route(record.port, None, "")
    return _route(record, record.current.port if record.running else None)


def pending(record: Record) -> Route:
    """Return the way to the new instance."""
    return _route(record, record.pending.port if record.pending else None)


def read(place: ProjectPlace, port: int) -> Route:
    """Return what a project's port leads to now."""
    return Route(port, _text(place.site), _text(place.upstream) or "")


def port_is_ours(caddy: Caddy, port: int) -> bool:
    """Whether a project's port is free, or has Caddy behind it."""
    return is_free(port) or caddy.listens(port)


def _route(record: Record, instance_port: int | None) -> Route:
    upstream = f"{record.project}.upstream"
    site = SITE.format(project=record.project, port=record.port, upstream=upstream, loopback=LOOPBACK)
    return Route(record.port, site, f"{LOOPBACK}:{instance_port}" if instance_port else "")


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _write(place: ProjectPlace, text: str | None) -> None:
    if text is None:
        place.site.unlink(missing_ok=True)
    else:
        write_atomically(place.site, text)


def _quoted(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)


def _reason(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.startswith("Error:")]
    return (lines or stderr.splitlines() or ["no reason given"])[-1].removeprefix("Error: ")
