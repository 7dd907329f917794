"""What a module says that is carried out where its task is."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from infrastructure.deploy.module_utils.telewright.failure import Refused
from infrastructure.deploy.module_utils.telewright.modules import NUMBER, Stage, carry_out

OPTIONS = {"number": NUMBER, "environment": {"type": "dict", "no_log": True}}


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, Any]:
    server = {
        "root": str(tmp_path),
        "sockets": str(tmp_path),
        "caddy": "/bin/caddy",
        "launcher": ["/bin/launch"],
        **dict.fromkeys(("first_port", "last_port", "first_instance_port", "last_instance_port"), 1),
    }
    return {"server": server, "project": "hello", "number": 7}


def test_arguments_are_made_what_they_have_to_be(arguments: dict[str, Any]) -> None:
    def act(stage: Stage) -> dict[str, Any]:
        return {"changed": True, "number": stage.options["number"], "root": stage.place.root.name}

    said = carry_out(act, OPTIONS, {**arguments, "number": "007"})

    assert said == {"changed": True, "number": 7, "root": "hello"}


@pytest.mark.parametrize("wrong", [{"number": "seven"}, {"other": 1}, {"server": {}}])
def test_arguments_that_are_wrong_are_refused_before_anything_is_done(
    arguments: dict[str, Any], wrong: dict[str, Any]
) -> None:
    def act(stage: Stage) -> dict[str, Any]:
        raise AssertionError("nothing is to be done")

    said = carry_out(act, OPTIONS, {**arguments, **wrong})

    assert said["failed"] is True
    assert next(iter(wrong)) in said["msg"] or "root" in said["msg"]


def test_a_refusal_has_its_code(arguments: dict[str, Any]) -> None:
    def act(stage: Stage) -> dict[str, Any]:
        raise Refused("the port is taken", code="port_taken")

    assert carry_out(act, OPTIONS, arguments) == {
        "failed": True,
        "msg": "the port is taken",
        "telewright": {"error": "port_taken"},
    }


def test_what_the_machine_cannot_do_is_said_with_the_file(arguments: dict[str, Any]) -> None:
    def act(stage: Stage) -> dict[str, Any]:
        return {"text": Path("/nowhere/at/all").read_text()}

    said = carry_out(act, OPTIONS, arguments)

    assert said["msg"] == "No such file or directory: /nowhere/at/all"
    assert said["telewright"] == {"error": "deployment_failed"}


def test_no_value_of_the_environment_is_in_what_it_says(arguments: dict[str, Any]) -> None:
    secret = secrets.token_hex(8)

    def refuse(stage: Stage) -> dict[str, Any]:
        raise Refused(f"cannot use {stage.options['environment']['TOKEN']}")

    def repeat(stage: Stage) -> dict[str, Any]:
        return {"changed": False, "said": [stage.options["environment"]]}

    for act in (refuse, repeat):
        said = carry_out(act, OPTIONS, {**arguments, "environment": {"TOKEN": secret}})
        assert secret not in str(said)
