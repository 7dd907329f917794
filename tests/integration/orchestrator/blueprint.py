"""A blueprint as small as one can be, so that a build takes a second."""

from __future__ import annotations

from pathlib import Path

from infrastructure.blueprints import Blueprint

_COPIER = """\
_subdirectory: template
_message_before_copy: A note
project_name:
  type: str
description:
  type: str
  default: A note
"""

_CONTRACT = """\
version: 1
processes:
  web:
    command: [python, -m, http.server, "{port}"]
    port: true
health:
  path: /health
test: [python, checks.py]
"""

PASSING = "print('1 passed')\n"
FAILING = "import sys\nprint('the note is\\x1b[31m wrong')\nprint('1 failed')\nsys.exit(1)\n"


WORKFLOW = """\
name: CI
on:
  push:
    branches: [main]
  pull_request:
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: python checks.py
"""


def note(
    directory: Path,
    name: str = "note",
    *,
    checks: str = PASSING,
    environment: str = "",
    workflow: str | None = None,
) -> Blueprint:
    """Write a blueprint and return it."""
    template = directory / name / "template"
    template.mkdir(parents=True)
    (directory / name / "copier.yml").write_text(_COPIER)
    (template / "deploy.yaml").write_text(_CONTRACT + environment)
    (template / "note.txt.jinja").write_text("{{ project_name }}: {{ description }}\n")
    (template / "checks.py").write_text(checks)
    if workflow is not None:
        (template / ".github" / "workflows").mkdir(parents=True)
        (template / ".github" / "workflows" / "ci.yml").write_text(workflow)
    for lock in ("requirements.lock", "requirements-test.lock"):
        (template / lock).write_text("# nothing\n")
    return Blueprint(name=name, summary="A note", directory=directory / name)
