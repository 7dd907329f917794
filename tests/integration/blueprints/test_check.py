"""What is said about somebody else's blueprint, with its tests in the real sandbox."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from infrastructure.blueprints import Finding, catalogue, check
from infrastructure.dependencies import Dependencies
from infrastructure.sandbox import BubblewrapSandbox
from tests.parts import SharedParts

# The smallest there is: its tests take the least time.
ORIGINAL = next(blueprint for blueprint in catalogue() if blueprint.name == "static-site")


@pytest.fixture
def blueprint(tmp_path: Path) -> Path:
    return shutil.copytree(ORIGINAL.directory, tmp_path / "blueprint")


@pytest.fixture
def dependencies(home: Path, shared_parts: SharedParts) -> Dependencies:
    shared_parts.lend_packages(home)
    return Dependencies(home)


async def findings(blueprint: Path, dependencies: Dependencies) -> list[Finding]:
    return await check(blueprint, sandbox=BubblewrapSandbox(), dependencies=dependencies)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [blueprint.name for blueprint in catalogue()])
async def test_telewrights_own_blueprints_are_fit(dependencies: Dependencies, name: str) -> None:
    directory = next(blueprint.directory for blueprint in catalogue() if blueprint.name == name)

    assert await findings(directory, dependencies) == []


def replace(file: str, old: str, new: str) -> Callable[[Path], None]:
    def change(blueprint: Path) -> None:
        text = (blueprint / file).read_text()
        assert old in text
        (blueprint / file).write_text(text.replace(old, new))

    return change


def remove(*names: str) -> Callable[[Path], None]:
    def change(blueprint: Path) -> None:
        for name in names:
            path = blueprint / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (remove("copier.yml"), "blueprint", "copier.yml is missing"),
        (
            replace("copier.yml", "_subdirectory", "_tasks: [id]\n_subdirectory"),
            "blueprint",
            "_tasks is unsafe",
        ),
        (replace("template/README.md.jinja", "{{", "{{ {{"), "rendering", "README.md.jinja, line 1"),
        (replace("template/README.md.jinja", "#", "{{ 1 // 0 }}"), "rendering", "ZeroDivisionError"),
        (remove("template/deploy.yaml"), "contract", "deploy.yaml: is missing"),
        (replace("template/deploy.yaml", "timeout_s: 20", "timeout_s: 0"), "contract", "health.timeout_s"),
        (remove("template/.github"), "workflow", "no CI workflow"),
        (replace("template/.github/workflows/ci.yml", "jobs:", "jobs: ["), "workflow", "not YAML"),
        (remove("template/tests"), "tests", "no tests"),
        (remove("template/requirements.lock"), "lock", "requirements.lock is missing"),
        (remove("template/requirements-test.lock"), "lock", "requirements-test.lock is missing"),
        (replace("template/requirements.lock", "--hash=sha256:", "#"), "lock", "requirements.lock, line 1"),
        (
            replace("template/README.md.jinja", "#", "{{ range(100000) | random }}"),
            "deterministic",
            "README.md is rendered differently",
        ),
        (
            replace("template/tests/test_site.py", '== {"status": "ok"}', "== {}"),
            "tests",
            "its own tests fail",
        ),
        (
            replace("template/pyproject.toml.jinja", "| to_json(ensure_ascii=False)", ""),
            "tests",
            "its own tests fail",
        ),
    ],
)
async def test_each_fault_is_found_and_said(
    blueprint: Path, dependencies: Dependencies, change: Callable[[Path], None], code: str, message: str
) -> None:
    change(blueprint)

    found = await findings(blueprint, dependencies)

    assert [finding for finding in found if finding.code == code and message in finding.message], found
