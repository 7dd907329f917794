# Ansible, which ships these imports to the server, has no types.
# mypy: disable-error-code="import-untyped"
"""Prepare, start and remove instances under supervisord."""

from __future__ import annotations

import time

from ansible.module_utils.telewright import instances, logs, ports, records
from ansible.module_utils.telewright.instances import Launch
from ansible.module_utils.telewright.modules import INSTANCE, NUMBER, TEXT, Options, Stage, run

DOCUMENTATION = """
module: telewright_instance
short_description: Prepare, start and remove instances under supervisord
options:
  state:
    description: >-
      C(prepared) writes the processes and the environment, unless the instance C(like) has the same;
      C(started) runs it; C(stopped) stops it; C(absent) drains, stops and removes it;
      C(settled) makes everything as the record says; C(read) returns the end of its log.
    required: true
  instance: {description: Its name and port.}
  like: {description: The instance that runs now.}
  launch: {description: How its processes are started.}
  environment: {description: Their environment., no_log: true}
  drain_s: {description: The longest to wait for connections to end.}
"""

GRACE_S = 0.3
"""A request that Caddy had just begun to send is a connection a moment later."""
INTERVAL_S = 0.05
LOG_LINES = 40


def act(stage: Stage) -> Options:
    """Do what the state asks for."""
    return ACTS[stage.options["state"]](stage)


def prepare(stage: Stage) -> Options:
    """Write what the instance is started with."""
    options = stage.options
    launch = Launch(**options["launch"], environment=options["environment"])
    like = options["like"]
    if like and instances.is_same(stage.place, like["name"], port=like["port"], launch=launch):
        return {"changed": False, "is_new": False}
    instance = options["instance"]
    instances.prepare(stage.place, instance["name"], port=instance["port"], launch=launch)
    return {"changed": True, "is_new": True}


def start(stage: Stage) -> Options:
    """Run the instance."""
    name = stage.options["instance"]["name"]
    return {"changed": instances.start(stage.place, name, manager=stage.manager)}


def stop(stage: Stage) -> Options:
    """Stop the instance, to be started again."""
    instance = stage.options["instance"]
    drain(stage)
    return {"changed": instances.stop(stage.place, instance["name"], manager=stage.manager)}


def remove(stage: Stage) -> Options:
    """Let the instance finish, and remove it."""
    drain(stage)
    name = stage.options["instance"]["name"]
    return {"changed": instances.remove(stage.place, name, manager=stage.manager)}


def settle(stage: Stage) -> Options:
    """Make everything as the record says: what an interrupted deployment left behind goes."""
    record = records.load(stage.place)
    changed = False
    for leftover in record.leftovers(stage.place):
        changed |= instances.remove(stage.place, leftover, manager=stage.manager)
    if record.current:
        wanted = instances.start if record.running else instances.stop
        changed |= wanted(stage.place, record.current.name, manager=stage.manager)
    return {"changed": changed}


def read(stage: Stage) -> Options:
    """Return the last lines the instance wrote."""
    text = logs.tail(stage.place, stage.options["instance"]["name"], lines=LOG_LINES)
    return {"changed": False, "telewright": {"logs": text}}


def drain(stage: Stage) -> None:
    """Wait until nobody is connected to the instance any more."""
    if not stage.options["drain_s"]:
        return
    time.sleep(GRACE_S)
    deadline = time.monotonic() + stage.options["drain_s"]
    while ports.has_connections(stage.options["instance"]["port"]) and time.monotonic() < deadline:
        time.sleep(INTERVAL_S)


ACTS = {
    "prepared": prepare,
    "started": start,
    "stopped": stop,
    "absent": remove,
    "settled": settle,
    "read": read,
}
OPTIONS = {
    "state": {**TEXT, "choices": list(ACTS)},
    "instance": INSTANCE,
    "like": INSTANCE,
    "launch": {
        "type": "dict",
        "options": {
            "launcher": {"type": "list", "elements": "str", "required": True},
            "processes": {"type": "dict", "required": True},
            "answering": TEXT,
            "stop_timeout_s": NUMBER,
            # Their names.
            "secrets": {"type": "list", "elements": "str", "required": True, "no_log": False},
        },
    },
    "environment": {"type": "dict", "no_log": True},
    "drain_s": {"type": "int", "default": 0},
}

if __name__ == "__main__":
    run(act, OPTIONS)
