"""Tests that a project might come with, if a model or a person meant harm: each is a script of its own."""

from __future__ import annotations

from pathlib import Path

CONTRACT = """\
version: 1
processes:
  web:
    command: [python, -m, server]
    port: true
health:
  path: /health
resources:
  memory_mb: 128
  processes: 32
test: [python, checks.py]
"""

FORKS = """\
import os, time
print("forking", flush=True)
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.01)
"""

PRINTS = """\
import sys
print("printing", flush=True)
for _ in range(1024):
    sys.stdout.write(("x" * 1023 + "\\n") * 1024)
print("a gigabyte was printed")
"""

TRIES = """\
import socket
from pathlib import Path

def attempt(what, do):
    try:
        do()
    except OSError as error:
        print(f"{what}: refused, {type(error).__name__}", flush=True)
    else:
        print(f"{what}: DONE", flush=True)

attempt("internet", lambda: socket.create_connection(("1.1.1.1", 53), timeout=2))
attempt("neighbour", lambda: socket.create_connection(("127.0.0.1", %(port)d), timeout=2))
attempt("shadow", lambda: Path("/etc/shadow").read_bytes())
attempt("repositories", lambda: list(Path(%(home)r, "repositories").iterdir()))
attempt("database", lambda: list(Path(%(database)r).iterdir()))
attempt("planting", lambda: Path("/usr/planted").write_text("x"))
print("1 failed")
raise SystemExit(1)
"""

FAILS = """\
print("expected 4, got 5")
print("1 failed, 2 passed")
raise SystemExit(1)
"""


def project_with(checks: str) -> dict[str, str]:
    """Return the files that make a project's tests be this script."""
    return {"deploy.yaml": CONTRACT, "checks.py": checks}


def trying(*, home: Path, database: Path, port: int) -> str:
    """Return tests that try everything they may not, and say how it went."""
    return TRIES % {"home": str(home), "database": str(database), "port": port}
