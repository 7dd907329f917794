"""Byte code of installed packages, compiled once where many processes read them.

The packages are mounted read-only where they are used, so that Python cannot keep
what it compiles there, and would compile it again in every process.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from infrastructure import programs

TIMEOUT_S = 120
"""Some fifty times the processor time that a web service's packages take."""

_PROGRAM = """
import compileall, py_compile, resource, sys
directory, memory = sys.argv[1], 1024 ** 3
# No source is run, but one may be written to be hard on the compiler.
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
compileall.compile_dir(
    directory,
    quiet=2,
    force=True,
    stripdir=directory,
    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
)
"""
"""`force`: a wheel's own byte code need not be what its sources say. `stripdir`: a traceback
names the place a source is read at, and not where it was compiled. `UNCHECKED_HASH`: the
sources never change, while a copy or a mount may give them another date."""

log = structlog.get_logger(__name__)


async def compile_packages(
    directory: Path, *, timeout_s: float = TIMEOUT_S, keep_open: Sequence[int] = ()
) -> None:
    """Compile all sources of a directory, for the Python that runs this.

    A source that cannot be compiled is left as it is, and so is the rest when the compiler
    crashes or takes too long: byte code saves time, and nothing works only with it.

    Args:
        directory: Installed packages, which nobody uses yet.
        timeout_s: Seconds after which the rest is left as it is.
        keep_open: File descriptors the compiler inherits, so that locks are held until it ends.
    """
    # Isolated, and without `site`: a `.pth` file among the packages would be run.
    command = [sys.executable, "-I", "-S", "-W", "ignore", "-c", _PROGRAM, str(directory)]
    try:
        ended = await programs.run(command, timeout_s=timeout_s, keep_open=keep_open)
    except programs.ProgramTookTooLong:
        log.warning("packages.compiling_stopped", directory=directory.name, after_s=timeout_s)
        return
    if ended.exit_code != 0:
        log.warning("packages.compiling_failed", directory=directory.name, reason=ended.complaint)
