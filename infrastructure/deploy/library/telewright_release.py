# Ansible, which ships these imports to the server, has no types.
# mypy: disable-error-code="import-untyped"
"""Unpack a release beside the others."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.telewright import archives
from ansible.module_utils.telewright.modules import PATH, TEXT, Options, Stage, run
from ansible.module_utils.telewright.records import Release

DOCUMENTATION = """
module: telewright_release
short_description: Unpack a release beside the others
options:
  archive: {description: The archive., required: true}
  commit: {description: The commit it was built from., required: true}
  digest: {description: The SHA-256 it must have., required: true}
"""
OPTIONS = {"archive": PATH, "commit": TEXT, "digest": TEXT}


def act(stage: Stage) -> Options:
    """Unpack it, if it is not there."""
    options = stage.options
    release = Release(commit=options["commit"], digest=options["digest"])
    changed = archives.unpack(Path(options["archive"]), place=stage.place, release=release)
    # Its age says when it was last wanted: pruning goes by that.
    (stage.place.releases / release.directory).touch()
    return {"changed": changed}


if __name__ == "__main__":
    run(act, OPTIONS)
