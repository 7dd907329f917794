# Ansible, which loads this file, has no types.
# mypy: disable-error-code="import-untyped,misc"
"""Lets Ansible find modules that it has built before.

To build one, with all that it imports, takes a quarter of a second, and Ansible keeps what
it has built for one playbook only: in a directory of its own, which is made when it starts.
"""

from __future__ import annotations

import os
from pathlib import Path

from ansible import constants
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: telewright_modules
type: aggregate
short_description: Find modules that were built before
description:
  - Makes the directory that C(TELEWRIGHT_MODULES) names the one in which modules are kept.
"""


class CallbackModule(CallbackBase):
    """Puts a link where Ansible looks."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "telewright_modules"

    def v2_playbook_on_start(self, playbook: object) -> None:
        """Make the link, before there is anything in its place."""
        modules = os.environ.get("TELEWRIGHT_MODULES")
        if modules:
            # As `ansible.executor.module_common` calls it.
            (Path(constants.DEFAULT_LOCAL_TMP) / "ansiballz_cache").symlink_to(modules)
