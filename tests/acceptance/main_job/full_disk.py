"""A disk that is full: a small file system in memory in place of one of a home's directories."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(directory: Path, *, kib: int) -> Iterator[None]:
    """Have a disk of this size there while the block runs; skips where nothing may be mounted."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = f"size={kib}k,mode=0700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        # Lazily: what a worker has open there goes when it lets go of it.
        subprocess.run(["umount", "--lazy", str(directory)], check=True)
