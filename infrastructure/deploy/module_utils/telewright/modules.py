# mypy: disable-error-code="import-untyped"
"""What every module of the deployment begins and ends with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ModuleArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values

from .caddy import Caddy, Start
from .failure import Refused
from .places import ProjectPlace, Server
from .supervisor import Supervisor

Options = dict[str, Any]
"""A module's arguments, checked by its argument specification; and its result."""

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


Act = Callable[[Stage], Options]


def run(act: Act, options: Options) -> None:
    """Be one module, in a process of its own.

    Args:
        act: Does what the module is for, and returns its result.
        options: Its arguments besides `server` and `project`.
    """
    module = AnsibleModule(argument_spec=_specification(options))
    result = _outcome(act, module.params)
    finish = module.fail_json if result.get("failed") else module.exit_json
    finish(**result)


def carry_out(act: Act, options: Options, arguments: Options) -> Options:
    """Do what a module does in this process, and return what it would have said.

    Args:
        act: Does what the module is for, and returns its result.
        options: Its arguments besides `server` and `project`.
        arguments: What a task gave it, as it comes out of JSON.
    """
    checked = ModuleArgumentSpecValidator(_specification(options)).validate(arguments)
    if checked.error_messages:
        result = {"failed": True, "msg": "; ".join(checked.error_messages)}
    else:
        result = _outcome(act, checked.validated_parameters)
    # As `AnsibleModule` does with everything it returns.
    return dict(remove_values(result, checked._no_log_values))  # noqa: SLF001


def _specification(options: Options) -> Options:
    return {"server": SERVER, "project": TEXT, **options}


def _outcome(act: Act, options: Options) -> Options:
    """Do it. A refusal has a stable code, by which the control side raises the right error."""
    try:
        return act(Stage(options))
    except Refused as error:
        return _failure(error.message, error.code)
    except OSError as error:
        return _failure(f"{error.strerror}: {error.filename}", "deployment_failed")


def _failure(message: str, code: str) -> Options:
    return {"failed": True, "msg": message, "telewright": {"error": code}}
