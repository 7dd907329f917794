"""What is made of a playbook's lines."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from infrastructure.contract import DeployContract
from infrastructure.deploy import (
    BadProjectName,
    BadRelease,
    DeploymentFailed,
    DeploymentFenced,
    DeployRequest,
    MissingVariables,
)
from infrastructure.deploy.ansible import AnsibleDeployer, _environment, _failure
from infrastructure.deploy.play import LONGEST_REASON, Line, Outcome
from infrastructure.deploy.play_process import Narrator, _unsafe
from infrastructure.local_server import LocalServer
from infrastructure.releases import ReleaseArtifact
from shared.errors import TelewrightError


def outcome(*lines: dict[str, Any]) -> Outcome:
    outcome = Outcome()
    for line in lines:
        outcome.take(Line.validate_python(line))
    return outcome


def step(status: str, message: str = "", name: str = "Unpack the release") -> dict[str, Any]:
    return {"kind": "step", "step": name, "status": status, "message": message}


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("bad_release", BadRelease),
        ("deployment_fenced", DeploymentFenced),
        ("deployment_failed", DeploymentFailed),
        ("unheard_of", DeploymentFailed),
    ],
)
def test_the_first_failure_names_the_error(code: str, error: type[TelewrightError]) -> None:
    ended = outcome(
        step("failed", "no"),
        {"kind": "outcome", "error": code},
        {"kind": "outcome", "logs": "last words"},
        step("failed", "later", "Give up on the new instance"),
        {"kind": "end", "succeeded": False},
    )

    raised = ended.error()

    assert type(raised) is error
    assert raised.message == "Unpack the release: no"
    if isinstance(raised, DeploymentFailed):
        assert raised.logs == "last words"


def test_a_playbook_that_never_ended_is_no_success() -> None:
    ended = outcome(step("started"))
    assert not ended.succeeded
    assert "from outside" in ended.error().message
    assert "Try again" in ended.error().advice


def test_a_hidden_result_says_nothing_but_that_it_failed() -> None:
    said: list[dict[str, Any]] = []
    data = {
        "task": "Write the environment",
        "task_action": "telewright_instance",
        "res": {"censored": "hidden", "changed": True},
    }
    Narrator(said.append).hear({"event": "runner_on_failed", "event_data": data})

    assert said == [step("failed", "", "Write the environment") | {"duration_s": 0}]


def test_the_machinery_of_the_playbook_is_not_told() -> None:
    said: list[dict[str, Any]] = []
    narrator = Narrator(said.append)
    for action in ("ansible.builtin.include_tasks", "ansible.builtin.validate_argument_spec"):
        data = {"task": "x", "task_action": action}
        narrator.hear({"event": "playbook_on_task_start", "event_data": data})
    narrator.hear({"event": "playbook_on_stats", "event_data": {}})

    assert said == []


def test_every_text_of_an_order_is_marked_as_unsafe() -> None:
    assert _unsafe({"a": ["{{ x }}", 1, True, None]}) == {
        "a": [{"__ansible_unsafe": "{{ x }}"}, 1, True, None]
    }


def test_a_service_gets_its_defaults_what_was_given_and_what_the_server_says() -> None:
    wanted = {
        "COLOUR": {"description": "c", "default": "red"},
        "SIZE": {"description": "s", "default": "1"},
        "LATER": {"description": "l", "required": False},
    }
    environment = _environment(_request(wanted, SIZE="2", TOKEN=SecretStr("t")))

    assert environment["COLOUR"] == "red"
    assert environment["SIZE"] == "2"
    assert environment["TOKEN"] == "t"
    assert "LATER" not in environment
    with pytest.raises(MissingVariables, match="NEEDED"):
        _environment(_request({"NEEDED": {"description": "n"}}))


def test_a_failure_has_no_half_of_a_secret_where_it_is_cut() -> None:
    known, formed = secrets.token_hex(20), f"sk-{secrets.token_hex(20)}"
    for before in (480, 490, 980, 990):
        said = f"{'x' * before} {known} {formed} visible"
        failed = outcome(
            {"kind": "complaint", "text": said},
            {"kind": "outcome", "logs": said},
            {"kind": "end", "succeeded": False},
        )

        raised = _failure(failed, {"A": SecretStr(known), "B": "visible"})

        assert isinstance(raised, DeploymentFailed)
        for text in (raised.message, raised.logs):
            assert known[:6] not in text
            assert formed[:6] not in text
            assert len(text) <= LONGEST_REASON


def test_the_digest_of_the_playbooks_is_steady(tmp_path: Path) -> None:
    deployer = AnsibleDeployer(LocalServer(tmp_path))
    assert deployer.playbook_digest() == deployer.playbook_digest()
    assert len(deployer.playbook_digest()) == 64


@pytest.mark.parametrize("name", ["../../etc", "", "a.b", "Upper", "a b", "a\n", "-a", "ä", "x" * 70])
async def test_a_name_that_could_leave_its_place_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadProjectName):
        await AnsibleDeployer(LocalServer(tmp_path)).status(name)


def test_a_deployment_may_take_as_long_as_its_contract_lets_it_wait() -> None:
    contract = DeployContract.model_validate(
        {
            "version": 1,
            "processes": {"web": {"command": ["x"], "port": True}},
            "health": {"timeout_s": 600},
            "stop_timeout_s": 300,
        }
    )
    artifact = ReleaseArtifact("hello", "a" * 40, "d", Path("x"), contract)

    assert DeployRequest("hello", artifact, {}, 1).limit_s > 900
    assert DeployRequest("hello", artifact, {}, 1, timeout_s=30).limit_s == 30


def _request(wanted: dict[str, Any], **given: SecretStr | str) -> DeployRequest:
    contract = DeployContract.model_validate(
        {"version": 1, "processes": {"web": {"command": ["x"], "port": True}}, "environment": wanted}
    )
    return DeployRequest("hello", ReleaseArtifact("hello", "a" * 40, "d", Path("x"), contract), given, 1)
