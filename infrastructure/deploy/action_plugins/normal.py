# Ansible, which loads this file, has no types.
# mypy: disable-error-code="import-untyped,misc"
"""Carries our modules out where the task is, if that is on this machine.

Ansible starts an interpreter for each module, which unpacks it and compiles it with all that
it imports: a third of a second of processor time, ten times in a deployment. On this machine
there is no need for it: the process that Ansible forks for the task has everything loaded.
On any other the modules are sent there, as Ansible always does.

This is the action of all modules that have none of their own. Ansible looks for it by its name.
"""

from __future__ import annotations

import importlib
import json
from typing import Any

from ansible.module_utils.common.json import Direction, get_module_encoder
from ansible.plugins.action import ActionBase

OURS = "telewright_"
Encoder = get_module_encoder("legacy", Direction.CONTROLLER_TO_MODULE)
"""What makes a module's arguments what they would be elsewhere: templates are filled in, marks are gone."""


class ActionModule(ActionBase):
    """Runs one module."""

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run it here, or have it run."""
        result = super().run(tmp, task_vars)
        name = self._task.action.rpartition(".")[2]
        if name.startswith(OURS) and self._connection.transport == "local" and not self._task.check_mode:
            return {**result, **self._carry_out(name)}
        return {**result, **self._execute_module(task_vars=task_vars)}

    def _carry_out(self, name: str) -> dict[str, Any]:
        module = importlib.import_module(f"ansible.modules.{name}")
        modules = importlib.import_module("ansible.module_utils.telewright.modules")
        arguments = json.loads(json.dumps(self._task.args, cls=Encoder))
        return dict(modules.carry_out(module.act, module.OPTIONS, arguments))
