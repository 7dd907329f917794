"""Releases and the packages in them, with a real git, a real uv and the real sandbox."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infrastructure.blueprints import catalogue
from infrastructure.bytecode import compile_packages
from infrastructure.contract import BadContract, load
from infrastructure.dependencies import Dependencies, DependenciesUnavailable
from infrastructure.forge import LocalForge, NoCommit, Repository
from infrastructure.lockfile import BadLock
from infrastructure.project_tests import run_tests
from infrastructure.releases import ReleaseArtifact, ReleaseBuilder
from infrastructure.sandbox import BubblewrapSandbox, Limits
from shared.errors import BadInput

CODE = Path(__file__).resolve().parents[3]
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TEMPLATE = next(item.directory for item in catalogue() if item.name == "scheduled-job") / "template"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project, whose packages are few."""
    project = tmp_path / "project"
    (project / "tests").mkdir(parents=True)
    (project / "service").mkdir()
    for name in ("requirements.lock", "requirements-test.lock", "deploy.yaml"):
        shutil.copy(TEMPLATE / name, project)
    (project / "service" / "__init__.py").write_text("import apscheduler\n")
    (project / "run.sh").write_text("#!/bin/sh\n")
    (project / "run.sh").chmod(0o755)
    (project / "tests" / "test_it.py").write_text("def test_it():\n    import service\n")
    return project


def builder(home: Path) -> ReleaseBuilder:
    return ReleaseBuilder(home, LocalForge(home), Dependencies(home))


async def committed(home: Path, project: Path, name: str = "hello") -> tuple[Repository, str]:
    forge = LocalForge(home)
    repository = await forge.ensure_repository(name, "", owner_key="project-1")
    made = await forge.commit(
        repository, project, branch="main", message="Begin", author_date=WHEN, expected_parent=None
    )
    return repository, made.sha


async def built(home: Path, project: Path) -> ReleaseArtifact:
    return await builder(home).build("hello", *await committed(home, project))


async def test_a_release_holds_the_commit_and_its_packages(home: Path, project: Path) -> None:
    release = await built(home, project)

    with tarfile.open(release.archive) as archive:
        names = archive.getnames()
        description = archive.extractfile("release.json")
        assert description is not None
        assert json.load(description)["commit"] == release.commit
        assert archive.getmember("app/run.sh").mode == 0o755
    assert "app/service/__init__.py" in names
    assert "site-packages/apscheduler/__init__.py" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith("site-packages/bin")]
    assert not [name for name in names if "pytest" in name]
    assert release.archive == home / "releases" / "hello" / f"{release.commit}.tar.gz"
    assert release.contract == load(project)


async def test_a_release_runs_with_nothing_but_itself(home: Path, project: Path, tmp_path: Path) -> None:
    release = await built(home, project)
    with tarfile.open(release.archive) as archive:
        archive.extractall(tmp_path / "out")

    subprocess.run(
        [f"{sys.base_prefix}/bin/python3", "-c", "import service"],
        cwd=tmp_path / "out" / "app",
        env={"PYTHONPATH": str(tmp_path / "out" / "site-packages")},
        check=True,
    )


async def test_two_homes_build_the_same_bytes(home: Path, project: Path, tmp_path: Path) -> None:
    first = await built(home, project)
    second = await built(tmp_path / "elsewhere", project)

    assert second.digest == first.digest
    assert second.archive.read_bytes() == first.archive.read_bytes()


async def test_byte_code_of_the_packages_changes_nothing_of_a_release(
    home: Path, project: Path, tmp_path: Path
) -> None:
    first = await built(home, project)
    packages = await Dependencies(tmp_path / "elsewhere").runtime(project)
    assert not list(packages.rglob("__pycache__"))
    await compile_packages(packages)
    assert list(packages.rglob("apscheduler/**/*.pyc"))

    second = await built(tmp_path / "elsewhere", project)

    assert second.digest == first.digest


async def test_what_tests_run_with_is_compiled(home: Path, project: Path) -> None:
    packages = await Dependencies(home).testing(project)

    sources = {file.relative_to(packages) for file in packages.glob("_pytest/*.py")}
    assert sources
    assert len(list(packages.glob("_pytest/__pycache__/*.pyc"))) == len(sources)


async def test_files_carry_the_commits_date(home: Path, project: Path) -> None:
    release = await built(home, project)

    with tarfile.open(release.archive) as archive:
        assert {entry.mtime for entry in archive} == {int(WHEN.timestamp())}
        assert {(entry.uid, entry.gid, entry.uname, entry.gname) for entry in archive} == {(0, 0, "", "")}


async def test_a_release_is_built_once(home: Path, project: Path) -> None:
    first = await built(home, project)
    before = first.archive.stat()

    again = await built(home, project)

    assert again == first
    assert first.archive.stat().st_ino == before.st_ino


async def test_a_damaged_or_half_written_release_does_not_count(home: Path, project: Path) -> None:
    release = await built(home, project)
    whole = release.archive.read_bytes()
    for damaged in (whole[:-20], whole[: len(whole) // 2], b"", whole[:-6] + b"\0\0" + whole[-4:]):
        release.archive.write_bytes(damaged)
        assert await builder(home).find("hello", release.commit) is None

    assert (await built(home, project)).digest == release.digest
    assert release.archive.read_bytes() == whole


async def test_a_release_that_was_removed_is_not_found(home: Path, project: Path) -> None:
    release = await built(home, project)

    await builder(home).remove("hello", release.commit)
    await builder(home).remove("hello", release.commit)

    assert await builder(home).find("hello", release.commit) is None


async def test_many_that_build_at_once_get_the_same_release(home: Path, project: Path) -> None:
    repository, sha = await committed(home, project)

    releases = await asyncio.gather(*(builder(home).build("hello", repository, sha) for _ in range(4)))

    assert len({release.digest for release in releases}) == 1
    assert [file.name for file in (home / "releases" / "hello").iterdir()] == [f"{sha}.tar.gz"]


async def test_what_cannot_be_released_is_said(home: Path, project: Path) -> None:
    repository, _ = await committed(home, project)
    with pytest.raises(NoCommit):
        await builder(home).build("hello", repository, "0" * 40)
    with pytest.raises(NoCommit):
        await builder(home).build("hello", repository, "main")
    with pytest.raises(BadInput):
        await builder(home).find("../x", "0" * 40)

    (project / "deploy.yaml").write_text("version: 2\n")
    with pytest.raises(BadContract, match="version"):
        await builder(home).build("hello", *await committed(home, project, "no-contract"))


@pytest.mark.parametrize(
    "lock",
    [
        "--index-url https://127.0.0.1:9/simple\n",
        "-e .\n",
        "apscheduler==3.11.3\n",
        f"apscheduler==3.11.3 --hash=sha256:{'0' * 64}\n",
    ],
)
async def test_a_lock_that_asks_for_more_than_hashed_wheels_is_refused(
    home: Path, project: Path, lock: str
) -> None:
    (project / "requirements.lock").write_text(lock)

    with pytest.raises(BadLock):
        await Dependencies(home).runtime(project)
    assert not [path for path in (home / "dependencies").glob("*") if not path.name.startswith(".")]


@pytest.mark.parametrize("form", ["{user}:{password}@", "{password}@"])
async def test_an_index_that_cannot_be_reached_is_named_without_its_password(
    home: Path, project: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    password = secrets.token_hex(20)
    login = form.format(user="somebody", password=password)
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://{login}127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    (project / "requirements.lock").write_text(f"telewright-unheard-of==1 --hash=sha256:{'0' * 64}\n")

    with pytest.raises(DependenciesUnavailable, match=r"127\.0\.0\.1") as unavailable:
        await Dependencies(home).runtime(project)

    assert password[:6] not in unavailable.value.message


@pytest.mark.parametrize("spaces", range(1, 70, 10))
async def test_a_lock_line_that_is_refused_is_quoted_without_its_password(
    home: Path, project: Path, spaces: int
) -> None:
    password = secrets.token_hex(20)
    line = f"--index-url{'-' * spaces} https://somebody:{password}@example.org/simple\n"
    (project / "requirements.lock").write_text(line)

    with pytest.raises(BadLock) as refused:
        await Dependencies(home).runtime(project)

    assert password[:6] not in refused.value.message


async def test_a_hostile_pyproject_does_not_choose_the_index(home: Path, project: Path) -> None:
    (project / "pyproject.toml").write_text(
        '[[tool.uv.index]]\nurl = "http://127.0.0.1:9/simple"\ndefault = true\n'
    )

    assert (await Dependencies(home).runtime(project) / "apscheduler").is_dir()


async def test_a_project_without_packages_has_an_empty_directory(home: Path, project: Path) -> None:
    (project / "requirements.lock").write_text("# none\n")

    assert list((await Dependencies(home).runtime(project)).iterdir()) == []


async def test_equal_locks_share_a_directory(home: Path, project: Path, tmp_path: Path) -> None:
    other = shutil.copytree(project, tmp_path / "other")

    one, two = await asyncio.gather(Dependencies(home).runtime(project), Dependencies(home).runtime(other))

    assert one == two
    assert await Dependencies(home).testing(project) != one


BUILD = """
import asyncio, sys
from pathlib import Path
from infrastructure.dependencies import Dependencies, DependenciesUnavailable
from infrastructure.forge import LocalForge, Repository
from infrastructure.releases import ReleaseBuilder
home, url, sha = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
print("ready", flush=True)
builder = ReleaseBuilder(home, LocalForge(home), Dependencies(home))
print(asyncio.run(builder.build("hello", Repository("hello", url), sha)).digest)
"""


@pytest.mark.parametrize("seed", range(3))
def test_a_builder_killed_anywhere_and_started_again_builds_the_release(
    home: Path, project: Path, tmp_path: Path, seed: int
) -> None:
    expected = asyncio.run(built(tmp_path / "elsewhere", project)).digest
    repository, sha = asyncio.run(committed(home, project))
    moments = random.Random(seed)
    for _ in range(4):
        with _start(home, repository, sha) as worker:
            assert worker.stdout is not None
            worker.stdout.readline()
            try:
                worker.wait(moments.uniform(0, 0.5))
            except subprocess.TimeoutExpired:
                worker.send_signal(signal.SIGKILL)

    with _start(home, repository, sha) as worker:
        output, _ = worker.communicate(timeout=60)

    assert worker.returncode == 0
    assert output.split()[-1] == expected
    assert [file.name for file in (home / "releases" / "hello").glob("*")] == [f"{sha}.tar.gz"]
    assert not list((home / "dependencies").glob(".new-*"))


def _start(home: Path, repository: Repository, sha: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(home), repository.url, sha],
        cwd=CODE,
        stdout=subprocess.PIPE,
        text=True,
    )


async def test_a_projects_tests_run_in_the_sandbox_with_its_packages(home: Path, project: Path) -> None:
    lines: list[str] = []

    async def listen(line: str) -> None:
        lines.append(line)

    report = await run_tests(
        project, load(project), sandbox=BubblewrapSandbox(), dependencies=Dependencies(home), on_line=listen
    )

    assert report.passed, report.output
    assert report.summary.startswith("1 passed")
    assert lines


async def test_failing_tests_are_a_report(home: Path, project: Path) -> None:
    (project / "tests" / "test_it.py").write_text("def test_it():\n    assert 1 == 2\n")

    report = await run_tests(
        project, load(project), sandbox=BubblewrapSandbox(), dependencies=Dependencies(home)
    )

    assert not report.passed
    assert report.summary.startswith("1 failed")
    assert "assert 1 == 2" in report.output


async def test_tests_without_end_are_stopped_and_it_is_said(home: Path, project: Path) -> None:
    (project / "tests" / "test_it.py").write_text("def test_it():\n    while True: pass\n")

    report = await run_tests(
        project,
        load(project),
        sandbox=BubblewrapSandbox(),
        dependencies=Dependencies(home),
        limits=Limits(wall_s=5),
    )

    assert not report.passed
    assert "too long" in report.summary
