"""The process that parses files: `python -m infrastructure.search.cutter_process`.

A process of its own, because a parser is C code that reads what strangers wrote: it may be
ended at any moment, has little memory, no secrets, and opens nothing.

On standard input comes one file after the other: a line of JSON with `language` and `size`,
and so many bytes. On standard output goes an empty line when it is ready, and then a line of JSON
with its chunks for each.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from dataclasses import astuple

from infrastructure.search.cutting import cut

_MEMORY = 1 << 30
_OPENED_FILES = 64
_TIME_LIMIT_S = 30


def main() -> None:
    """Cut files until there are no more."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPENED_FILES, _OPENED_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    source, target = sys.stdin.buffer, sys.stdout.buffer
    target.write(b"\n")
    target.flush()
    while header := source.readline():
        order = json.loads(header)
        content = source.read(order["size"])
        # Whoever asked may be gone, and nobody else would end a parser that never does; this ends C code, too.
        signal.alarm(_TIME_LIMIT_S)
        chunks = cut(order["language"], content)
        signal.alarm(0)
        target.write(json.dumps([astuple(chunk) for chunk in chunks]).encode() + b"\n")
        target.flush()


if __name__ == "__main__":
    main()
