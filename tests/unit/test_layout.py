"""What belongs to the project is shipped, typed and held to the layers."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
BESIDE = {"tests", "benchmarks"}


def test_every_package_is_shipped_typed_and_layered() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - BESIDE
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    layers = " ".join(tools["importlinter"]["contracts"][0]["layers"]).replace("|", " ").split()

    assert packages <= set(tools["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert packages | BESIDE <= set(tools["mypy"]["files"])
    assert packages == set(tools["importlinter"]["root_packages"]) == set(layers)
