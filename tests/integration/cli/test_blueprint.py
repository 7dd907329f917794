"""What `telewright blueprint check` says of a directory."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli.blueprint import UnfitBlueprint, check_blueprint
from infrastructure.blueprints import catalogue
from shared.settings import Settings

# The smallest there is: its tests take the least time.
GOOD = next(blueprint.directory for blueprint in catalogue() if blueprint.name == "static-site")


@pytest.fixture
def offline(tmp_path: Path) -> Settings:
    """Settings of a machine where nothing runs: a check needs no database."""
    return Settings(telewright_home=tmp_path / "home", _env_file=None)


async def test_a_good_one_is_said_to_be_fit(offline: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    await check_blueprint(offline, GOOD)

    assert capsys.readouterr().out == "static-site is fit for use.\n"


async def test_what_is_wrong_with_one_is_listed(
    offline: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = shutil.copytree(GOOD, tmp_path / "bad")
    (bad / "template" / "deploy.yaml").unlink()
    shutil.rmtree(bad / "template" / "tests")

    with pytest.raises(UnfitBlueprint, match="bad is not fit for use: 2 to correct"):
        await check_blueprint(offline, bad)

    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == ["contract", "tests"]
