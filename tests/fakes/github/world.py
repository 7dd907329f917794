"""The state of the server: accounts, tokens, repositories, and what was asked of it."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import shutil
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.github import hook
from tests.fakes.github.errors import Json
from tests.fakes.github.faults import Faults
from tests.fakes.github.gitdir import GitDirectory
from tests.fakes.github.limits import Limits
from tests.fakes.github.records import Account, App, Installation, Repository, Token

REQUESTS_KEPT = 50_000


@dataclass
class Event:
    """Something that happened to a repository, on its way to webhooks.

    Attributes:
        hook_id: The only hook that it is for.
        guid: Of a delivery that is made again.
    """

    repository: Repository
    name: str
    payload: Json
    hook_id: int | None = None
    guid: str | None = None


@dataclass
class World:
    """Everything the server knows.

    Args:
        root: Where the bare repositories are.
        validate: Hold every answer against GitHub's description of its API.
        unknown_for: How often GitHub says that it does not know yet whether a pull request can be merged.
    """

    root: Path
    validate: bool = True
    unknown_for: int = 1
    url: str = ""
    accounts: dict[str, Account] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    apps: dict[int, App] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    repositories: dict[int, Repository] = field(default_factory=dict)
    by_name: dict[str, int] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)
    """Names that repositories had before they were renamed."""
    faults: Faults = field(default_factory=Faults)
    limits: Limits = field(default_factory=Limits)
    mismatches: list[str] = field(default_factory=list)
    requests: deque[Json] = field(default_factory=lambda: deque(maxlen=REQUESTS_KEPT))
    deliveries: list[Json] = field(default_factory=list)
    events: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)
    automatic_checks: dict[str, tuple[str, str]] = field(default_factory=dict)
    later_s: float = 0.0
    """How far the server's clock is ahead."""
    activity: int = 0
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(700_000_001))
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _watchers: set[asyncio.Future[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        hook.write(self.root / "hooks")
        self._open.set()

    def now(self) -> float:
        """Seconds since 1970 on the server's clock."""
        return time.time() + self.later_s

    def next_id(self) -> int:
        """An id that nothing else has."""
        return next(self._ids)

    # Accounts

    def account(self, login: str) -> Account | None:
        """An account by its login, in any case."""
        return self.accounts.get(login.lower())

    def ensure_account(self, login: str, kind: str = "User") -> Account:
        """An account, made when there is none."""
        found = self.account(login)
        if found is None:
            found = self.accounts[login.lower()] = Account(self.next_id(), login, kind, self.now())
        return found

    def add_token(
        self,
        account: Account,
        *,
        permissions: dict[str, str] | None = None,
        repositories: set[int] | None = None,
        lifetime_s: float | None = None,
        installation: int | None = None,
        value: str | None = None,
    ) -> Token:
        """Make a token; with permissions it is a fine-grained one."""
        kind = "classic" if permissions is None else "fine-grained"
        prefix = {"classic": "ghp_", "fine-grained": "github_pat_"}[kind]
        if installation is not None:
            kind, prefix = "installation", "ghs_"
        value = value or prefix + secrets.token_hex(18)
        expires_at = None if lifetime_s is None else self.now() + lifetime_s
        token = Token(value, account, kind, permissions, repositories, installation, expires_at)
        self.tokens[value] = token
        return token

    # Repositories

    def find(self, owner: str, name: str) -> Repository | None:
        """A repository by its present name, in any case."""
        number = self.by_name.get(f"{owner}/{name}".lower())
        return None if number is None else self.repositories[number]

    def find_moved(self, owner: str, name: str) -> Repository | None:
        """A repository by a name that it had."""
        return self.repositories.get(self.moved.get(f"{owner}/{name}".lower(), 0))

    def add_repository(
        self,
        owner: Account,
        name: str,
        *,
        private: bool = False,
        description: str | None = None,
        homepage: str | None = None,
        default_branch: str = "main",
        settings: Json | None = None,
    ) -> Repository:
        """Make an empty repository."""
        number, now = self.next_id(), self.now()
        repository = Repository(
            id=number,
            owner=owner,
            name=name,
            git=GitDirectory.create(self.root / f"{number}.git", self.root / "hooks", default_branch),
            private=private,
            description=description,
            homepage=homepage,
            default_branch=default_branch,
            created_at=now,
            updated_at=now,
            pushed_at=now,
            settings=settings or {},
        )
        self.repositories[number] = repository
        self.by_name[repository.full_name.lower()] = number
        self.moved.pop(repository.full_name.lower(), None)
        return repository

    def remove(self, repository: Repository) -> None:
        """Delete a repository."""
        del self.repositories[repository.id]
        del self.by_name[repository.full_name.lower()]
        shutil.rmtree(repository.git.path)

    def rename(self, repository: Repository, name: str) -> None:
        """Give a repository another name; the old one leads to it."""
        old = repository.full_name.lower()
        del self.by_name[old]
        repository.name = name
        repository.updated_at = self.now()
        self.moved[old] = repository.id
        self.moved.pop(repository.full_name.lower(), None)
        self.by_name[repository.full_name.lower()] = repository.id

    # Waiting

    def touch(self) -> None:
        """Something happened: whoever waits for that looks again."""
        self.activity += 1
        for watcher in self._watchers:
            if not watcher.done():
                watcher.set_result(None)
        self._watchers.clear()

    async def changed(self, timeout_s: float) -> None:
        """Wait until something happens, or the time is over."""
        watcher = asyncio.get_running_loop().create_future()
        self._watchers.add(watcher)
        try:
            await asyncio.wait([watcher], timeout=timeout_s)
        finally:
            self._watchers.discard(watcher)

    def pause(self) -> None:
        """Answer nobody from now on."""
        self._open.clear()

    def resume(self) -> None:
        """Answer again, also who has waited."""
        self._open.set()

    async def opened(self) -> None:
        """Wait until the server answers."""
        await self._open.wait()
