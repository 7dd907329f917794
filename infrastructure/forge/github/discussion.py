"""Issues and releases of a repository on GitHub."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from github import GithubException
from github.GithubObject import CompletableGithubObject, NotSet
from github.Issue import Issue as RemoteIssue
from github.Repository import Repository as Remote

from infrastructure.forge.github.repositories import or_none
from infrastructure.forge.hosting import Issue, NoIssues, OpenIssues
from infrastructure.forge.protocol import NameTaken

_MOST_LOOKED_AT = 500
"""Issues and pull requests: five pages, while somebody waits."""


def issues(repository: Remote, since: datetime | None) -> list[Issue]:
    """See `Hosting.issues`."""
    found = repository.get_issues(
        state="all", sort="updated", direction="asc", since=since if since is not None else NotSet
    )
    return [_issue(one) for one in found if not _is_pull_request(one)]


def open_issues(repository: Remote, most: int) -> OpenIssues:
    """See `Hosting.open_issues`.

    GitHub lists pull requests among the issues, and counts both together. What
    is not on the pages that are read is known by its counts alone.
    """
    if not repository.has_issues:
        raise NoIssues(f"{repository.full_name} keeps no issues on GitHub")
    newest: list[Issue] = []
    found = repository.get_issues(state="open", sort="created", direction="desc")
    for looked_at, one in enumerate(found, start=1):
        if not _is_pull_request(one):
            newest.append(_issue(one))
        if len(newest) > most or looked_at == _MOST_LOOKED_AT:
            more = max(len(newest), _number_open(repository)) - len(newest[:most])
            return OpenIssues(tuple(newest[:most]), more, _page(repository))
    return OpenIssues(tuple(newest), 0, _page(repository))


def ensure_release(repository: Remote, *, tag: str, commit: str, name: str, body: str) -> str:
    """See `Hosting.ensure_release`."""
    _refuse_other_commit(repository, tag, commit)
    standing = or_none(lambda: repository.get_release(tag))
    if standing is None:
        try:
            return repository.create_git_release(
                tag, name=name, message=body, target_commitish=commit
            ).html_url
        except GithubException as error:
            if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
            # Made in between.
            standing = or_none(lambda: repository.get_release(tag))
            if standing is None:
                raise
            _refuse_other_commit(repository, tag, commit)
    if (standing.name, standing.body) != (name, body):
        standing.update_release(name, body)
    return standing.html_url


def _refuse_other_commit(repository: Remote, tag: str, commit: str) -> None:
    reference = or_none(lambda: repository.get_git_ref(f"tags/{tag}"))
    if reference is None:
        return
    # An annotated tag is an object of its own, which names the commit.
    target = reference.object
    sha = repository.get_git_tag(target.sha).object.sha if target.type == "tag" else target.sha
    if sha != commit:
        raise NameTaken(f"The tag {tag} names {sha[:12]}, not {commit[:12]}", advice="Choose another tag.")


def _issue(one: RemoteIssue) -> Issue:
    return Issue(
        number=one.number,
        title=one.title,
        body=one.body or "",
        # A deleted account's issues have nobody.
        author=one.user.login if one.user else "ghost",
        labels=tuple(label.name for label in one.labels),
        is_open=one.state == "open",
        url=one.html_url,
        created_at=one.created_at,
        updated_at=one.updated_at,
    )


def _is_pull_request(one: RemoteIssue) -> bool:
    """Return whether an issue is a pull request: to GitHub, these are issues too."""
    # Not `one.raw_data`: it asks once more for each issue of a list, which has all of this.
    return bool(super(CompletableGithubObject, one).raw_data.get("pull_request"))


def _number_open(repository: Remote) -> int:
    """Return how many issues are open, without pull requests; asks once, however many they are."""
    return repository.open_issues_count - repository.get_pulls(state="open").totalCount


def _page(repository: Remote) -> str:
    return f"{repository.html_url}/issues"
