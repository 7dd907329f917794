"""Where things are on a server."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .failure import Refused


@dataclass(frozen=True)
class Server:
    """The directory that holds everything a server has."""

    root: Path
    sockets: Path
    """The same directory as `root/run`, by a name short enough for a Unix socket."""

    @property
    def supervisor_socket(self) -> Path:
        """Where supervisord answers."""
        return self.sockets / "supervisor.sock"

    @property
    def programs(self) -> Path:
        """One file per instance and one per proxy, read by supervisord."""
        return self.root / "conf.d"

    @property
    def projects(self) -> Path:
        """One directory per project."""
        return self.root / "projects"

    def project(self, name: str) -> ProjectPlace:
        """Return where a project lives."""
        return ProjectPlace(server=self, name=name, root=self.projects / name)

    @contextlib.contextmanager
    def locked(self, what: str) -> Iterator[None]:
        """Hold one of the server's locks; the kernel frees it when the holder dies."""
        with (self.root / "run" / f"{what}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


@dataclass(frozen=True)
class ProjectPlace:
    """The directory of one project."""

    server: Server
    name: str
    root: Path

    @property
    def record(self) -> Path:
        """What the server knows about the project."""
        return self.root / "state.json"

    @property
    def data(self) -> Path:
        """What the service keeps; every release sees the same."""
        return self.root / "data"

    @property
    def releases(self) -> Path:
        """One directory per unpacked release."""
        return self.root / "releases"

    @property
    def instances(self) -> Path:
        """One directory per instance: its processes and its environment."""
        return self.root / "instances"

    @property
    def logs(self) -> Path:
        """What the instances wrote."""
        return self.root / "logs"

    @property
    def proxy(self) -> Path:
        """What the project's Caddy has. Its working directory: it is told names."""
        return self.root / "proxy"

    @property
    def site(self) -> Path:
        """What Caddy does with the project's port."""
        return self.proxy / "Caddyfile"

    @property
    def upstream(self) -> Path:
        """The address of the instance that serves people.

        The name has a dot: a Caddyfile's `{file.name}` is something of the request's address.
        """
        return self.proxy / f"{self.name}.upstream"

    @property
    def proxy_group(self) -> str:
        """The service manager's name for the project's Caddy. It has no dot, as every instance's has."""
        return f"{self.name}-proxy"

    @property
    def proxy_socket(self) -> Path:
        """Where the project's Caddy listens for us; a project's name may be too long for a Unix socket."""
        digest = hashlib.sha256(self.name.encode()).hexdigest()[:16]
        return self.server.sockets / f"{digest}.proxy"

    @property
    def proxy_program(self) -> Path:
        """The file that makes supervisord run the project's Caddy."""
        return self.server.programs / f"{self.proxy_group}.conf"

    def program(self, instance: str) -> Path:
        """Return the file that makes supervisord run an instance."""
        return self.server.programs / f"{self.group(instance)}.conf"

    def group(self, instance: str) -> str:
        """Return the service manager's name for an instance.

        A project's name has no dot, so that no project's instances look like another's.
        """
        return f"{self.name}.{instance}"

    def create(self) -> None:
        """Make the directories."""
        for directory in (self.root, self.data, self.releases, self.instances, self.logs):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def delete(directory: Path) -> None:
    """Delete a directory that a service wrote: closed to us, or deeper than Python can go.

    Raises:
        Refused: Something of it is still there, which the next project of this name would find.
    """
    if not os.path.lexists(directory):
        return
    said = b""
    # Neither follows a symbolic link it meets.
    for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf", "--one-file-system"]):
        said = subprocess.run([*command, "--", str(directory)], capture_output=True, check=False).stderr
    if os.path.lexists(directory):
        reason = " ".join(said.decode(errors="replace").split())[-200:]
        raise Refused(f"{directory.name} cannot be removed: {reason}")


def write_atomically(file: Path, text: str) -> None:
    """Replace a file's text, readable by the owner only, so that a crash leaves the old or the new."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(file: Path, content: object) -> None:
    """Replace a file's content as JSON."""
    write_atomically(file, json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n")
