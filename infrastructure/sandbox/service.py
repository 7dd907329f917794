"""How a deployed service is started on this machine, so that it reaches nothing but its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from infrastructure.contract import Resources
from infrastructure.sandbox import isolation
from infrastructure.sandbox.interpreter import python_mounts
from infrastructure.sandbox.protocol import Mount
from infrastructure.warden import orders

RELEASE = PurePosixPath("/release")
"""Where the release stands inside, read-only, and where the command starts."""

DATA = PurePosixPath("/data")
"""Where the service may write, and finds again what it wrote."""


def service_command(
    command: Sequence[str],
    *,
    release: Path,
    data: Path,
    environment_file: Path | None = None,
    limits: Resources,
    mounts: Sequence[Mount] = (),
) -> list[str]:
    """Return the command a service manager starts a deployed service with.

    The process it starts is a warden. It runs the service in isolation, shares
    the host's network with it, passes SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1
    and SIGUSR2 on to the service's main process, and ends with its exit code
    (128 more than the signal's number if it was killed by one). What the service
    prints is printed. Whoever kills the warden kills everything inside.

    As root, the service runs as an unprivileged user: `data` is handed to that
    user at every start, and `release` must be readable by everybody.

    Args:
        command: Program and arguments as they are inside, without a shell.
            Python is there at the path it has outside: `base_python()`.
        release: The release's directory, seen as `/release`.
        data: The project's directory for what it keeps, seen as `/data`.
        environment_file: A JSON object of names and values, read at the start.
            May be readable by its owner alone. The service gets no other variables
            but PATH, HOME, TMPDIR and LANG; start the warden itself with an empty
            environment, since an LD_PRELOAD there would take effect outside.
        limits: The most the service may use. A service that uses more is ended.
        mounts: What else it is to see, such as an installed virtual environment.

    Returns:
        Program and arguments. They hold no secret. Quoting is up to the caller: the last
        argument is JSON (in supervisor's configuration, `%` must be doubled as well).

    Raises:
        SandboxUnavailable: There is no bubblewrap on this machine.
    """
    standing = [Mount(release, RELEASE), Mount(data, DATA, writable=True), *python_mounts()]
    given = orders.Orders(
        bubblewrap=str(isolation.bubblewrap()),
        arguments=isolation.arguments(memory_mb=limits.memory_mb, network=True, start_in=str(RELEASE)),
        mounts=isolation.seen_by_warden([*standing, *mounts]),
        files=dict(isolation.ACCOUNTS),
        command=list(command),
        environment_file=None if environment_file is None else str(environment_file.absolute()),
        limits=orders.Limits(
            wall_s=None,
            cpu_s=None,
            memory_mb=limits.memory_mb,
            processes=limits.processes,
            open_files=limits.open_files,
            disk_mb=None,
        ),
        report_fd=None,
    )
    return isolation.warden_command(given)
