"""Issues and releases of a repository on GitHub."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from github import GithubException
from github.GithubObject import NotSet
from github.Repository import Repository as Remote

from infrastructure.forge.github.repositories import or_none
from infrastructure.forge.hosting import Issue
from infrastructure.forge.protocol import NameTaken


def issues(repository: Remote, since: datetime | None) -> list[Issue]:
    """See `Hosting.issues`."""
    found = repository.get_issues(
        state="all", sort="updated", direction="asc", since=since if since is not None else NotSet
    )
    return [
        Issue(
            number=issue.number,
            title=issue.title,
            body=issue.body or "",
            # A deleted account's issues have nobody.
            author=issue.user.login if issue.user else "ghost",
            labels=tuple(label.name for label in issue.labels),
            is_open=issue.state == "open",
            url=issue.html_url,
            updated_at=issue.updated_at,
        )
        for issue in found
        # To GitHub, pull requests are issues too.
        if not issue.raw_data.get("pull_request")
    ]


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
