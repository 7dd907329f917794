"""What a test does with a fake GitHub, wherever it runs."""

from __future__ import annotations

import inspect
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tests.fakes.github.errors import Json, Value
from tests.fakes.github.project import Project
from tests.fakes.github.validation import Mismatch

Found = TypeVar("Found")
LOOK_AGAIN_S = 0.05
"""How long to wait at most before a condition is looked at again: it may be about something else than GitHub."""


@dataclass(frozen=True)
class SetFault:
    """A fault that was set."""

    front: GitHub
    number: int

    @property
    def hits(self) -> int:
        """How often it has hit."""
        return int(self.front.act("fault_status", number=self.number)["hits"])

    def cancel(self) -> None:
        """Take it back."""
        self.front.act("cancel_fault", number=self.number)


@dataclass(frozen=True)
class InstalledApp:
    """A GitHub App that is installed for somebody.

    Attributes:
        id: For `GITHUB_APP_ID`.
        private_key: Its key, in PEM.
        installation: The installation's id.
    """

    front: GitHub
    id: int
    private_key: str
    installation: int

    def suspend(self) -> None:
        """Let its tokens be refused until it is resumed."""
        self.front.act("installation", number=self.installation, suspended=True, repositories=None)

    def resume(self, *, repositories: list[Project] | None = None) -> None:
        """Let it work, for these repositories only if there are any named."""
        chosen = None if repositories is None else [repository.id for repository in repositories]
        self.front.act("installation", number=self.installation, suspended=False, repositories=chosen)

    def reinstall(self, login: str) -> None:
        """Take it away and install it anew, which is another installation."""
        self.front.act("reinstall", number=self.installation, login=login)

    def uninstall(self) -> None:
        """Take it away."""
        self.front.act("uninstall", number=self.installation)


@dataclass(frozen=True)
class Counts:
    """How many requests there were.

    Attributes:
        total: All of them.
        counted: Those that the rate limit counts.
        not_modified: Those that were answered with 304.
        by_route: How many of each operation, git's under `git`.
    """

    total: int
    counted: int
    not_modified: int
    by_route: dict[str, int]


class GitHub(ABC):
    """A fake GitHub: accounts, repositories, faults, and what was asked of it.

    Attributes:
        url: For PyGithub's `base_url`, as it is or with `/api/v3`; also where git finds `/OWNER/NAME.git`.
        token: A classic token of the owner, which may do everything.
        owner: The login of who owns what is made here.
    """

    url: str
    token: str
    owner: str

    @abstractmethod
    def act(self, name: str, /, **params: Value) -> Value:
        """Do an action on the server (`actions.py`)."""

    @abstractmethod
    async def _changed(self, timeout_s: float) -> None: ...

    @property
    def api_url(self) -> str:
        """The API's address as GitHub Enterprise has it."""
        return f"{self.url}/api/v3"

    # Accounts

    def user(self, login: str) -> str:
        """Let there be a person."""
        self.act("account", login=login, kind="User", members=[])
        return login

    def organisation(self, login: str, *members: str) -> str:
        """Let there be an organisation; the owner of this GitHub belongs to it."""
        self.act("account", login=login, kind="Organization", members=[self.owner, *members])
        return login

    def new_token(
        self,
        login: str | None = None,
        *,
        permissions: dict[str, str] | None = None,
        repositories: list[Project] | None = None,
        lifetime_s: float | None = None,
    ) -> str:
        """Make a token.

        Args:
            login: Whose; the owner's unless given.
            permissions: What it may do, as `{"contents": "write"}`; none for a classic token with everything.
            repositories: The only ones it may see.
            lifetime_s: After how many seconds it is none.
        """
        chosen = None if repositories is None else [repository.id for repository in repositories]
        token: str = self.act(
            "token",
            login=login or self.owner,
            permissions=permissions,
            repositories=chosen,
            lifetime_s=lifetime_s,
        )
        return token

    def revoke(self, token: str) -> None:
        """Let a token be none."""
        self.act("revoke", token=token)

    def grant(self, token: str, permissions: dict[str, str] | None) -> None:
        """Let a token have these permissions from now on."""
        self.act("grant", token=token, permissions=permissions)

    def app(
        self,
        *,
        login: str | None = None,
        slug: str = "telewright",
        permissions: dict[str, str] | None = None,
        webhook: str | None = None,
        secret: str | None = None,
    ) -> InstalledApp:
        """Make an app with a key of its own, and install it.

        Args:
            login: For whom; the owner unless given.
            slug: Its name.
            permissions: What it may do; everything that a forge needs unless given.
            webhook: Where all events of its repositories are posted to.
            secret: What they are signed with.
        """
        everything = (
            "actions administration checks contents issues pull_requests "
            "secrets actions_variables statuses workflows repository_hooks"
        )
        made = self.act(
            "app",
            login=login or self.owner,
            slug=slug,
            permissions=permissions
            if permissions is not None
            else dict.fromkeys(everything.split(), "write"),
            webhook=None if webhook is None else {"url": webhook, "secret": secret},
        )
        return InstalledApp(self, made["id"], made["private_key"], made["installation"])

    # Repositories

    def create(
        self,
        name: str,
        files: dict[str, str | bytes] | None = None,
        *,
        owner: str | None = None,
        private: bool = False,
        description: str | None = None,
    ) -> Project:
        """Make a repository by hand, empty unless there are files."""
        number = self.act(
            "create", owner=owner or self.owner, name=name, private=private, description=description
        )
        repository = Project(self, number)
        if files:
            repository.push(dict(files), message="Initial commit")
        return repository

    def repository(self, name: str) -> Project:
        """The repository of a name, the owner's unless it says whose.

        Raises:
            LookupError: There is none. In a condition of `until` that means "not yet".
        """
        full_name = name if "/" in name else f"{self.owner}/{name}"
        return Project(self, self.act("find", full_name=full_name))

    @property
    def repositories(self) -> list[Project]:
        """All repositories, oldest first."""
        return [Project(self, number) for number in self.act("list_repositories")]

    def always_check(self, name: str, state: str | None = "success", summary: str = "") -> None:
        """Let every new head of every repository have a check that came to something; none takes it back."""
        self.act("always_check", repo=None, name=name, state=state, summary=summary)

    # What was asked

    def requests(self, route: str | None = None) -> list[Json]:
        """The requests, oldest first: `method`, `path`, `query`, `route`, `status` (none: cut), `counted`, `git`, `at`.

        Args:
            route: Only those that fit; in the form that `fail` takes.
        """
        found: list[Json] = self.act("requests", route=route)
        return found

    def counts(self, route: str | None = None) -> Counts:
        """How many requests there were."""
        found, by_route = self.requests(route), dict[str, int]()
        for request in found:
            key = "git" if request["git"] else request.get("route", "other")
            by_route[key] = by_route.get(key, 0) + 1
        counted = sum(request["counted"] for request in found)
        return Counts(len(found), counted, sum(r["status"] == 304 for r in found), by_route)

    def forget_requests(self) -> None:
        """Begin to count anew."""
        self.act("forget_requests")

    def deliveries(self, event: str | None = None) -> list[Json]:
        """What was posted to webhooks, oldest first: `guid`, `event`, `action`, `payload`, `status_code`, `url`."""
        found: list[Json] = self.act("deliveries", event=event)
        return found

    def redeliver(self, guid: str, times: int = 1) -> None:
        """Post a delivery again."""
        self.act("redeliver", guid=guid, times=times)

    # What goes wrong

    def fail(
        self,
        route: str | None = None,
        times: int | None = 1,
        *,
        skip: int = 0,
        status: int | None = None,
        message: str | None = None,
        cut: bool = False,
        truncate: bool = False,
        after_effect: bool = False,
        retry_after: int | None = None,
        slow_s: float = 0.0,
        slow_body_s: float = 0.0,
        held: bool = False,
    ) -> SetFault:
        """Let requests go wrong, git's too.

        Args:
            route: `METHOD /path` or `/path`, where `*` is anything; none for all.
            times: How many requests; none until it is cancelled.
            skip: Let so many pass first.
            status: Answer with this status; from 500 on with HTML, as GitHub's front servers do.
            message: And this text, in JSON.
            cut: Break the connection; nothing was done.
            truncate: Break it in the middle of the answer.
            after_effect: Do it, and break the connection or answer `status`: the client cannot know.
            retry_after: Answer as the secondary rate limit (403, or `status=429`) with this many seconds.
            slow_s: Wait so long first; alone, the request succeeds afterwards.
            slow_body_s: Send the answer in pieces over so many seconds.
            held: Wait until it is cancelled first; alone, the request succeeds afterwards.
        """
        number = self.act(
            "fail",
            route=route,
            times=times,
            skip=skip,
            status=status,
            message=message,
            cut=cut,
            truncate=truncate,
            after_effect=after_effect,
            retry_after=retry_after,
            slow_s=slow_s,
            slow_body_s=slow_body_s,
            held=held,
        )
        return SetFault(self, number)

    def limit(
        self,
        *,
        per_hour: int | None = None,
        remaining: int | None = None,
        reset_in_s: float = 3600.0,
        token: str | None = None,
    ) -> None:
        """Change the primary rate limit for all, or what a token (the owner's unless given) has left of it."""
        self.act(
            "limit",
            per_hour=per_hour,
            remaining=remaining,
            reset_in_s=reset_in_s,
            token=token or self.token,
        )

    def advance(self, seconds: float) -> None:
        """Let the server's clock go on: tokens expire, budgets are full again."""
        self.act("advance", seconds=seconds)

    def pause(self) -> None:
        """Accept connections and answer nobody, until `resume`."""
        self.act("pause")

    def resume(self) -> None:
        """Answer again, also those who have waited."""
        self.act("resume")

    # Waiting

    async def until(
        self, condition: Callable[[], Found | Awaitable[Found]], timeout: float = 10.0, what: str = ""
    ) -> Found:
        """Wait for a condition to be true; it is looked at after every request.

        Args:
            condition: May be asynchronous; a `LookupError` in it means "not yet".
            timeout: In seconds.
            what: Said when it does not come true.

        Returns:
            What the condition returned.

        Raises:
            TimeoutError: It did not come true; with the last requests.
            Mismatch: The server said something that GitHub would not say.
        """
        deadline = time.monotonic() + timeout
        while True:
            found = await _looked_at(condition)
            self.check()
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                last = "\n".join(f"{r['method']} {r['path']} {r['status']}" for r in self.requests()[-30:])
                raise TimeoutError(f"{what or 'the condition'} did not come true in {timeout} s.\n{last}")
            await self._changed(min(left, LOOK_AGAIN_S))

    def check(self) -> None:
        """Raise if the server said something that GitHub would not say.

        Raises:
            Mismatch: It did.
        """
        if found := self.act("mismatches"):
            raise Mismatch("\n".join(found))


async def _looked_at(condition: Callable[[], Found | Awaitable[Found]]) -> Found | None:
    try:
        found = condition()
        if inspect.isawaitable(found):
            return await found
    except LookupError:
        return None
    else:
        return found
