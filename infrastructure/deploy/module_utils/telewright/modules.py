# mypy: disable-error-code="import-untyped"
"""What every module of the deployment begins and ends with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .caddy import Caddy, Start
from .failure import Refused
from .places import ProjectPlace, Server
from .supervisor import Supervisor

Options = dict[str, Any]
"""A module's arguments, checked by its argument specification."""

PATH = {"type": "path", "required": True}
TEXT = {"type": "str", "required": True}
NUMBER = {"type": "int", "required": True}

SERVER = {
    "type": "dict",
    "required": True,
    "options": {
        "root": PATH,
        "sockets": PATH,
        "caddy": PATH,
        "launcher": {"type": "list", "elements": "str", "required": True},
        "first_port": NUMBER,
        "last_port": NUMBER,
        "first_instance_port": NUMBER,
        "last_instance_port": NUMBER,
    },
}
INSTANCE = {"type": "dict"}
"""An instance of a record, as `telewright_record` returned it."""


class Stage:
    """The project a module works on, and the parts of its server."""

    def __init__(self, options: Options) -> None:
        """Make it from the arguments `server` and `project`."""
        self.options = options
        server = Server(root=Path(options["server"]["root"]), sockets=Path(options["server"]["sockets"]))
        self.place: ProjectPlace = server.project(options["project"])
        self.manager = Supervisor(server.supervisor_socket)
        self.caddy = Caddy(self.place, manager=self.manager)
        self.caddy_start = Start(options["server"]["launcher"], options["server"]["caddy"])


def run(act: Callable[[Stage], Options], options: Options) -> None:
    """Be one module.

    A refusal becomes a failure with `telewright.error`, the stable code by which the
    control side raises the right error.

    Args:
        act: Does what the module is for, and returns its result.
        options: Its arguments besides `server` and `project`.
    """
    module = AnsibleModule(argument_spec={"server": SERVER, "project": TEXT, **options})
    try:
        result = act(Stage(module.params))
    except Refused as error:
        module.fail_json(msg=error.message, telewright={"error": error.code})
    except OSError as error:
        module.fail_json(msg=f"{error.strerror}: {error.filename}", telewright={"error": "deployment_failed"})
    else:
        module.exit_json(**result)
