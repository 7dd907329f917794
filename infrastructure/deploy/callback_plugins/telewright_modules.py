# Ansible, which loads this file, has no types.
# mypy: disable-error-code="import-untyped,misc"
"""Loads our modules before the first task.

Ansible forks a process for each task: what was loaded before need not be loaded again in each.
`action_plugins/normal.py` runs them there.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import ansible.module_utils
import ansible.modules
from ansible.plugins.callback import CallbackBase

HERE = Path(__file__).parents[1]

DOCUMENTATION = """
name: telewright_modules
type: aggregate
short_description: Load our modules before the first task
description:
  - Makes our modules, and what they share, importable where Ansible looks for its own.
"""


class CallbackModule(CallbackBase):
    """Loads them."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "telewright_modules"

    def v2_playbook_on_start(self, playbook: object) -> None:
        """Load them, when nothing has been forked yet."""
        ansible.module_utils.__path__.append(str(HERE / "module_utils"))
        ansible.modules.__path__.append(str(HERE / "library"))
        for file in sorted((HERE / "library").glob("telewright_*.py")):
            importlib.import_module(f"ansible.modules.{file.stem}")
