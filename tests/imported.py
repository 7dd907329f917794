"""What the processes of `tests.forked` have imported when they begin."""

from __future__ import annotations

import gc
import sys

import cli.bot
import cli.main
import cli.scheduler
import cli.worker  # noqa: F401

# What all of them share is copied for none of them, and looked through by none.
gc.freeze()


def tell() -> None:
    """Print the names of all modules that were imported."""
    print(*sys.modules)
