"""Repositories on this machine, made by a real git."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from infrastructure.forge import (
    BadTree,
    BranchMoved,
    Commit,
    LocalForge,
    NameTaken,
    NoCommit,
    NoRepository,
    Repository,
)
from shared.errors import BadInput

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CODE = Path(__file__).resolve().parents[3]


@pytest.fixture
def forge(tmp_path: Path) -> LocalForge:
    return LocalForge(tmp_path / "home")


@pytest.fixture
async def repository(forge: LocalForge) -> Repository:
    return await forge.ensure_repository("hello", "A greeting", owner_key="project-1")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "app").mkdir(parents=True)
    (tree / "README.md").write_text("# Hello\n")
    (tree / "app" / "main.py").write_text("print('hello')\n")
    return tree


async def commit(
    forge: LocalForge,
    repository: Repository,
    tree: Path,
    *,
    parent: str | None = None,
    message: str = "Begin",
) -> Commit:
    return await forge.commit(
        repository, tree, branch="main", message=message, author_date=WHEN, expected_parent=parent
    )


def git(repository: Repository, *arguments: str) -> str:
    return subprocess.run(
        ["git", "--git-dir", repository.url, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def files_of(repository: Repository, sha: str) -> set[str]:
    return set(
        git(repository, "-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", sha).splitlines()
    )


async def test_a_repository_is_made_once(forge: LocalForge, repository: Repository) -> None:
    again = await forge.ensure_repository("hello", "A greeting", owner_key="project-1")

    assert again == repository
    assert git(repository, "rev-parse", "--is-bare-repository") == "true"


async def test_a_name_of_another_project_is_taken(forge: LocalForge, repository: Repository) -> None:
    with pytest.raises(NameTaken, match="hello"):
        await forge.ensure_repository("hello", "Mine", owner_key="project-2")


async def test_of_many_projects_that_want_a_name_at_once_one_gets_it(forge: LocalForge) -> None:
    results = await asyncio.gather(
        *(forge.ensure_repository("hello", "", owner_key=f"project-{number}") for number in range(6)),
        return_exceptions=True,
    )

    assert sum(isinstance(result, Repository) for result in results) == 1
    assert sum(isinstance(result, NameTaken) for result in results) == 5


@pytest.mark.parametrize("name", ["../../etc", "a/b", ".git", "-x", "", "A", "x" * 200, "a\n"])
async def test_a_name_that_leads_elsewhere_is_refused(forge: LocalForge, name: str) -> None:
    with pytest.raises(BadInput):
        await forge.ensure_repository(name, "", owner_key="project-1")


async def test_a_commit_can_be_cloned(
    forge: LocalForge, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    made = await commit(forge, repository, tree)

    subprocess.run(["git", "clone", "--quiet", repository.url, tmp_path / "clone"], check=True)
    assert (tmp_path / "clone" / "app" / "main.py").read_text() == "print('hello')\n"
    assert await forge.head(repository, "main") == made.sha


async def test_the_same_commit_again_changes_nothing(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    first = await commit(forge, repository, tree)
    again = await commit(forge, repository, tree)

    assert again == first
    assert git(repository, "rev-list", "--count", "main") == "1"


async def test_an_early_commit_repeated_after_a_later_one_changes_nothing(
    forge: LocalForge, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    first = await commit(forge, repository, tree)
    (tree / "more.txt").write_text("more")
    second = await commit(forge, repository, tree, parent=first.sha, message="Go on")
    (tree / "more.txt").unlink()

    assert await commit(forge, repository, tree) == first
    assert await forge.head(repository, "main") == second.sha


async def test_another_homes_forge_makes_the_same_commit(
    forge: LocalForge, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    first = await commit(forge, repository, tree)
    elsewhere = LocalForge(tmp_path / "elsewhere")
    other = await elsewhere.ensure_repository("other", "", owner_key="x")

    assert (await commit(elsewhere, other, tree)).sha == first.sha


async def test_the_time_zone_of_a_date_does_not_matter(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    first = await commit(forge, repository, tree)
    moved = WHEN.astimezone(timezone(timedelta(hours=5)))

    again = await forge.commit(
        repository, tree, branch="main", message="Begin", author_date=moved, expected_parent=None
    )

    assert again == first


async def test_a_branch_that_was_pushed_to_is_not_overwritten(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    first = await commit(forge, repository, tree)
    (tree / "theirs.txt").write_text("theirs")
    await commit(forge, repository, tree, parent=first.sha, message="Theirs")
    (tree / "mine.txt").write_text("mine")

    with pytest.raises(BranchMoved, match="main"):
        await commit(forge, repository, tree, parent=first.sha, message="Mine")


async def test_a_parent_that_does_not_exist_is_a_moved_branch(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    with pytest.raises(BranchMoved):
        await commit(forge, repository, tree, parent="1" * 40)


async def test_trailers_stand_below_the_message(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    made = await forge.commit(
        repository,
        tree,
        branch="main",
        message="Begin\n\nWith a reason.",
        author_date=WHEN,
        expected_parent=None,
        trailers={"Run": "run-1\nEvil: yes"},
    )

    assert (
        git(repository, "log", "-1", "--format=%(trailers:key=Run,valueonly)", made.sha) == "run-1 Evil: yes"
    )
    assert git(repository, "log", "-1", "--format=%(trailers:key=Evil)", made.sha) == ""


async def test_the_log_is_newest_first(forge: LocalForge, repository: Repository, tree: Path) -> None:
    first = await commit(forge, repository, tree, message="One")
    (tree / "two").write_text("2")
    second = await commit(forge, repository, tree, parent=first.sha, message="Two")

    log = await forge.log(repository, "main")

    assert [(entry.sha, entry.subject) for entry in log] == [(second.sha, "Two"), (first.sha, "One")]
    assert log[0].authored_at == WHEN
    assert await forge.log(repository, "no-such-branch") == []


async def test_what_gitignore_names_is_left_out(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    (tree / ".gitignore").write_text("__pycache__/\n*.log\n")
    (tree / "app" / "__pycache__").mkdir()
    (tree / "app" / "__pycache__" / "main.pyc").write_text("")
    (tree / "a.log").write_text("")
    (tree / ".ci.yml").write_text("")

    made = await commit(forge, repository, tree)

    assert files_of(repository, made.sha) == {".gitignore", ".ci.yml", "README.md", "app/main.py"}


async def test_an_empty_directory_can_be_committed(
    forge: LocalForge, repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()

    made = await commit(forge, repository, tmp_path / "empty")

    assert files_of(repository, made.sha) == set()


@pytest.mark.parametrize(
    "name", ["-rf", " leading", '"quoted"', "emoji 🦊", "עברית", "a\\b", "%s", "$(id)", "*"]
)
async def test_odd_names_are_committed_as_they_are(
    forge: LocalForge, repository: Repository, tree: Path, tmp_path: Path, name: str
) -> None:
    (tree / name).write_text("odd")

    made = await commit(forge, repository, tree)
    await forge.export(repository, made.sha, tmp_path / "out")

    assert (tmp_path / "out" / name).read_text() == "odd"


@pytest.mark.parametrize("name", [b"line\nbreak", b"\xff\xfe", b"bell\x07", b"\xe2\x80\xaeevil"])
async def test_names_that_cannot_be_shown_are_refused(
    forge: LocalForge, repository: Repository, tree: Path, name: bytes
) -> None:
    Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_text("")

    with pytest.raises(BadTree, match="cannot be shown"):
        await commit(forge, repository, tree)


async def test_a_repository_inside_the_directory_is_neither_used_nor_committed(
    forge: LocalForge, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    for place in (tree, tree / "app"):
        subprocess.run(["git", "init", "--quiet", place], check=True)
        hook = place / ".git" / "hooks" / "reference-transaction"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
        hook.chmod(0o755)
        with (place / ".git" / "config").open("a") as config:
            config.write(f"[core]\n\tfsmonitor = touch {marker}\n\tpager = touch {marker}\n")
            config.write(f'[filter "x"]\n\tclean = touch {marker}\n')
    (tree / ".gitattributes").write_text("* filter=x\n")
    (tree / ".GIT").mkdir()
    (tree / ".GIT" / "config").write_text("")

    made = await commit(forge, repository, tree)

    assert files_of(repository, made.sha) == {".gitattributes", "README.md", "app/main.py"}
    assert not marker.exists()


async def test_a_git_file_that_points_elsewhere_is_not_followed(
    forge: LocalForge, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    (tree / ".git").write_text(f"gitdir: {tmp_path / 'elsewhere'}\n")

    made = await commit(forge, repository, tree)

    assert ".git" not in files_of(repository, made.sha)


async def test_a_name_that_another_file_system_takes_for_git_is_refused(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    (tree / "git~1").mkdir()
    (tree / "git~1" / "config").write_text("")

    with pytest.raises(BadTree, match="git~1"):
        await commit(forge, repository, tree)


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../outside", "app/../../outside", "here/../README.md", ".git/config"]
)
async def test_a_link_that_may_lead_outside_is_refused(
    forge: LocalForge, repository: Repository, tree: Path, target: str
) -> None:
    (tree / "here").symlink_to(".")
    (tree / "link").symlink_to(target)

    with pytest.raises(BadTree, match="link"):
        await commit(forge, repository, tree)


async def test_a_link_inside_is_kept_as_a_link(
    forge: LocalForge, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    (tree / "app" / "readme").symlink_to("../README.md")

    made = await commit(forge, repository, tree)
    await forge.export(repository, made.sha, tmp_path / "out")

    assert (tmp_path / "out" / "app" / "readme").is_symlink()
    assert (tmp_path / "out" / "app" / "readme").read_text() == "# Hello\n"


async def test_pipes_and_huge_files_are_refused(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    with (tree / "huge").open("wb") as file:
        file.truncate(51 * 1024 * 1024)
    with pytest.raises(BadTree, match="huge"):
        await commit(forge, repository, tree)
    (tree / "huge").unlink()
    os.mkfifo(tree / "pipe")
    with pytest.raises(BadTree, match="pipe"):
        await commit(forge, repository, tree)


async def test_a_gitignore_that_is_a_pipe_stops_nobody(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    os.mkfifo(tree / ".gitignore")

    with pytest.raises(BadTree, match="gitignore"):
        await commit(forge, repository, tree)


async def test_directories_without_end_are_refused(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    deep = tree
    for _ in range(60):
        deep /= "d"
    deep.mkdir(parents=True)

    with pytest.raises(BadTree, match="deep"):
        await commit(forge, repository, tree)


async def test_an_export_is_the_commit_to_the_byte_whatever_the_attributes_say(
    forge: LocalForge, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    (tree / ".gitattributes").write_text("* text eol=crlf ident export-subst\nREADME.md export-ignore\n")
    (tree / "version").write_text("$Format:%H$ $Id$\n")

    made = await commit(forge, repository, tree)
    await forge.export(repository, made.sha, tmp_path / "out")

    assert (tmp_path / "out" / "README.md").read_bytes() == b"# Hello\n"
    assert (tmp_path / "out" / "version").read_bytes() == b"$Format:%H$ $Id$\n"


@pytest.mark.parametrize("sha", ["0" * 40, "main", "--output=/tmp/x", "HEAD"])
async def test_only_a_commits_full_id_is_exported(
    forge: LocalForge, repository: Repository, tree: Path, tmp_path: Path, sha: str
) -> None:
    await commit(forge, repository, tree)

    with pytest.raises(NoCommit):
        await forge.export(repository, sha, tmp_path / "out")


async def test_a_pushed_commit_with_a_hostile_link_is_not_written(
    forge: LocalForge, repository: Repository, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", repository.url, clone], check=True, capture_output=True)
    (clone / "link").symlink_to("/etc")
    for arguments in (
        ["add", "link"],
        ["-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-qm", "x"],
        ["push", "-q", "origin", "HEAD:main"],
    ):
        subprocess.run(["git", "-C", clone, *arguments], check=True, capture_output=True)

    head = await forge.head(repository, "main")
    assert head is not None
    with pytest.raises(BadTree):
        await forge.export(repository, head, tmp_path / "out")


async def test_an_archived_repository_frees_its_name_and_keeps_its_history(
    forge: LocalForge, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    made = await commit(forge, repository, tree)

    await forge.archive(repository, owner_key="project-1")
    await forge.archive(repository, owner_key="project-1")
    fresh = await forge.ensure_repository("hello", "Another", owner_key="project-2")

    assert await forge.head(fresh, "main") is None
    (kept,) = (tmp_path / "home" / "repositories" / ".archived").iterdir()
    assert git(Repository("hello", str(kept)), "rev-parse", "main") == made.sha


async def test_a_removed_repository_is_gone_and_another_projects_stays(
    forge: LocalForge, repository: Repository
) -> None:
    with pytest.raises(NameTaken):
        await forge.remove(repository, owner_key="project-2")
    await forge.remove(repository, owner_key="project-1")
    await forge.remove(repository, owner_key="project-1")

    with pytest.raises(NoRepository):
        await forge.head(repository, "main")


async def test_locks_that_a_killed_git_left_do_not_stop_the_next(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    bare = Path(repository.url)
    for lock in ("refs/heads/main.lock", "HEAD.lock", "packed-refs.lock", "telewright-index.lock"):
        (bare / lock).parent.mkdir(parents=True, exist_ok=True)
        (bare / lock).write_text("")

    made = await commit(forge, repository, tree)

    assert await forge.head(repository, "main") == made.sha


async def test_many_workers_that_commit_the_same_make_one_commit(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    made = await asyncio.gather(*(commit(forge, repository, tree) for _ in range(5)))

    assert len(set(made)) == 1
    assert git(repository, "rev-list", "--count", "main") == "1"


async def test_a_cancelled_commit_leaves_no_git_behind(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    for number in range(300):
        (tree / f"file-{number}").write_text(str(number))
    task = asyncio.create_task(commit(forge, repository, tree))
    await asyncio.sleep(random.uniform(0, 0.1))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not _processes_at_work_in(Path(repository.url))
    made = await commit(forge, repository, tree)
    assert git(repository, "rev-list", "main") == made.sha


MAKE = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from infrastructure.forge import LocalForge

async def main(home, tree):
    forge = LocalForge(home)
    print("ready", flush=True)
    repository = await forge.ensure_repository("hello", "A greeting", owner_key="project-1")
    made = await forge.commit(repository, tree, branch="main", message="Begin",
        author_date=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), expected_parent=None)
    print(made.sha, flush=True)

asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_worker_killed_anywhere_and_started_again_makes_exactly_one_commit(
    tmp_path: Path, tree: Path, seed: int
) -> None:
    """The kill hits the worker alone, so that its git may be left at work."""
    for number in range(40):
        (tree / f"file-{number}").write_text(str(number))
    moments = random.Random(seed)
    for _ in range(6):
        worker = _start_worker(tmp_path / "home", tree)
        with worker:
            assert worker.stdout is not None
            worker.stdout.readline()
            try:
                worker.wait(moments.uniform(0, 0.3))
            except subprocess.TimeoutExpired:
                worker.send_signal(signal.SIGKILL)

    with _start_worker(tmp_path / "home", tree) as worker:
        output, _ = worker.communicate(timeout=60)

    assert worker.returncode == 0
    repository = Repository("hello", str(tmp_path / "home" / "repositories" / "hello.git"))
    assert git(repository, "rev-list", "--all") == output.split()[-1]
    assert git(repository, "fsck", "--strict", "--no-dangling") == ""
    assert not list(Path(repository.url).rglob("*.lock"))


def _start_worker(home: Path, tree: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MAKE, str(home), str(tree)], cwd=CODE, stdout=subprocess.PIPE, text=True
    )


def _processes_at_work_in(directory: Path) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                environment = (process / "environ").read_bytes()
            except OSError:
                continue
            if f"GIT_DIR={directory}".encode() in environment:
                found.append(process.name)
    return found
