"""The deploy contract: what it takes, and the line it answers with for each wrong field."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.contract import BadContract, load, parse

MINIMAL = {"version": 1, "processes": {"web": {"command": ["python", "-m", "service"], "port": True}}}


def test_a_minimal_contract_has_defaults_for_the_rest() -> None:
    contract = parse(yaml.safe_dump(MINIMAL))

    assert contract.answering == "web"
    assert contract.health.path == "/health"
    assert contract.overlap
    assert contract.test == ["python", "-m", "pytest", "-q"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"version": 2}, "version: "),
        ({"unknown": 1}, "unknown: "),
        ({"processes": {}}, "processes: "),
        ({"processes": {"Web": {"command": ["x"], "port": True}}}, "processes.Web: "),
        ({"processes": {"web": {"command": [], "port": True}}}, "processes.web.command: "),
        ({"processes": {"web": {"command": ["a\nb"], "port": True}}}, "processes.web.command.0: "),
        ({"processes": {"web": {"command": "python x", "port": True}}}, "processes.web.command: "),
        ({"processes": {"web": {"command": ["x"]}}}, "processes: exactly one"),
        ({"health": {"path": "health"}}, "health.path: "),
        ({"health": {"path": "/a b"}}, "health.path: "),
        ({"health": {"timeout_s": 0}}, "health.timeout_s: "),
        ({"environment": {"PORT": {"description": "x"}}}, "environment: PORT is set by the server"),
        ({"environment": {"lower": {"description": "x"}}}, "environment.lower: "),
        ({"environment": {"A": {"description": ""}}}, "environment.A.description: "),
        (
            {"environment": {"A": {"description": "x", "secret": True, "default": "y"}}},
            "environment.A: a secret cannot have a default",
        ),
        ({"resources": {"memory_mb": 1}}, "resources.memory_mb: "),
        ({"stop_timeout_s": 301}, "stop_timeout_s: "),
        ({"test": []}, "test: "),
    ],
)
def test_each_wrong_field_is_named(change: dict[str, object], line: str) -> None:
    with pytest.raises(BadContract) as error:
        parse(yaml.safe_dump(MINIMAL | change))

    assert any(complaint.startswith(line) for complaint in error.value.message.splitlines()), (
        error.value.message
    )


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(BadContract) as error:
        parse(yaml.safe_dump(MINIMAL | {"version": 2, "stop_timeout_s": 0}))

    assert len(error.value.message.splitlines()) == 2


@pytest.mark.parametrize(
    "text", ["", "[]", "a: [", "text", "!!python/object:os.system {}", "\x00", "a: &a [*a]"]
)
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(BadContract):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "version: 2001-99-99",
        "version: " + "9" * 5000,
        "[" * 3000,
        '"\\0\\e[2J": 1',
        '"\\ud800": 1',
        '"' + "a" * 10_000 + '": 1',
        "\n".join(f"a{number}: 1" for number in range(5000)),
        yaml.safe_dump(MINIMAL | {"environment": {"A": {"description": "a\0b"}}}),
        "#" * 10_000_000,
    ],
    ids=["date", "number", "depth", "control", "surrogate", "long", "many", "description", "large"],
)
def test_a_hostile_contract_is_refused_in_words_that_can_be_stored(text: str) -> None:
    with pytest.raises(BadContract) as error:
        parse(text)

    assert error.value.message.encode()
    assert all(line.isprintable() for line in error.value.message.split("\n"))
    assert len(error.value.message) < 4000


@given(st.text(max_size=200))
def test_any_text_is_a_contract_or_a_complaint(text: str) -> None:
    with pytest.raises(BadContract):
        parse(text)


def test_a_missing_linked_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadContract, match="missing"):
        load(tmp_path)
    (tmp_path / "elsewhere").write_text(yaml.safe_dump(MINIMAL))
    (tmp_path / "deploy.yaml").symlink_to("elsewhere")
    with pytest.raises(BadContract, match="missing"):
        load(tmp_path)
    (tmp_path / "deploy.yaml").unlink()
    (tmp_path / "deploy.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadContract, match="UTF-8"):
        load(tmp_path)
