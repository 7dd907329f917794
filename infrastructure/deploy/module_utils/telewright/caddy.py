"""Caddy: which instance a project's port leads to."""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
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

PROXIED = """\
# {project}: written by Telewright.
http://:{port} {{
	bind {loopback}
	# No connection stays open between two requests, to people or to the instance: a change
	# closes idle connections, and a request that was just sent on one would be lost.
	@plain not header Upgrade *
	header @plain Connection close
	reverse_proxy {loopback}:{upstream} {{
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

STOPPED = """\
# {project}: written by Telewright. The port stays taken, so that it is there after a start.
http://:{port} {{
	bind {loopback}
	header Connection close
	respond "{project} is stopped.\n" 503
}}
"""


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
            servers = json.loads(self._get("/config/apps/http/servers", timeout_s=10)) or {}
        except (OSError, http.client.HTTPException) as error:
            raise Refused(f"Caddy does not answer: {error}", code="server_unavailable") from error
        return any(f"{LOOPBACK}:{port}" in server.get("listen", ()) for server in servers.values())

    def place(self, place: ProjectPlace, text: str | None) -> bool:
        """Put a project's site in place, or take it away, without losing a request.

        Args:
            place: The project.
            text: The site's configuration; None removes it.

        Returns:
            Whether anything was changed.

        Raises:
            Refused: Caddy does not take it. What was there before is there again.
        """
        with self._server.locked("sites"):
            before = read(place)
            if before == text:
                return False
            if text is not None:
                self._validate(text)
            _write(place, text)
            try:
                self._reload()
            except Refused:
                _write(place, before)
                raise
        return True

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


def proxied(project: str, *, port: int, upstream: int) -> str:
    """Return the site of a project that runs."""
    return PROXIED.format(project=project, port=port, upstream=upstream, loopback=LOOPBACK)


def stopped(project: str, *, port: int) -> str:
    """Return the site of a project that is stopped."""
    return STOPPED.format(project=project, port=port, loopback=LOOPBACK)


def recorded(record: Record) -> str | None:
    """Return the site of a project as its record says. None if nothing of it is to be seen."""
    if record.current is None:
        return None
    if record.running:
        return proxied(record.project, port=record.port, upstream=record.current.port)
    return stopped(record.project, port=record.port)


def read(place: ProjectPlace) -> str | None:
    """Return a project's site as it is. None if there is none."""
    try:
        return place.site.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def port_is_ours(caddy: Caddy, port: int) -> bool:
    """Whether a project's port is free, or has Caddy behind it."""
    return is_free(port) or caddy.listens(port)


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
