"""Become one of the processes that a file describes.

supervisord runs this file with a bare interpreter. What the process is stands in
`processes.json`, and not in supervisord's configuration, where a project's words
could pretend to be syntax.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Replace this process by the one named on the command line."""
    file, name = Path(sys.argv[1]), sys.argv[2]
    command = json.loads(file.read_text(encoding="utf-8"))[name]
    # Not supervisord's: it tells its children where its socket is.
    environment = {variable: os.environ[variable] for variable in ("PATH", "HOME", "LANG")}
    die_with_parent()
    os.execve(command[0], command, environment)  # noqa: S606 - there is no shell on purpose


def die_with_parent() -> None:
    """Leave nothing behind when supervisord is killed: the next one would start everything twice."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("supervisord has gone")


if __name__ == "__main__":
    main()
