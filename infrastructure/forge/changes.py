"""What differs between two directories, as git tells people: whoever wrote the files."""

from __future__ import annotations

import os
from pathlib import Path

from infrastructure import programs
from infrastructure.programs import ProgramFailed

_TIMEOUT_S = 30

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    # Not even the repository that the home may stand in.
    "GIT_DIR": os.devnull,
    "LC_ALL": "C.UTF-8",
}


async def changes_between(before: Path, after: Path) -> str:
    """Return which files differ, how much, and how; empty when nothing does.

    Args:
        before: A directory.
        after: One beside it.

    Raises:
        ProgramFailed: git cannot tell.
        ProgramTookTooLong: It takes too long to tell.
    """
    ended = await programs.run(
        [
            "git", "-c", "core.quotePath=false", "diff", "--no-index", "--no-ext-diff", "--no-textconv",
            "--no-color", "--stat", "--patch", "--src-prefix=", "--dst-prefix=", "--", before.name, after.name,
        ],
        environment=_ENVIRONMENT,
        directory=after.parent,
        timeout_s=_TIMEOUT_S,
    )  # fmt: skip
    if ended.exit_code not in {0, 1}:
        raise ProgramFailed(f"git cannot tell what has changed: {ended.complaint}")
    return ended.output.decode(errors="replace")
