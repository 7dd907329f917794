"""Forges, and what is put into them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.github import FakeGitHub
from tests.integration.forge.machines import OnGitHub


@pytest.fixture
async def on_github(tmp_path: Path) -> AsyncIterator[OnGitHub]:
    async with FakeGitHub() as github:
        machines = OnGitHub(github, tmp_path)
        try:
            yield machines
        finally:
            machines.close()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "app").mkdir(parents=True)
    (tree / "README.md").write_text("# Hello\n")
    (tree / "app" / "main.py").write_text("print('hello')\n")
    return tree
