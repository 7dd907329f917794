"""Our modules as Ansible sends them to other machines. Whatever else is tested runs them here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from infrastructure import deploy
from infrastructure.local_server import LAUNCHER, LocalServer

PLAYBOOKS = Path(deploy.__file__).parent
ELSEWHERE = """
from pathlib import Path

from ansible.plugins.connection import local

DOCUMENTATION = local.DOCUMENTATION.replace("name: local", "name: elsewhere")


class Connection(local.Connection):
    transport = "elsewhere"

    def exec_command(self, *arguments, **options):
        (Path(__file__).parent / "sent").touch()
        return super().exec_command(*arguments, **options)
"""
"""A connection that is not known to lead to this machine, although it does."""


def test_a_module_that_is_sent_does_what_it_does_here(server: LocalServer, tmp_path: Path) -> None:
    end, said = _send(server, tmp_path, {"state": "begun", "fence": "7"})

    assert end == "CHANGED"
    assert said["pending"] is None
    assert said["telewright"] == {"port": 0, "previous_commit": None}
    record = json.loads((server.place.project("hello").root / "state.json").read_text())
    assert record["fence"] == 7


def test_what_it_refuses_has_its_code(server: LocalServer, tmp_path: Path) -> None:
    end, said = _send(server, tmp_path, {"state": "begun", "fence": 1, "needs_current": True})

    assert end == "FAILED!"
    assert said["msg"] == "hello is not on this server"
    assert said["telewright"] == {"error": "not_deployed"}


def _send(
    server: LocalServer, directory: Path, arguments: dict[str, object]
) -> tuple[str, dict[str, object]]:
    """Have `telewright_record` run elsewhere. Returns how it ended, and what it said."""
    connections = directory / "connections"
    connections.mkdir()
    (connections / "elsewhere.py").write_text(ELSEWHERE)
    (server.root / "run").mkdir(parents=True)
    place = {
        "root": str(server.root),
        "sockets": str(server.place.sockets),
        "caddy": server.caddy_binary,
        "launcher": [sys.executable, str(LAUNCHER)],
        **dict.fromkeys(("first_port", "last_port", "first_instance_port", "last_instance_port"), 1),
    }
    ran = subprocess.run(
        [
            Path(sys.executable).parent / "ansible",
            *("--inventory", "server,", "--connection", "elsewhere"),
            *("--extra-vars", f"ansible_python_interpreter={sys.executable}"),
            *("--module-name", "telewright_record"),
            *("--args", json.dumps({"server": place, "project": "hello", **arguments})),
            "server",
        ],
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"),
            "ANSIBLE_CALLBACK_PLUGINS": str(PLAYBOOKS / "callback_plugins"),
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "ANSIBLE_CONNECTION_PLUGINS": str(connections),
            "ANSIBLE_HOME": str(directory / "ansible"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    end, arrow, said = ran.stdout.rpartition("server | ")[2].partition(" => ")
    assert arrow, ran.stdout + ran.stderr
    assert (connections / "sent").exists()
    return end, json.loads(said)
