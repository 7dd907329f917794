# Ansible, which ships these imports to the server, has no types.
# mypy: disable-error-code="import-untyped"
"""Choose what a project's port leads to."""

from __future__ import annotations

from ansible.module_utils.telewright import caddy, records
from ansible.module_utils.telewright.caddy import Route
from ansible.module_utils.telewright.modules import TEXT, Options, Stage, run

DOCUMENTATION = """
module: telewright_site
short_description: Choose what a project's port leads to
options:
  state:
    description: >-
      C(pending) leads it to the new instance; C(recorded) to what the record says;
      C(absent) frees the port.
    required: true
"""
OPTIONS = {"state": {**TEXT, "choices": ["pending", "recorded", "absent"]}}


def act(stage: Stage) -> Options:
    """Choose."""
    record = records.load(stage.place)
    routes = {
        "pending": caddy.pending(stage.place, record),
        "recorded": caddy.recorded(stage.place, record),
        "absent": Route(record.port, None, ""),
    }
    return {"changed": stage.caddy.lead(routes[stage.options["state"]], start=stage.caddy_start)}


if __name__ == "__main__":
    run(act, OPTIONS)
