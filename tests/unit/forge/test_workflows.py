"""What is read of workflows: where they stand, and which checks they will make of a pull request."""

from __future__ import annotations

from pathlib import Path

import pytest

from infrastructure.blueprints import catalogue
from infrastructure.forge.workflows import checks_of_pull_requests, is_workflow


@pytest.mark.parametrize("blueprint", catalogue(), ids=lambda one: one.name)
def test_every_blueprint_has_a_check_that_can_be_waited_for(blueprint: object) -> None:
    directory = next(one.directory for one in catalogue() if one == blueprint)
    assert checks_of_pull_requests(directory / "template") == ("test",)


@pytest.mark.parametrize(
    ("workflow", "names"),
    [
        ("on: pull_request\njobs: {test: {}, lint: {name: Lint}}", ("test", "Lint")),
        ("on: [push, pull_request]\njobs: {test: {if: x, needs: y}}", ("test",)),
        ("'on': {pull_request: }\njobs: {test: {}}", ("test",)),
        ("on: push\njobs: {test: {}}", ()),
        ("on: {pull_request: {paths: [docs]}}\njobs: {test: {}}", ()),
        ("on: pull_request\njobs: {test: {strategy: {matrix: {a: [1, 2]}}}, other: {uses: ./x.yml}}", ()),
        ("on: pull_request\njobs: {test: {name: 'on ${{ matrix.os }}'}}", ()),
        ("on: pull_request\njobs: [test]", ()),
        ("on: pull_request\njobs: {test: nothing}", ()),
        ("[", ()),
        ("", ()),
        ("!!python/object/apply:os.system [true]", ()),
        ("[" * 5000, ()),
    ],
)
def test_only_what_is_sure_to_come_is_named(tmp_path: Path, workflow: str, names: tuple[str, ...]) -> None:
    place = tmp_path / ".github" / "workflows"
    place.mkdir(parents=True)
    (place / "ci.yml").write_text(workflow)
    assert checks_of_pull_requests(tmp_path) == names


def test_nothing_is_read_behind_a_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "workflows").mkdir(parents=True)
    (elsewhere / "workflows" / "ci.yml").write_text("on: pull_request\njobs: {test: {}}")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / ".github").symlink_to(elsewhere)
    assert checks_of_pull_requests(tree) == ()


@pytest.mark.parametrize("path", [".github/workflows/ci.yml", ".GitHub/Workflows/x", ".github/workflows"])
def test_a_workflow_is_one_in_any_case(path: str) -> None:
    assert is_workflow(path)


@pytest.mark.parametrize(
    "path", ["github/workflows/ci.yml", ".github/workflows-2/x", "docs/.github/workflows/x"]
)
def test_other_files_are_none(path: str) -> None:
    assert not is_workflow(path)
