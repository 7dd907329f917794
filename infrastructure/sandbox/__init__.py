"""The place where generated code runs: invariant 9 of the design.

Generated code is hostile. It runs here, under bubblewrap, or not at all.
"""

from infrastructure.sandbox.bubblewrap import BubblewrapSandbox, check
from infrastructure.sandbox.interpreter import base_python, python_mounts
from infrastructure.sandbox.protocol import (
    WORKSPACE,
    Ending,
    Limits,
    LineListener,
    Mount,
    Sandbox,
    SandboxLost,
    SandboxResult,
    SandboxUnavailable,
)
from infrastructure.sandbox.service import DATA, RELEASE, service_command

__all__ = [
    "DATA",
    "RELEASE",
    "WORKSPACE",
    "BubblewrapSandbox",
    "Ending",
    "Limits",
    "LineListener",
    "Mount",
    "Sandbox",
    "SandboxLost",
    "SandboxResult",
    "SandboxUnavailable",
    "base_python",
    "check",
    "python_mounts",
    "service_command",
]
