"""A token is with git for as long as git needs it, and nowhere that anybody could read it."""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from infrastructure import programs
from infrastructure.forge import Repository
from infrastructure.forge.github import GitHubError, GitHubForge
from infrastructure.forge.github.credential import credential
from tests.integration.forge.machines import OnGitHub

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def forge(on_github: OnGitHub) -> GitHubForge:
    return on_github.elsewhere()


@pytest.fixture
async def repository(forge: GitHubForge) -> Repository:
    return await forge.ensure_repository("hello", "A greeting", owner_key="project-1")


async def push(forge: GitHubForge, repository: Repository, tree: Path) -> None:
    await forge.commit(
        repository, tree, branch="main", message="Begin", author_date=WHEN, expected_parent=None
    )


def processes_of_git() -> dict[str, bytes]:
    """What anybody on this machine may read of the programs that we have started for git."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        place = Path("/proc") / str(process.pid)
        try:
            public = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
        except OSError:
            continue
        # Not those of the fake server, which run here as well.
        if b"mirrors" in public:
            found[os.fsdecode(public.split(b"\0")[0])] = public
    return found


async def test_a_slow_push_shows_its_token_to_nobody(
    forge: GitHubForge,
    on_github: OnGitHub,
    repository: Repository,
    tree: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    on_github.github.fail("*/git-receive-pack", slow_s=1.0)
    seen: dict[str, bytes] = {}

    with capture_logs() as events:
        pushing = asyncio.create_task(push(forge, repository, tree))
        while not pushing.done():
            seen |= await asyncio.to_thread(processes_of_git)
            await asyncio.sleep(0.01)
        await pushing

    assert any("git" in name for name in seen)
    token = on_github.github.token.encode()
    assert not [name for name, public in seen.items() if token in public]
    assert on_github.github.token not in caplog.text + str(events) + repr(repository)


async def test_nothing_on_the_disk_has_the_token(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    await push(forge, repository, tree)

    token = on_github.github.token.encode()
    mirrors = list(tmp_path.glob("home-*/mirrors/*.git"))
    assert len(mirrors) == 1
    files = [file for file in mirrors[0].rglob("*") if file.is_file()]
    assert not [file for file in files if token in file.read_bytes()]


async def test_an_error_of_git_does_not_tell_the_token(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, tree: Path
) -> None:
    on_github.github.fail("*/git-receive-pack", status=418, times=None, message="teapot")

    with pytest.raises(GitHubError) as caught:
        await push(on_github.elsewhere(patience_s=0), repository, tree)

    assert (
        on_github.github.token
        not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
    )


async def test_somebodys_netrc_does_not_make_us_somebody_else(
    forge: GitHubForge,
    on_github: OnGitHub,
    repository: Repository,
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    stranger = on_github.github.new_token(on_github.github.user("mallory"))
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login mallory password {stranger}\n")
    monkeypatch.setenv("HOME", str(tmp_path))

    await push(forge, repository, tree)


async def test_the_token_is_for_one_host_alone() -> None:
    """Whatever else git is led to, a redirect or another remote, it asks nobody for a password there."""
    with credential("https://github.example/acme/hello.git", "s3cret-value") as held:
        settings = [part for setting in held.settings for part in ("-c", setting)]
        answers = [
            await programs.run(
                ["git", *settings, "credential", "fill"],
                environment={"GIT_TERMINAL_PROMPT": "0", "HOME": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
                content=f"protocol={protocol}\nhost={host}\n\n".encode(),
                keep_open=(held.descriptor,),
            )
            for protocol, host in (
                ("https", "github.example"),
                ("https", "github.example"),
                ("https", "github.example.evil"),
                ("http", "github.example"),
            )
        ]

    assert [b"password=s3cret-value" in answer.output for answer in answers] == [True, True, False, False]
