# Ansible, which ships these imports to the server, has no types.
# mypy: disable-error-code="import-untyped"
"""Remove old releases, never the running or the previous one."""

from __future__ import annotations

import shutil

from ansible.module_utils.telewright import records
from ansible.module_utils.telewright.modules import NUMBER, Options, Stage, run

DOCUMENTATION = """
module: telewright_prune
short_description: Remove old releases, never the running or the previous one
options:
  keep: {description: How many releases may stay., required: true}
"""


def act(stage: Stage) -> Options:
    """Remove what has not been wanted for longest."""
    record = records.load(stage.place)
    needed = {release.directory for release in (record.current.release, record.previous) if release}
    newest_first = sorted(stage.place.releases.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True)
    spare = max(0, stage.options["keep"] - len(needed))
    old = [directory for directory in newest_first if directory.name not in needed][spare:]
    for directory in old:
        shutil.rmtree(directory)
    return {"changed": bool(old)}


if __name__ == "__main__":
    run(act, {"keep": NUMBER})
