"""The mirror of one GitHub repository on this machine: commits are written here, and pushed from here."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infrastructure import programs
from infrastructure.forge import bare
from infrastructure.forge.bare import BareRepository, is_sha
from infrastructure.forge.git import Git
from infrastructure.forge.github.complaints import meaning
from infrastructure.forge.github.credential import credential
from infrastructure.forge.mirrors import Mirrors
from infrastructure.forge.protocol import BranchMoved

TIMEOUT_S = 600
"""For one fetch or push: a large repository over a slow line."""

_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
"""What PyGithub's transport obeys too."""


class Mirror:
    """A bare repository here, and the one on GitHub that it goes with."""

    def __init__(self, local: BareRepository, url: str, token: str) -> None:
        """Put the two together.

        Args:
            local: The bare repository.
            url: The remote one's, without credentials.
            token: What GitHub takes as a password.
        """
        self.local = local
        self._url = url
        self._token = token

    async def remote_head(self, reference: str) -> str | None:
        """Return where a reference stands on GitHub, or None if there is none."""
        ended = await self._talk("ls-remote", "--quiet", self._url, reference)
        for line in ended.output.decode().splitlines():
            sha, _, name = line.partition("\t")
            if name == reference:
                return sha
        return None

    async def fetched_head(self, reference: str) -> str | None:
        """Return where a reference stands on GitHub, when its commit and all before it are here."""
        head = await self.remote_head(reference)
        if head is not None and not await self.local.has(head):
            await self._talk("fetch", *_FETCH, self._url, f"+{reference}:{reference}")
            head = await self.local.head(reference)
        return head

    async def fetch(self, sha: str) -> bool:
        """Bring one commit here, wherever it stands, and return whether there is such a commit."""
        if not is_sha(sha):
            return False
        if not await self.local.has(sha):
            ended = await self._run("fetch", *_FETCH, self._url, sha)
            if ended.exit_code != 0 and not _names_no_commit(ended.complaint):
                raise meaning(ended.complaint)
        return await self.local.has(sha)

    async def push(self, sha: str, reference: str, *, expected: str | None) -> None:
        """Let a reference on GitHub stand at a commit, if it stands where we think.

        Raises:
            BranchMoved: It stands elsewhere.
        """
        lease = f"--force-with-lease={reference}:{expected or ''}"
        ended = await self._run("push", *_PUSH, lease, self._url, f"{sha}:{reference}")
        if ended.exit_code != 0:
            if _lost_the_race(ended.output.decode(errors="replace"), ended.complaint):
                raise BranchMoved
            raise meaning(_with_output(ended))
        await self.local.git("update-ref", reference, sha)

    async def stands_at(self, sha: str, reference: str) -> bool:
        """Return whether a reference on GitHub has a commit that is here, as its newest or below."""
        head = await self.fetched_head(reference)
        return head is not None and await self.local.contains(head, sha)

    async def replace(self, sha: str, reference: str) -> None:
        """Let a reference on GitHub stand at a commit, wherever it stood."""
        await self._talk("push", *_PUSH, self._url, f"+{sha}:{reference}")

    async def drop(self, reference: str) -> None:
        """Remove a reference on GitHub; one that is not there is fine.

        Raises:
            BranchMoved: It was moved in that moment.
        """
        head = await self.remote_head(reference)
        if head is not None and not await self.drop_at(head, reference):
            raise BranchMoved

    async def drop_at(self, sha: str, reference: str) -> bool:
        """Remove a reference on GitHub if it stands at a commit, and return whether it is gone."""
        head = await self.remote_head(reference)
        if head == sha:
            lease = f"--force-with-lease={reference}:{sha}"
            ended = await self._run("push", *_PUSH, lease, self._url, f":{reference}")
            lost = _lost_the_race(ended.output.decode(errors="replace"), ended.complaint)
            if ended.exit_code != 0 and not lost:
                raise meaning(_with_output(ended))
            # Perhaps to ourselves: git says it again when the connection breaks before the answer.
            head = await self.remote_head(reference) if lost else None
        if head is None:
            await self.local.git("update-ref", "-d", reference)
        return head is None

    async def _talk(self, *arguments: str) -> programs.Ended:
        ended = await self._run(*arguments)
        if ended.exit_code != 0:
            raise meaning(_with_output(ended))
        return ended

    async def _run(self, *arguments: str) -> programs.Ended:
        with credential(self._url, self._token) as held:
            return await self.local.git(
                *arguments,
                # Somebody's .netrc or .gitconfig must have no say in whom we are.
                environment={"HOME": os.devnull} | _proxies(),
                settings=held.settings,
                keep_open=(held.descriptor,),
                allowed=range(256),
                timeout_s=TIMEOUT_S,
            )


@asynccontextmanager
async def mirror(mirrors: Mirrors, number: int, name: str, url: str, token: str) -> AsyncIterator[Mirror]:
    """Be the only one at work on a repository's mirror while the block runs; it is made if it is missing.

    Args:
        mirrors: Where mirrors are.
        number: The repository's id, which renames do not change.
        name: What people call it.
        url: What git takes, without credentials.
        token: What GitHub takes as a password.
    """
    directory = mirrors.path(number)
    async with mirrors.alone(number) as lock:
        if not directory.is_dir():
            await bare.create(directory, description=name, settings={}, lock=lock)
        # Those that nobody uses are removed.
        directory.touch()
        local = BareRepository(name, Git(directory, lock=lock))
        await local.remove_stale_locks()
        yield Mirror(local, url, token)


_FETCH = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-gc")
_PUSH = ("--quiet", "--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no")


def _lost_the_race(output: str, complaint: str) -> bool:
    said = output + complaint
    return any(
        words in said for words in ("stale info", "fetch first", "non-fast-forward", "cannot lock ref")
    )


def _names_no_commit(complaint: str) -> bool:
    return any(words in complaint for words in ("not our ref", "couldn't find remote ref"))


def _with_output(ended: programs.Ended) -> str:
    """Return what git complained about with the line in which `--porcelain` says it of a reference."""
    refused = [line for line in ended.output.decode(errors="replace").splitlines() if line.startswith("!")]
    return " ".join([ended.complaint, *refused])[-programs.LONGEST_COMPLAINT :]


def _proxies() -> dict[str, str]:
    return {name: os.environ[name] for name in _PROXIES if name in os.environ}
