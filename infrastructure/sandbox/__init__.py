"""The place where generated code runs: invariant 9 of the design.

Generated code is hostile. It runs here, under bubblewrap, or not at all.
"""

from infrastructure.sandbox.protocol import (
    WORKSPACE,
    Ending,
    Limits,
    LineListener,
    Mount,
    Sandbox,
    SandboxResult,
    SandboxUnavailable,
)

__all__ = [
    "WORKSPACE",
    "Ending",
    "Limits",
    "LineListener",
    "Mount",
    "Sandbox",
    "SandboxResult",
    "SandboxUnavailable",
]
