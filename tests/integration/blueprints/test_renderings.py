"""Projects that are rendered once and made several times."""

from __future__ import annotations

from pathlib import Path

import pytest

from infrastructure.blueprints import Answers, BadBlueprint, Renderings, project_name
from shared.errors import BadInput

HELLO = Answers(project_name("hello"), "Says hello")
QUESTIONS = "_subdirectory: template\nproject_name:\n  type: str\ndescription:\n  type: str\n  default: ''\n"
CHANCE = "{{ project_name }} {{ range(100000) | random }}-{{ range(100000) | random }}\n"
"""Whoever renders this twice, sees it."""


@pytest.fixture
def blueprint(tmp_path: Path) -> Path:
    directory = tmp_path / "blueprint"
    (directory / "template" / "bin").mkdir(parents=True)
    (directory / "copier.yml").write_text(QUESTIONS)
    (directory / "template" / "chance.txt.jinja").write_text(CHANCE)
    run = directory / "template" / "bin" / "run"
    run.write_bytes(b"#!/bin/sh\n\xff\n")
    run.chmod(0o755)
    return directory


async def test_what_was_rendered_is_made_again_as_it_was(blueprint: Path, tmp_path: Path) -> None:
    renderings = Renderings()
    for place in ("one", "two"):
        await renderings.render(blueprint, HELLO, tmp_path / place)

    assert _files(tmp_path / "one") == _files(tmp_path / "two")
    assert _files(tmp_path / "one")["bin/run"] == (0o755, b"#!/bin/sh\n\xff\n")


async def test_a_blueprint_that_has_changed_is_rendered_anew(blueprint: Path, tmp_path: Path) -> None:
    renderings = Renderings()
    await renderings.render(blueprint, HELLO, tmp_path / "one")
    (blueprint / "template" / "chance.txt.jinja").write_text("Changed\n")
    await renderings.render(blueprint, HELLO, tmp_path / "two")

    assert (tmp_path / "two" / "chance.txt").read_text() == "Changed\n"


async def test_other_answers_are_rendered_for_themselves(blueprint: Path, tmp_path: Path) -> None:
    renderings = Renderings()
    await renderings.render(blueprint, HELLO, tmp_path / "one")
    await renderings.render(blueprint, Answers(project_name("other")), tmp_path / "two")

    assert (tmp_path / "two" / "chance.txt").read_text().startswith("other ")


async def test_what_was_not_used_for_longest_is_given_up(blueprint: Path, tmp_path: Path) -> None:
    renderings = Renderings(most=1)
    for place, answers in (("one", HELLO), ("other", Answers(project_name("other"))), ("two", HELLO)):
        await renderings.render(blueprint, answers, tmp_path / place)

    assert _files(tmp_path / "one") != _files(tmp_path / "two")


async def test_more_than_plain_files_is_never_made_from_memory(blueprint: Path, tmp_path: Path) -> None:
    (blueprint / "template" / "{% if true %}empty{% endif %}").mkdir()
    renderings = Renderings()
    for place in ("one", "two"):
        await renderings.render(blueprint, HELLO, tmp_path / place)

    assert (tmp_path / "two" / "empty").is_dir()
    assert _files(tmp_path / "one") != _files(tmp_path / "two")


async def test_a_directory_with_something_in_it_is_left_alone(blueprint: Path, tmp_path: Path) -> None:
    renderings = Renderings()
    for place in ("one", "two"):
        await renderings.render(blueprint, HELLO, tmp_path / place)
        with pytest.raises(BadInput, match=f"{place} is not empty"):
            await renderings.render(blueprint, HELLO, tmp_path / place)


async def test_what_does_not_render_is_said_each_time(blueprint: Path, tmp_path: Path) -> None:
    (blueprint / "template" / "chance.txt.jinja").write_text("{{ nothing.at.all }}\n")
    renderings = Renderings()
    for place in ("one", "two"):
        with pytest.raises(BadBlueprint):
            await renderings.render(blueprint, HELLO, tmp_path / place)


def _files(project: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(project)): (path.stat().st_mode & 0o777, path.read_bytes())
        for path in project.rglob("*")
        if path.is_file()
    }
