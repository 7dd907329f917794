"""Repositories on GitHub: whose one is, making it, and putting it away.

These are stories for the client's threads: each may be told again from its beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from github import GithubException
from github.AuthenticatedUser import AuthenticatedUser
from github.NamedUser import NamedUser
from github.Organization import Organization
from github.Repository import Repository as Remote
from github.Requester import Requester

from infrastructure.forge.github.answers import meaning
from infrastructure.forge.github.errors import Archived, Gone, MissingRight
from infrastructure.forge.protocol import NameTaken, Repository
from shared.errors import BadInput, BadSetting

LONGEST_DESCRIPTION = 200
"""Characters; GitHub takes 350, and our mark has to stand behind it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The repository that a project wants."""

    owner: str
    name: str
    description: str
    owner_key: str

    @property
    def mark(self) -> str:
        """What says in the description whose it is, until the project has recorded its id."""
        if not self.owner_key.isprintable() or "[" in self.owner_key or len(self.owner_key) > 100:
            raise BadInput(f"{self.owner_key!r} cannot be the key of a project")
        return f"[telewright {self.owner_key}]"

    @property
    def plain_description(self) -> str:
        """The description as people see it in the end."""
        printable = "".join(each if each.isprintable() else " " for each in self.description)
        return " ".join(printable.split())[:LONGEST_DESCRIPTION]


def ensure(
    requester: Requester, wanted: Wanted, known_id: int | None, login: Callable[[], str]
) -> Repository:
    """Return a project's repository, making it if there is none.

    Args:
        requester: Asks GitHub.
        wanted: What the project wants.
        known_id: The repository's id, once the project has recorded it.
        login: Says who we are.
    """
    if known_id is None:
        standing = _marked(requester, wanted) or _create(requester, wanted, login)
    else:
        standing = by_id(requester, known_id, wanted.name)
        _remove_mark(standing, wanted)
    if standing.archived:
        raise Archived(f"{standing.full_name} is archived on GitHub, and read-only")
    return ours(standing)


def put_away(requester: Requester, wanted: Wanted, known_id: int | None) -> None:
    """Rename and archive a repository, so that its name is free."""
    standing = _of_project(requester, wanted, known_id)
    if standing is None or _is_put_away(standing):
        return
    if standing.archived:
        # Archived by hand: GitHub lets nobody rename it like that.
        standing.edit(archived=False)
    standing.edit(name=_shelf_name(standing), archived=True)


def remove(requester: Requester, wanted: Wanted, known_id: int | None) -> int | None:
    """Delete a repository for good, and return its id if one is known."""
    standing = _of_project(requester, wanted, known_id)
    if standing is None:
        return known_id
    or_none(standing.delete)
    return standing.id


def find(requester: Requester, owner: str, repository: Repository) -> Remote:
    """Return a repository as it stands, whatever it is called by now.

    Raises:
        Gone: There is none.
    """
    if repository.id is not None:
        return by_id(requester, repository.id, repository.name)
    standing = _by_name(requester, owner, repository.name)
    if standing is None:
        raise Gone(f"{owner}/{repository.name} is not on GitHub, or the token may not see it")
    return standing


def by_id(requester: Requester, number: int, name: str) -> Remote:
    """Return the repository of an id.

    Raises:
        Gone: There is none.
    """
    standing = or_none(lambda: Remote(requester, url=f"/repositories/{number}"))
    if standing is None:
        raise Gone(f"{name} is no longer on GitHub, or the token may not see it")
    return standing


def creator(requester: Requester, owner: str, login: str) -> Organization | AuthenticatedUser:
    """Return the account in which we make repositories.

    Raises:
        BadSetting: There is no such account.
        MissingRight: Only its person can make repositories there.
    """
    account = or_none(lambda: NamedUser(requester, url=f"/users/{owner}"))
    if account is None:
        raise BadSetting(f"GITHUB_OWNER: GitHub knows nobody called {owner}")
    if account.type == "Organization":
        return Organization(requester, url=f"/orgs/{owner}")
    if login.lower() != owner.lower():
        raise MissingRight(
            f"{login} cannot create repositories of {owner}: only {owner} can",
            advice="Set GITHUB_OWNER to the token's own account, or to an organisation that lets it.",
        )
    return AuthenticatedUser(requester, url="/user")


def ours(standing: Remote) -> Repository:
    """Return what the rest of Telewright knows of a repository."""
    return Repository(standing.name, standing.clone_url, standing.id)


def or_none(ask: Callable[[], T]) -> T | None:
    """Return what is asked for, or None where GitHub has no such thing.

    Raises:
        MissingRight: It only says so, since the token has not the scope.
    """
    try:
        return ask()
    except GithubException as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        if isinstance(because := meaning(error), MissingRight):
            raise because from None
        return None


def _by_name(requester: Requester, owner: str, name: str) -> Remote | None:
    """Return the repository of a name, or what was renamed from it."""
    return or_none(lambda: Remote(requester, url=f"/repos/{owner}/{name}"))


def _marked(requester: Requester, wanted: Wanted) -> Remote | None:
    """Return the repository that was made for a project, if there is one.

    Raises:
        NameTaken: The name is somebody else's.
    """
    standing = _by_name(requester, wanted.owner, wanted.name)
    if standing is None or _is_put_away(standing):
        return None
    if wanted.mark in (standing.description or ""):
        return standing
    if standing.name.lower() != wanted.name.lower():
        # Renamed: GitHub leads there until somebody takes the name, which is free.
        return None
    raise _taken(wanted)


def _of_project(requester: Requester, wanted: Wanted, known_id: int | None) -> Remote | None:
    """Return a project's repository, if it stands.

    Raises:
        NameTaken: It is another project's.
    """
    if known_id is None:
        return _marked(requester, wanted)
    standing = or_none(lambda: Remote(requester, url=f"/repositories/{known_id}"))
    described = (standing.description or "") if standing is not None else ""
    if "[telewright " in described and wanted.mark not in described:
        raise _taken(wanted)
    return standing


def _create(requester: Requester, wanted: Wanted, login: Callable[[], str]) -> Remote:
    try:
        return creator(requester, wanted.owner, login()).create_repo(
            wanted.name,
            description=f"{wanted.plain_description} {wanted.mark}".strip(),
            private=True,
            has_wiki=False,
            has_projects=False,
            auto_init=False,
        )
    except GithubException as error:
        if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        # Made in between, by another worker of ours or by somebody else.
        standing = _marked(requester, wanted)
        if standing is None:
            raise
        return standing


def _remove_mark(standing: Remote, wanted: Wanted) -> None:
    """Take our mark out of the description, once the id says whose the repository is."""
    if not standing.archived and wanted.mark in (standing.description or ""):
        standing.edit(description=standing.description.replace(wanted.mark, "").strip())


def _is_put_away(standing: Remote) -> bool:
    return bool(standing.archived) and standing.name == _shelf_name(standing)


def _shelf_name(standing: Remote) -> str:
    ending = f"-archived-{standing.id}"
    return standing.name if standing.name.endswith(ending) else f"{standing.name[:70]}{ending}"


def _taken(wanted: Wanted) -> NameTaken:
    return NameTaken(
        f"{wanted.owner} has a repository called {wanted.name} already, which is not the project's"
    )
