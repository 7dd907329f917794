"""One request as a route sees it, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlencode

from tests.fakes.github.errors import Json, Value, not_found
from tests.fakes.github.records import Account, App, Repository, Token
from tests.fakes.github.views.addresses import Addresses
from tests.fakes.github.world import World

Item = TypeVar("Item")
PER_PAGE = 30
MOST_PER_PAGE = 100


@dataclass
class Answer:
    """What is sent back.

    Attributes:
        last_modified: Seconds since 1970, of a single thing that knows when it changed.
    """

    body: Value = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    last_modified: float | None = None


@dataclass
class Call:
    """A request.

    Attributes:
        path: Without the prefix of GitHub Enterprise (`/api/v3`).
        at: The addresses that answers have in them.
        token: What the caller came with; none without, or for an app itself.
        app: The app that signed the request.
        budget: Whose rate limit it is under.
    """

    world: World
    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Json
    at: Addresses
    token: Token | None = None
    app: App | None = None
    budget: str = ""
    repository: Repository | None = None

    @property
    def repo(self) -> Repository:
        """The repository that it is about."""
        assert self.repository is not None
        return self.repository

    @property
    def user(self) -> Account:
        """Who asks."""
        assert self.token is not None
        return self.token.account

    def number(self, name: str) -> int:
        """A number in the path.

        Raises:
            ApiError: It is none.
        """
        if not self.params[name].isdigit():
            raise not_found()
        return int(self.params[name])

    def page(self, items: Sequence[Item], view: Callable[[Item], Value], within: str | None = None) -> Answer:
        """One page of a list, with the addresses of the others.

        Args:
            items: All of them.
            view: How one is shown.
            within: The field of the list, where GitHub counts it as well.
        """
        size = min(max(_number(self.query.get("per_page"), PER_PAGE), 1), MOST_PER_PAGE)
        page = max(_number(self.query.get("page"), 1), 1)
        last = max(-(-len(items) // size), 1)
        shown: Value = [view(item) for item in items[(page - 1) * size : page * size]]
        links = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        if page <= 1:
            del links["prev"], links["first"]
        if page >= last:
            del links["next"], links["last"]
        header = ", ".join(f'<{self._address(number)}>; rel="{name}"' for name, number in links.items())
        if within is not None:
            shown = {"total_count": len(items), within: shown}
        return Answer(shown, headers={"Link": header} if header else {})

    def _address(self, page: int) -> str:
        path = self.path
        if self.repository is not None:  # GitHub's links outlive a rename
            path = f"/repositories/{self.repository.id}/" + path.split("/", 4)[-1]
        return f"{self.at.api}{path}?{urlencode({**self.query, 'page': page})}"


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdigit() else otherwise
