# Ansible, which ships these imports to the server, has no types.
# mypy: disable-error-code="import-untyped"
"""Remove old releases, never the running or the previous one."""

from __future__ import annotations

from ansible.module_utils.telewright import archives, records
from ansible.module_utils.telewright.modules import NUMBER, Options, Stage, run

DOCUMENTATION = """
module: telewright_prune
short_description: Remove old releases, never the running or the previous one
options:
  keep: {description: How many releases may stay., required: true}
"""
OPTIONS = {"keep": NUMBER}


def act(stage: Stage) -> Options:
    """Remove what has not been wanted for longest."""
    record = records.load(stage.place)
    return {"changed": archives.prune(stage.place, record, keep=stage.options["keep"])}


if __name__ == "__main__":
    run(act, OPTIONS)
