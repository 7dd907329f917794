# Ansible, which ships these imports to the server, has no types.
# mypy: disable-error-code="import-untyped"
"""Read and change what the server knows about a project."""

from __future__ import annotations

from dataclasses import asdict, replace

from ansible.module_utils.telewright import caddy, instances, places, ports, records
from ansible.module_utils.telewright.failure import Refused
from ansible.module_utils.telewright.modules import NUMBER, TEXT, Options, Stage, run
from ansible.module_utils.telewright.records import Health, Instance, Record, Release

DOCUMENTATION = """
module: telewright_record
short_description: Read and change what the server knows about a project
options:
  state:
    description: >-
      C(begun) refuses a request that is out of date, chooses ports and says what is there;
      C(switched) makes the new instance the current one; C(started) and C(stopped) say whether
      it is meant to run; C(removed) forgets all but the fence.
    required: true
  fence: {description: The number of the request.}
  needs_current: {description: Whether the project must have been deployed.}
  release: {description: The release that is to be deployed.}
  health: {description: How one sees that it is ready.}
"""
OPTIONS = {
    "state": {**TEXT, "choices": ["begun", "switched", "started", "stopped", "removed"]},
    "fence": {**NUMBER, "required": False},
    "needs_current": {"type": "bool", "default": False},
    "release": {"type": "dict", "options": {"commit": TEXT, "digest": TEXT}},
    "health": {"type": "dict", "options": {"answering": TEXT, "path": TEXT, "timeout_s": NUMBER}},
}


def act(stage: Stage) -> Options:
    """Do what the state asks for."""
    state = stage.options["state"]
    if state == "begun":
        return begin(stage)
    record = records.load(stage.place)
    if state == "switched":
        return write(stage, record, record.switched())
    if state == "removed":
        return remove(stage, record)
    return write(stage, record, replace(record, running=state == "started"))


def begin(stage: Stage) -> Options:
    """Let the request in, and return what it starts from."""
    with stage.place.server.locked("ports"):
        before = records.load(stage.place)
        if stage.options["needs_current"] and (before is None or before.current is None):
            raise Refused(f"{stage.place.name} is not on this server", code="not_deployed")
        stage.place.create()
        record = (before or Record(project=stage.place.name)).fenced(stage.options["fence"])
        if stage.options["release"] is not None:
            record = with_pending(stage, record)
        records.save(stage.place, record)
    if record.port and not caddy.port_is_ours(stage.caddy, record.port):
        raise Refused(f"port {record.port} is taken by another program", code="port_taken")
    return {**described(stage, record), "changed": before != record}


def with_pending(stage: Stage, record: Record) -> Record:
    """Give the project its port, and the new instance a name and a port."""
    server = stage.options["server"]
    everyone = list(records.everyone(stage.place.server))
    if not record.port:
        taken = {other.port for other in everyone}
        record = replace(
            record, port=ports.lowest_free(server["first_port"], server["last_port"], taken=taken)
        )
    used = {instance.port for other in everyone for instance in (other.current, other.pending) if instance}
    port = ports.any_free(server["first_instance_port"], server["last_instance_port"], taken=used)
    serial = record.serial + 1
    release = Release(**stage.options["release"])
    health = Health(**stage.options["health"])
    pending = Instance(name=f"{serial}-{release.commit[:8]}", release=release, port=port, health=health)
    return replace(record, serial=serial, pending=pending)


def described(stage: Stage, record: Record) -> Options:
    """Say what is there, and whether it is as the record says."""
    current = record.current
    processes = instances.processes(stage.place, current.name, manager=stage.manager) if current else []
    lives = bool(processes) and all(process.lives for process in processes)
    settled = (
        not record.leftovers(stage.place)
        and bool(processes) == record.running
        and caddy.read(stage.place, record.port) == caddy.recorded(stage.place, record)
        and stage.caddy.listens(record.port) == (current is not None)
    )
    return {
        "pending": asdict(record.pending) if record.pending else None,
        "current": asdict(current) if current else None,
        "running": record.running,
        "alive": record.running and lives,
        "settled": settled,
        "telewright": outcome(record),
    }


def write(stage: Stage, before: Record, after: Record) -> Options:
    """Write the record."""
    if before != after:
        records.save(stage.place, after)
    return {"changed": before != after, "telewright": outcome(after)}


def remove(stage: Stage, record: Record) -> Options:
    """Forget the project. Its fence stays: a worker that was paused must not bring it back."""
    for directory in (stage.place.releases, stage.place.instances, stage.place.logs, stage.place.data):
        places.delete(directory)
    return write(stage, record, Record(project=record.project, fence=record.fence, serial=record.serial))


def outcome(record: Record) -> Options:
    """Return what the control side is told."""
    return {"port": record.port, "previous_commit": record.previous.commit if record.previous else None}


if __name__ == "__main__":
    run(act, OPTIONS)
