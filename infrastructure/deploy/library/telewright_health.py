# Ansible, which ships these imports to the server, has no types.
# mypy: disable-error-code="import-untyped"
"""Wait until an instance is ready for people."""

from __future__ import annotations

from ansible.module_utils.telewright import health
from ansible.module_utils.telewright.modules import INSTANCE, Options, Stage, run
from ansible.module_utils.telewright.records import Health

DOCUMENTATION = """
module: telewright_health
short_description: Wait until an instance is ready for people
options:
  instance: {description: Its name and port., required: true}
"""
OPTIONS = {"instance": {**INSTANCE, "required": True}}


def act(stage: Stage) -> Options:
    """Wait."""
    instance = stage.options["instance"]
    health.wait(
        stage.place,
        instance["name"],
        manager=stage.manager,
        port=instance["port"],
        health=Health(**instance["health"]),
    )
    return {"changed": False}


if __name__ == "__main__":
    run(act, OPTIONS)
