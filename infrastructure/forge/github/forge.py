"""Projects' repositories on GitHub: git for the code, the API for the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from github.Repository import Repository as Remote
from github.Requester import Requester

from infrastructure.forge import reading
from infrastructure.forge.bare import branch_reference, require_name, work_reference
from infrastructure.forge.github import repositories
from infrastructure.forge.github.client import GitHubClient
from infrastructure.forge.github.errors import Archived, BadCredentials, MissingRight
from infrastructure.forge.github.hosting import GitHubHosting
from infrastructure.forge.github.mirror import Mirror, mirror
from infrastructure.forge.github.repositories import Wanted
from infrastructure.forge.github.survey import GitHubSurvey
from infrastructure.forge.mirrors import Mirrors
from infrastructure.forge.protocol import BranchMoved, Commit, LogEntry, NoCommit, Repository
from infrastructure.forge.reading import FileInfo
from infrastructure.forge.snapshots import write_snapshot
from infrastructure.forge.workflows import changed_in_history, changed_in_tree

T = TypeVar("T")


class GitHubForge(GitHubHosting):
    """A `Forge` and `Hosting` of repositories on GitHub, with mirrors in `<home>/mirrors/<id>.git`."""

    def __init__(self, home: Path, client: GitHubClient, owner: str | None = None) -> None:
        """Put it together; nothing is asked yet.

        Args:
            home: Where the mirrors are kept; they can be lost at any time.
            client: Asks GitHub.
            owner: Who owns the repositories; the token's own account when left out.
        """
        super().__init__(client, owner)
        self._mirrors = Mirrors(home)
        self.survey = GitHubSurvey(client, owner)
        """Looks at all of the owner's repositories, and asks for what has changed."""

    async def ensure_repository(
        self, name: str, description: str, *, owner_key: str, known_id: int | None = None
    ) -> Repository:
        """See `Forge.ensure_repository`."""
        require_name(name)
        return await self._client.call(
            lambda requester: repositories.ensure(
                requester,
                Wanted(self._owner(), name, description, owner_key),
                known_id,
                self._client.credentials.login,
            )
        )

    async def commit(
        self,
        repository: Repository,
        tree: Path,
        *,
        branch: str,
        message: str,
        author_date: datetime,
        expected_parent: str | None,
        trailers: Mapping[str, str] = {},
    ) -> Commit:
        """See `Forge.commit`."""
        reference = branch_reference(branch)

        async def story(copy: Mirror, remote: Remote) -> Commit:
            if remote.archived:
                raise Archived(f"{remote.full_name} is archived on GitHub, and read-only")
            head = await copy.fetched_head(reference)
            if expected_parent is not None:
                await copy.fetch(expected_parent)
            proposal = await copy.local.propose(
                tree,
                branch=branch,
                head=head,
                message=message,
                author_date=author_date,
                expected_parent=expected_parent,
                trailers=trailers,
            )
            if not proposal.stands:
                await _push(copy, proposal.sha, reference, expected_parent)
            return Commit(proposal.sha, f"{remote.html_url}/commit/{proposal.sha}")

        return await self._mirrored(repository, story)

    async def head(self, repository: Repository, branch: str) -> str | None:
        """See `Forge.head`."""
        reference = branch_reference(branch)
        return await self._mirrored(repository, lambda copy, _: copy.remote_head(reference))

    async def export(self, repository: Repository, commit: str, target: Path) -> None:
        """See `Forge.export`."""

        async def story(copy: Mirror, _: Remote) -> None:
            if not await copy.fetch(commit):
                raise NoCommit(f"{repository.name} has no commit {commit[:12]}")
            await copy.local.export(commit, target)

        await self._mirrored(repository, story)

    async def log(self, repository: Repository, branch: str, *, limit: int = 20) -> list[LogEntry]:
        """See `Forge.log`."""
        reference = branch_reference(branch)

        async def story(copy: Mirror, _: Remote) -> list[LogEntry]:
            head = await copy.fetched_head(reference)
            return await copy.local.log(head, limit) if head else []

        return await self._mirrored(repository, story)

    async def files(self, repository: Repository, commit: str) -> list[FileInfo]:
        """See `Reading.files`."""

        async def story(copy: Mirror, _: Remote) -> list[FileInfo]:
            if not await copy.fetch(commit):
                raise NoCommit(f"{repository.name} has no commit {commit[:12]}")
            return await reading.files(copy.local.git, commit)

        return await self._mirrored(repository, story)

    async def contents(self, repository: Repository, blobs: Collection[str]) -> dict[str, bytes]:
        """See `Reading.contents`; they are in the mirror since `files`."""
        return await self._mirrored(repository, lambda copy, _: reading.contents(copy.local.git, blobs))

    async def save_work(
        self, repository: Repository, tree: Path, *, run: str, author_date: datetime
    ) -> str:  # fmt: skip
        """See `Forge.save_work`."""
        reference = work_reference(run)

        async def story(copy: Mirror, _: Remote) -> str:
            sha = await write_snapshot(copy.local, tree, run=run, author_date=author_date)
            if await copy.remote_head(reference) != sha:
                await copy.replace(sha, reference)
            return sha

        return await self._mirrored(repository, story)

    async def saved_work(self, repository: Repository, *, run: str) -> str | None:
        """See `Forge.saved_work`."""
        reference = work_reference(run)
        return await self._mirrored(repository, lambda copy, _: copy.fetched_head(reference))

    async def drop_work(self, repository: Repository, *, run: str) -> None:
        """See `Forge.drop_work`."""
        reference = work_reference(run)
        await self._mirrored(repository, lambda copy, _: copy.drop(reference))

    async def drop_branch(self, repository: Repository, branch: str, *, expected: str) -> bool:
        """See `Hosting.drop_branch`: GitHub compares and removes in one."""
        reference = branch_reference(branch)
        return await self._mirrored(repository, lambda copy, _: copy.drop_at(expected, reference))

    async def workflow_changes(
        self, repository: Repository, tree: Path, *, since: str | None
    ) -> tuple[str, ...]:
        """See `Hosting.workflow_changes`."""

        async def story(copy: Mirror, _: Remote) -> tuple[str, ...]:
            if since is not None and not await copy.fetch(since):
                raise NoCommit(f"{repository.name} has no commit {since[:12]}")
            return await changed_in_tree(copy.local, tree, since)

        return await self._mirrored(repository, story)

    async def workflow_changes_between(
        self, repository: Repository, base: str | None, head: str
    ) -> tuple[str, ...]:
        """See `Hosting.workflow_changes_between`."""

        async def story(copy: Mirror, _: Remote) -> tuple[str, ...]:
            for sha in filter(None, (base, head)):
                if not await copy.fetch(sha):
                    raise NoCommit(f"{repository.name} has no commit {sha[:12]}")
            return await changed_in_history(copy.local, base, head)

        return await self._mirrored(repository, story)

    async def archive(self, repository: Repository, *, owner_key: str) -> None:
        """See `Forge.archive`: it is renamed and archived on GitHub; a known id finds it before its name."""
        await self._client.call(
            lambda requester: repositories.put_away(
                requester, Wanted(self._owner(), repository.name, "", owner_key), repository.id
            )
        )

    async def remove(self, repository: Repository, *, owner_key: str) -> None:
        """See `Forge.remove`; a known id finds it before its name. This machine's mirror goes too."""
        number = await self._client.call(
            lambda requester: repositories.remove(
                requester, Wanted(self._owner(), repository.name, "", owner_key), repository.id
            )
        )
        if number is not None:
            await self._mirrors.remove(number)

    async def examine(self) -> str:
        """Return who we are on GitHub, and for whom.

        Raises:
            GitHubError: The token or app cannot do what is needed; the advice says what to do.
            BadSetting: There is no such owner.
        """

        def story(requester: Requester) -> str:
            login, owner = self._client.credentials.login(), self._owner()
            repositories.creator(requester, owner, login)
            if missing := self._client.credentials.rights_missing():
                raise MissingRight(f"{login} lacks {', '.join(missing)}")
            return f"{login}, for repositories of {owner}"

        return await self._client.call(story)

    def close(self) -> None:
        """Let go of the threads that ask GitHub."""
        self._client.close()

    async def _mirrored(
        self, repository: Repository, story: Callable[[Mirror, Remote], Awaitable[T]]
    ) -> T:  # fmt: skip
        """Tell a story of a repository and its mirror, again from its beginning when trouble passes."""

        async def whole() -> T:
            remote = await self._find(repository)
            token = await self._client.token()
            try:
                async with self._mirror(remote, token) as copy:
                    return await story(copy, remote)
            except BadCredentials:
                if not self._client.credentials.renew(token):
                    raise
            async with self._mirror(remote, await self._client.token()) as copy:
                return await story(copy, remote)

        return await self._client.patience.run(whole)

    async def _find(self, repository: Repository) -> Remote:
        def story(requester: Requester) -> Remote:
            return repositories.find(requester, self._owner(), repository)

        return await self._client.call(story)

    @asynccontextmanager
    async def _mirror(self, remote: Remote, token: str) -> AsyncIterator[Mirror]:
        async with mirror(self._mirrors, remote.id, remote.name, remote.clone_url, token) as copy:
            yield copy


async def _push(copy: Mirror, sha: str, reference: str, expected: str | None) -> None:
    try:
        await copy.push(sha, reference, expected=expected)
    except BranchMoved:
        # Perhaps by ourselves, on another machine, or with an answer that we did not hear.
        if not await copy.stands_at(sha, reference):
            raise
