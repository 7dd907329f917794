"""Why this machine cannot isolate, and what a person can do about it."""

from __future__ import annotations

from pathlib import Path

from infrastructure.sandbox.protocol import SandboxUnavailable

_SWITCHES = (
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    ("kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    ("user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
)
"""The kernel's switches that forbid user namespaces: file, the value that does, the remedy."""


def refusal(detail: str, *, switches: Path = Path("/proc/sys")) -> SandboxUnavailable:
    """Return the error for a machine that cannot isolate.

    Args:
        detail: What bubblewrap said.
        switches: Where the kernel's settings are.
    """
    said = detail.strip().splitlines()
    return SandboxUnavailable(
        "This machine cannot isolate generated code, so none is run" + (f": {said[-1]}" if said else ""),
        advice=_advice(switches),
    )


def _advice(switches: Path) -> str:
    for name, value, remedy in _SWITCHES:
        file = switches / name
        if file.is_file() and file.read_text().strip() == value:
            return f"Allow user namespaces: `sudo {remedy}`, and the same in /etc/sysctl.d to keep it."
    return (
        "Allow user namespaces on this machine. In a container, start it with "
        "`--security-opt seccomp=unconfined --security-opt systempaths=unconfined`, or run Telewright outside."
    )
