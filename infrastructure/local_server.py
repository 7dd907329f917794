"""The server on this machine: supervisord runs the services, and for each a Caddy that leads people to it.

Everything lies under one directory and listens on loopback. supervisord is in a session
of its own, so that services outlive whoever started it, `kill -9` included.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from infrastructure.deploy.deployer import ServerUnavailable
from infrastructure.deploy.module_utils.telewright import records
from infrastructure.deploy.module_utils.telewright.caddy import Caddy
from infrastructure.deploy.module_utils.telewright.failure import Refused
from infrastructure.deploy.module_utils.telewright.places import Server, write_atomically
from infrastructure.deploy.module_utils.telewright.ports import has_listener
from infrastructure.deploy.module_utils.telewright.supervisor import Supervisor, section
from infrastructure.disk import named_when_full

LAUNCHER = Path(__file__).parent / "deploy" / "launch.py"
SUPERVISOR = Path(__file__).parent / "deploy" / "supervise.py"
LONGEST_SOCKET = 107
"""Bytes in the path of a Unix socket (sockaddr_un, without the final zero)."""
SHORT_DIRECTORY = Path("/tmp")  # noqa: S108 - what is put there is checked to be ours
READY_S = 30
PROXIES_S = 10
"""The longest that starting waits for the projects' ports."""
DRAIN_S = 120
"""supervisord stops one group after the other, each within the time its contract gives it."""
ATTEND_S = 3


class LocalServer:
    """supervisord, and what it runs, in one directory."""

    def __init__(self, root: Path) -> None:
        """Make it; nothing is started yet.

        Args:
            root: `TELEWRIGHT_HOME/server`.
        """
        self.root = root.absolute()
        self.place = Server(root=self.root, sockets=_short(self.root / "run"))
        self.caddy_binary = str(_program("caddy"))

    @property
    def plays(self) -> Path:
        """An empty directory: a playbook sees a file system in memory there."""
        return self.root / "run" / "play"

    async def start(self) -> None:
        """Have the server running: attach to it, or start it and wait until it is ready.

        Services that were running when it stopped run again.

        Raises:
            ServerUnavailable: It does not come up.
            DiskFull: There is no room for it.
        """
        try:
            with named_when_full():
                await asyncio.to_thread(self._start)
        except Refused as error:
            raise ServerUnavailable(f"the local server does not start: {error.message}") from error
        except OSError as error:
            raise ServerUnavailable(f"the local server does not start: {error}") from error

    async def stop(self) -> None:
        """Finish the requests under way, then stop the services and the server itself."""
        await asyncio.to_thread(self._stop)

    async def is_running(self) -> bool:
        """Whether the server answers."""
        return await asyncio.to_thread(self._answers)

    def supervisor(self, *, timeout_s: float = ATTEND_S) -> Supervisor:
        """Return the service manager, to ask it something that it answers at once."""
        return Supervisor(self.place.supervisor_socket, timeout_s=timeout_s)

    def leads_people_to(self, project: str, port: int) -> bool:
        """Whether it is the project's proxy that answers on a port."""
        return Caddy(self.place.project(project), manager=self.supervisor()).listens(port)

    def _start(self) -> None:
        self._lay_out()
        with self._starting():
            if self._answers():
                return
            self._end_a_silent_supervisor()
            write_atomically(self._configuration, self._supervisor_configuration())
            self._spawn()
            _wait_until(self._answers, timeout_s=READY_S, otherwise=self._why_not)
            # One project's that does not come must not keep the others away.
            with contextlib.suppress(ServerUnavailable):
                _wait_until(self._ports_are_taken, timeout_s=PROXIES_S)

    def _lay_out(self) -> None:
        _check(self.root)
        for directory in (self.root, self.root / "run", self.plays, self.root / "logs"):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for directory in (self.place.programs, self.place.projects):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root.chmod(0o700)
        _link(self.place.sockets, self.root / "run")

    @contextlib.contextmanager
    def _starting(self) -> Iterator[None]:
        with (self.root / "run" / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _answers(self) -> bool:
        try:
            self.supervisor().pid()
        except Refused:
            return False
        return True

    def _ports_are_taken(self) -> bool:
        """Whether every proxy has its port, or a foreign program that took it meanwhile has."""
        return all(
            has_listener(record.port)
            for record in records.everyone(self.place)
            if self.place.project(record.project).proxy_program.exists()
        )

    def _end_a_silent_supervisor(self) -> None:
        """Two supervisords on one directory would start every service twice."""
        pid = self._recorded_pid()
        if pid is None:
            return
        try:
            _wait_until(lambda: self._answers() or self._recorded_pid() is None, timeout_s=ATTEND_S)
        except ServerUnavailable:
            raise ServerUnavailable(
                f"supervisord (process {pid}) runs but does not answer",
                advice=f"End it with `kill {pid}`, then start again.",
            ) from None

    def _recorded_pid(self) -> int | None:
        """Return the process id in the pid file, if that process is our supervisord."""
        try:
            pid = int((self.root / "run" / "supervisord.pid").read_text(encoding="ascii"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", errors="replace")
        except (OSError, ValueError):
            return None
        return pid if str(self._configuration) in command.split("\0") else None

    @property
    def _configuration(self) -> Path:
        return self.root / "supervisord.conf"

    def _supervisor_configuration(self) -> str:
        return "\n".join(
            [
                section(
                    "unix_http_server",
                    {"file": str(self.place.supervisor_socket), "chmod": "0600"},
                ),
                section(
                    "supervisord",
                    {
                        "logfile": str(self.root / "logs" / "supervisord.log"),
                        "logfile_maxbytes": "5MB",
                        "logfile_backups": 1,
                        "pidfile": str(self.root / "run" / "supervisord.pid"),
                        "childlogdir": str(self.root / "logs"),
                        "directory": str(self.root),
                        "umask": "077",
                        "minfds": 4096,
                    },
                ),
                section(
                    "rpcinterface:supervisor",
                    {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
                ),
                # From where this file lies: supervisord takes a blank for the end of a name here.
                section("include", {"files": f"{self.place.programs.relative_to(self.root)}/*.conf"}),
            ]
        )

    def _spawn(self) -> None:
        # supervisord makes itself a daemon once its socket listens: it belongs to no session
        # of ours, and nobody has to wait for it when it ends.
        command = [sys.executable, "-I", str(SUPERVISOR), "-c", str(self._configuration)]
        try:
            done = subprocess.run(
                command,
                env=_bare_environment(self.root),
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=READY_S,
                check=False,
                text=True,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as error:
            raise ServerUnavailable("supervisord does not start") from error
        if done.returncode:
            raise ServerUnavailable(f"supervisord does not start: {' '.join(done.stdout.split())[-300:]}")

    def _why_not(self) -> str:
        return f"supervisord does not answer; its log is in {self.root / 'logs'}"

    def _stop(self) -> None:
        if not self.root.is_dir():
            return
        with self._starting():
            pid = self._recorded_pid()
            if pid is None:
                return
            with contextlib.suppress(Refused):  # it may be on its way out already
                self.supervisor(timeout_s=READY_S).shut_down()
            _wait_until(lambda: self._recorded_pid() is None, timeout_s=DRAIN_S)
            if self.place.sockets.is_symlink():
                self.place.sockets.unlink()


def _bare_environment(home: Path) -> dict[str, str]:
    """Return an environment with nothing of Telewright's in it: no token, no address of a database."""
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"])
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8"}


def _program(name: str) -> Path:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise ServerUnavailable(
            f"the program {name} is not installed", advice="Install Telewright's packages again."
        )
    return Path(found)


def _check(root: Path) -> None:
    """Refuse a directory whose name supervisord or Caddy would read as something else."""
    if unfit := sorted(set("\n\t;#%{}*?[]\"'`$\\") & set(str(root))):
        raise ServerUnavailable(
            f"the directory {root} has {' '.join(map(repr, unfit))} in its name",
            advice="Set TELEWRIGHT_HOME to a directory without these characters.",
        )


def _short(run: Path) -> Path:
    """Return a name for the directory of the sockets that is short enough for one."""
    if len(os.fsencode(run)) + len("/supervisor.sock.12345678") <= LONGEST_SOCKET and " " not in str(run):
        return run
    digest = hashlib.sha256(os.fsencode(run)).hexdigest()[:16]
    return SHORT_DIRECTORY / f"telewright-{os.getuid()}-{digest}"


def _link(short: Path, run: Path) -> None:
    """Make the short name lead to the directory; only the owner can go through it.

    Raises:
        ServerUnavailable: Somebody else has put something in its place.
    """
    if short == run:
        return
    with contextlib.suppress(FileExistsError):
        short.symlink_to(run)
    if short.lstat().st_uid != os.getuid() or not short.is_symlink() or short.readlink() != run:
        raise ServerUnavailable(f"{short} belongs to somebody else", advice=f"Remove {short}.")


def _wait_until(
    condition: Callable[[], bool], *, timeout_s: float, otherwise: Callable[[], str] = lambda: "no answer"
) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise ServerUnavailable(f"the local server is not ready after {timeout_s:g} s: {otherwise()}")
        time.sleep(0.05)
