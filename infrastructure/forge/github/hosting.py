"""What GitHub has on top of git."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from github.Repository import Repository as Remote
from github.Requester import Requester

from infrastructure.forge.github import checks, discussion, pulls, repositories, rules
from infrastructure.forge.github.client import GitHubClient
from infrastructure.forge.hosting import Check, Issue, OpenIssues, PullRequest
from infrastructure.forge.protocol import Repository

T = TypeVar("T")


class GitHubHosting:
    """A `Hosting` on GitHub."""

    def __init__(self, client: GitHubClient, owner: str | None) -> None:
        """Put it together.

        Args:
            client: Asks GitHub.
            owner: Who owns the repositories; the token's own account when left out.
        """
        self._client = client
        self._given_owner = owner

    async def ensure_pull_request(
        self, repository: Repository, *, head: str, base: str, title: str, body: str
    ) -> PullRequest:
        """See `Hosting.ensure_pull_request`."""
        return await self._on(
            repository, lambda remote: pulls.ensure(remote, head=head, base=base, title=title, body=body)
        )

    async def pull_request(self, repository: Repository, number: int) -> PullRequest:
        """See `Hosting.pull_request`."""
        return await self._on(repository, lambda remote: pulls.read(remote, number))

    async def pull_requests_from(self, repository: Repository, branch: str) -> list[PullRequest]:
        """See `Hosting.pull_requests_from`."""
        return await self._on(repository, lambda remote: pulls.proposing(remote, branch))

    async def close_pull_request(self, repository: Repository, number: int) -> None:
        """See `Hosting.close_pull_request`."""
        await self._on(repository, lambda remote: pulls.close(remote, number))

    async def comment_once(self, repository: Repository, number: int, *, key: str, body: str) -> None:
        """See `Hosting.comment_once`."""
        login = self._client.credentials.login
        await self._on(
            repository,
            lambda remote: pulls.comment_once(remote, number, key=key, body=body, login=login()),
        )

    async def checks(self, repository: Repository, sha: str) -> list[Check]:
        """See `Hosting.checks`."""
        return await self._on(repository, lambda remote: checks.read(remote, sha))

    async def merge(
        self, repository: Repository, number: int, *, head_sha: str, base: str, base_sha: str, message: str
    ) -> str:
        """See `Hosting.merge`.

        GitHub itself holds to the head alone, unless the branch is protected
        with checks: the base is looked at right before, and whoever pushes to
        it in that moment is not seen.
        """
        return await self._on(
            repository,
            lambda remote: pulls.merge(
                remote, number, head_sha=head_sha, base=base, base_sha=base_sha, message=message
            ),
        )  # fmt: skip

    async def tree_of(self, repository: Repository, commit: str) -> str:
        """See `Hosting.tree_of`."""
        return await self._on(repository, lambda remote: remote.get_git_commit(commit).tree.sha)

    async def protect(self, repository: Repository, branch: str, *, checks: Sequence[str] = ()) -> bool:
        """See `Hosting.protect`."""
        return await self._on(repository, lambda remote: rules.protect(remote, branch, checks))

    async def set_variables(self, repository: Repository, variables: Mapping[str, str]) -> None:
        """See `Hosting.set_variables`."""
        await self._on(repository, lambda remote: rules.set_variables(remote, variables))

    async def set_secrets(self, repository: Repository, secrets: Mapping[str, str]) -> None:
        """See `Hosting.set_secrets`."""
        await self._on(repository, lambda remote: rules.set_secrets(remote, secrets))

    async def issues(self, repository: Repository, *, since: datetime | None = None) -> list[Issue]:
        """See `Hosting.issues`."""
        return await self._on(repository, lambda remote: discussion.issues(remote, since))

    async def open_issues(self, repository: Repository, *, most: int) -> OpenIssues:
        """See `Hosting.open_issues`."""
        return await self._on(repository, lambda remote: discussion.open_issues(remote, most))

    async def ensure_release(
        self, repository: Repository, *, tag: str, commit: str, name: str, body: str
    ) -> str:
        """See `Hosting.ensure_release`."""
        return await self._on(
            repository,
            lambda remote: discussion.ensure_release(remote, tag=tag, commit=commit, name=name, body=body),
        )

    async def _on(self, repository: Repository, story: Callable[[Remote], T]) -> T:
        """Tell a story of a repository, which is found anew each time: it may have been renamed."""

        def whole(requester: Requester) -> T:
            return story(repositories.find(requester, self._owner(), repository))

        return await self._client.call(whole)

    def _owner(self) -> str:
        """Return who owns the repositories; blocks."""
        return self._given_owner or self._client.credentials.default_owner()
