"""A `Survey` of GitHub.

These are stories for the client's threads: each may be told again from its beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

from github import GithubException
from github.CheckRun import CheckRun
from github.CommitStatus import CommitStatus
from github.Requester import Requester
from pydantic import BaseModel

from infrastructure.forge.github import checks
from infrastructure.forge.github.answers import meaning
from infrastructure.forge.github.client import GitHubClient
from infrastructure.forge.github.conditional import Conditional, Page
from infrastructure.forge.github.errors import Gone, MissingRight
from infrastructure.forge.github.repositories import or_none
from infrastructure.forge.github.tokens import AppTokens
from infrastructure.forge.hosting import Check, PullState
from infrastructure.forge.survey import Head, Listed, Look
from shared.errors import BadSetting
from shared.ledger.check_runs import CheckSeen, Source
from shared.ledger.pull_requests import Pull, newest
from shared.ledger.repositories import Due, Standing

_NOTHING_THERE = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}
"""What GitHub says of a branch that is not there, and of one in a repository that is empty."""

_NO_SUCH_COMMIT = {HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}


@dataclass(frozen=True, slots=True)
class _Account:
    """Where an owner's repositories are listed."""

    path: str
    """With a query that names all of them, and with nothing about their order."""
    ordered: bool
    """Whether it takes an order."""


class GitHubSurvey:
    """Looks at the repositories of one owner."""

    def __init__(self, client: GitHubClient, owner: str | None) -> None:
        """Put it together; nothing is asked yet.

        Args:
            client: Asks GitHub.
            owner: Who owns the repositories; the token's own account when left out.
        """
        self._client = client
        self._owner = owner
        self._known_account: _Account | None = None

    async def listed(
        self,
        *,
        pushed_since: datetime | None,
        updated_since: datetime | None,
        etags: Mapping[str, str],
    ) -> Listed:
        """See `Survey.listed`."""

        def story(requester: Requester) -> Listed:
            account, asking = self._account(requester), Conditional(requester, etags)
            if not account.ordered or pushed_since is None or updated_since is None:
                found = tuple(_all(asking, account))
                return Listed(
                    count=len(found),
                    changed=found,
                    pushed_at=max((one.pushed_at for one in found), default=None),
                    updated_at=max((one.updated_at for one in found), default=None),
                    complete=True,
                )
            pushed = _newest(asking, account, "pushed", pushed_since)
            updated = _newest(asking, account, "updated", updated_since)
            return Listed(
                count=_count(requester, account),
                changed=tuple({one.id: one for one in (*pushed, *updated)}.values()),
                pushed_at=max([pushed_since, *(one.pushed_at for one in pushed)]),
                updated_at=max([updated_since, *(one.updated_at for one in updated)]),
                complete=False,
                etags=asking.etags,
            )

        return await self._client.call(story)

    async def everything(self) -> frozenset[int]:
        """See `Survey.everything`."""

        def story(requester: Requester) -> frozenset[int]:
            found = _all(Conditional(requester, {}), self._account(requester))
            return frozenset(one.id for one in found)

        return await self._client.call(story)

    async def look(self, due: Due) -> Look:
        """See `Survey.look`."""
        return await self._client.call(lambda requester: _Looking(requester, due).look())

    def _account(self, requester: Requester) -> _Account:
        """Return where the repositories are listed; threads that ask at once learn the same."""
        if self._known_account is None:
            self._known_account = self._find_account(requester)
        return self._known_account

    def _find_account(self, requester: Requester) -> _Account:
        credentials = self._client.credentials
        owner = self._owner or credentials.default_owner()
        found = or_none(lambda: Conditional(requester, {}).get(f"/users/{owner}"))
        if found is None:
            raise BadSetting(f"GITHUB_OWNER: GitHub knows nobody called {owner}")
        if found.data["type"] == "Organization":
            return _Account(f"/orgs/{owner}/repos?type=all", ordered=True)
        if isinstance(credentials, AppTokens):
            # The one listing in which an app sees a person's private repositories; it has no order.
            return _Account("/installation/repositories?", ordered=False)
        return _Account("/user/repos?affiliation=owner", ordered=True)


class _Looking:
    """One look at one repository."""

    def __init__(self, requester: Requester, due: Due) -> None:
        self._requester = requester
        self._due = due
        self._asking = Conditional(requester, due.etags)
        self._path = f"/repositories/{due.known.id}"
        self._lacking: list[str] = []

    def look(self) -> Look:
        standing = self._standing()
        head = self._head(standing.default_branch if standing else self._due.known.default_branch)
        pulls = self._pulls()
        heads = self._heads(head, pulls)
        return Look(
            standing=standing,
            head=head,
            pulls=pulls,
            checks=self._checks(heads),
            heads=heads,
            at=self._asking.at,
            etags=self._asking.etags,
            asked=frozenset(self._asking.asked),
            lacking="; ".join(dict.fromkeys(self._lacking)) or None,
        )

    def _standing(self) -> Standing | None:
        try:
            page = self._asking.get(self._path)
        except GithubException as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            if isinstance(because := meaning(error), MissingRight):
                raise because from None
            name = self._due.known.name or self._path
            raise Gone(f"{name} is no longer on GitHub, or the token may not see it") from None
        return _Repository.model_validate(page.data).standing() if page else None

    def _head(self, branch: str | None) -> Head | None:
        try:
            page = self._asking.get(f"{self._path}/git/ref/heads/{quote(branch or '')}")
        except GithubException as error:
            if error.status not in _NOTHING_THERE:
                raise
            return Head(None)
        return Head(_Ref.model_validate(page.data).object.sha) if page else None

    def _pulls(self) -> tuple[Pull, ...] | None:
        """Return the pull requests that have changed; any change brings one to the first page."""
        path = f"{self._path}/pulls?state=all&sort=updated&direction=desc&per_page=30"
        changed: list[Pull] | None = None
        with self._rights():
            for page in self._asking.pages(path):
                some = [_PullRequest.model_validate(each).pull() for each in page.data]
                changed = (changed or []) + some
                if some and self._due.pulls_until and some[-1].updated_at < self._due.pulls_until:
                    break
        # What is changed between two pages moves others, or itself, to a page where they are seen again.
        return None if changed is None else newest(changed)

    def _heads(self, head: Head | None, pulls: tuple[Pull, ...] | None) -> frozenset[str]:
        stand = dict(self._due.open_heads)
        for pull in pulls or ():
            stand.pop(pull.number, None)
            if pull.state == PullState.OPEN:
                stand[pull.number] = pull.head_sha
        sha = head.sha if head else self._due.known.head
        return frozenset(stand.values()) | ({sha} if sha else set())

    def _checks(self, heads: frozenset[str]) -> dict[tuple[str, Source], tuple[CheckSeen, ...]]:
        found: dict[tuple[str, Source], tuple[CheckSeen, ...]] = {}
        for sha in sorted(heads):
            with self._rights():
                if (runs := self._runs(sha)) is not None:
                    found[sha, "run"] = runs
            with self._rights():
                if (statuses := self._statuses(sha)) is not None:
                    found[sha, "status"] = statuses
        return found

    def _runs(self, sha: str) -> tuple[CheckSeen, ...] | None:
        return self._seen(
            f"{self._path}/commits/{sha}/check-runs?per_page=100",
            lambda data: checks.of_runs(
                CheckRun(self._requester, {}, each, completed=True) for each in data["check_runs"]
            ),
        )

    def _statuses(self, sha: str) -> tuple[CheckSeen, ...] | None:
        return self._seen(
            f"{self._path}/commits/{sha}/status?per_page=100",
            lambda data: checks.of_statuses(
                CommitStatus(self._requester, {}, each) for each in data["statuses"]
            ),
        )

    def _seen(self, path: str, read: Callable[[Any], Iterable[Check]]) -> tuple[CheckSeen, ...] | None:
        try:
            pages = list(self._asking.pages(path))
        except GithubException as error:
            if error.status not in _NO_SUCH_COMMIT:
                raise
            return ()
        if not pages:
            return None
        if len(pages) > 1:
            # The checks on the others may change without a change of the first.
            self._asking.forget(path)
        found = checks.worst((each for page in pages for each in read(page.data)), checks.by_name)
        return tuple(CheckSeen(one.name, one.state, one.url, one.summary) for one in found)

    @contextmanager
    def _rights(self) -> Iterator[None]:
        """Go on without what we have no right to see, and say so."""
        try:
            yield
        except GithubException as error:
            because = meaning(error)
            if not isinstance(because, MissingRight):
                raise
            self._lacking.append(because.message)


def _all(asking: Conditional, account: _Account) -> Iterator[Standing]:
    # By age, so that what is pushed meanwhile moves nothing to another page.
    order = "&sort=created&direction=asc" if account.ordered else ""
    for page in asking.pages(f"{account.path}{order}&per_page=100"):
        yield from _standings(page)


def _newest(
    asking: Conditional, account: _Account, order: Literal["pushed", "updated"], since: datetime
) -> list[Standing]:
    """Return what was pushed or updated since, and in that very second."""
    found: list[Standing] = []
    for page in asking.pages(f"{account.path}&sort={order}&direction=desc&per_page=30"):
        some = _standings(page)
        new = [one for one in some if (one.pushed_at if order == "pushed" else one.updated_at) >= since]
        found += new
        if len(new) < len(some):
            break
    return found


def _count(requester: Requester, account: _Account) -> int:
    """Return how many repositories there are: as many as there are pages of one."""
    page = Conditional(requester, {}).get(f"{account.path}&per_page=1")
    return 0 if page is None or not page.data else page.last


def _standings(page: Page) -> list[Standing]:
    listed = page.data["repositories"] if isinstance(page.data, dict) else page.data
    return [_Repository.model_validate(each).standing() for each in listed]


class _Owner(BaseModel):
    login: str


class _Repository(BaseModel):
    id: int
    name: str
    owner: _Owner
    clone_url: str
    default_branch: str
    archived: bool
    created_at: datetime
    pushed_at: datetime | None
    updated_at: datetime

    def standing(self) -> Standing:
        return Standing(
            id=self.id,
            owner=self.owner.login,
            name=self.name,
            url=self.clone_url,
            default_branch=self.default_branch,
            archived=self.archived,
            created_at=self.created_at,
            pushed_at=self.pushed_at or self.created_at,
            updated_at=self.updated_at,
        )


class _Object(BaseModel):
    sha: str


class _Ref(BaseModel):
    object: _Object


class _Side(BaseModel):
    ref: str
    sha: str


class _PullRequest(BaseModel):
    number: int
    title: str
    html_url: str
    state: Literal["open", "closed"]
    merged_at: datetime | None
    merge_commit_sha: str | None
    updated_at: datetime
    head: _Side
    base: _Side

    def pull(self) -> Pull:
        merged = self.merged_at is not None
        return Pull(
            number=self.number,
            title=self.title,
            url=self.html_url,
            state=PullState.MERGED if merged else PullState(self.state),
            head=self.head.ref,
            head_sha=self.head.sha,
            base=self.base.ref,
            merge_sha=self.merge_commit_sha if merged else None,
            updated_at=self.updated_at,
        )
