"""Become one process of an instance.

`supervisord` runs this file with a bare interpreter and nothing of Telewright's
environment. What the process is, and what environment it gets, is read from the
instance's directory: on a command line or in supervisord's configuration
everybody on the machine could read it, and a value could pretend to be syntax.
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
    directory, name = Path(sys.argv[1]), sys.argv[2]
    die_with_parent()
    command = json.loads((directory / "processes.json").read_text(encoding="utf-8"))[name]
    environment = json.loads((directory / "environment.json").read_text(encoding="utf-8"))[name]
    os.execve(command[0], command, environment)  # noqa: S606 - there is no shell on purpose


def die_with_parent() -> None:
    """Leave nothing behind when supervisord is killed: the next one would start everything twice."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("supervisord has gone")


if __name__ == "__main__":
    main()
