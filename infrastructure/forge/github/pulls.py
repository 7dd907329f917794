"""Pull requests: opening, merging, and what is said below them."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote as quoted

from github import GithubException
from github.PullRequest import PullRequest as RemotePull
from github.Repository import Repository as Remote

from infrastructure.forge.github.answers import quote
from infrastructure.forge.github.errors import GitHubUnavailable
from infrastructure.forge.github.repositories import or_none
from infrastructure.forge.hosting import CannotMerge, HeadMoved, PullRequest, PullState
from infrastructure.forge.protocol import NoCommit


def ensure(repository: Remote, *, head: str, base: str, title: str, body: str) -> PullRequest:
    """See `Hosting.ensure_pull_request`."""
    standing = _newest(repository, head, base)
    if standing is None:
        try:
            standing = repository.create_pull(base, head, title=title, body=body)
        except GithubException as error:
            standing = _instead(error, repository, head, base)
    if standing.state == "open" and (standing.title, standing.body or "") != (title, body):
        standing.edit(title=title, body=body)
    return _pull(repository, standing)


def read(repository: Remote, number: int) -> PullRequest:
    """See `Hosting.pull_request`."""
    return _pull(repository, repository.get_pull(number))


def proposing(repository: Remote, branch: str) -> list[PullRequest]:
    """See `Hosting.pull_requests_from`."""
    found = repository.get_pulls(state="all", head=f"{repository.owner.login}:{branch}")
    # GitHub takes a filter that it cannot read for none at all.
    return [_pull(repository, pull) for pull in found if pull.head.ref == branch]


def close(repository: Remote, number: int) -> None:
    """See `Hosting.close_pull_request`."""
    pull = repository.get_pull(number)
    if pull.state == "open":
        pull.edit(state="closed")


def comment_once(repository: Remote, number: int, *, key: str, body: str, login: str) -> None:
    """See `Hosting.comment_once`.

    Args:
        repository: Where.
        number: The pull request's or issue's.
        key: What it is said under.
        body: What to say.
        login: Who we are: what others have said under the key counts for nothing.
    """
    # Nothing in it can end the comment; and first, where no hostile text in a body can stand.
    mark = f"<!-- telewright:{quoted(key, safe='')} -->"
    issue = repository.get_issue(number)
    for comment in issue.get_comments():
        # Of a comment whose account was deleted nobody is the user.
        whose = comment.user.login if comment.user else ""
        if whose.lower() == login.lower() and comment.body.startswith(mark):
            return
    issue.create_comment(f"{mark}\n{body}")


def merge(
    repository: Remote, number: int, *, head_sha: str, base: str, base_sha: str, message: str
) -> str:  # fmt: skip
    """See `Hosting.merge`."""
    pull = repository.get_pull(number)
    if pull.base.ref != base:
        raise CannotMerge(f"Pull request {number} goes into {pull.base.ref}, not into {base}")
    if pull.head.sha != head_sha:
        raise HeadMoved(f"Pull request {number} stands at {pull.head.sha[:12]}, not at {head_sha[:12]}")
    if pull.merged:
        return pull.merge_commit_sha
    if pull.state == "closed":
        raise CannotMerge(f"Pull request {number} was closed", advice="Open it again, or start anew.")
    tip = _tip(repository, base)
    if tip != base_sha:
        raise HeadMoved(f"{base} stands at {(tip or 'nothing')[:12]}, not at {base_sha[:12]}")
    subject, _, text = message.partition("\n")
    try:
        return pull.merge(
            commit_title=subject.strip(), commit_message=text.strip(), merge_method="merge", sha=head_sha
        ).sha
    except GithubException as error:
        raise _refused_merge(error, repository, number) from None


def _newest(repository: Remote, head: str, base: str) -> RemotePull | None:
    owner = repository.owner.login
    for pull in repository.get_pulls(state="open", head=f"{owner}:{head}", base=base):
        # GitHub takes a filter that it cannot read for none at all.
        if pull.head.ref == head and pull.base.ref == base:
            return pull
    return None


def _instead(error: GithubException, repository: Remote, head: str, base: str) -> RemotePull:
    """Return the pull request that stands in the way of another, or that has brought all there is.

    Raises:
        NoCommit: There is neither.
    """
    if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
        raise error
    if (standing := _newest(repository, head, base)) is not None:
        return standing
    closed = repository.get_pulls(
        state="closed", sort="updated", direction="desc", head=f"{repository.owner.login}:{head}", base=base
    )
    for pull in closed:
        if pull.head.ref == head and pull.merged_at is not None:
            return pull
    raise NoCommit(f"There is nothing to propose from {head} to {base}: {quote(error)}") from None


def _refused_merge(error: GithubException, repository: Remote, number: int) -> Exception:
    said = quote(error)
    if error.status == HTTPStatus.CONFLICT:
        return HeadMoved(f"Pull request {number} was pushed to: {said}")
    if error.status != HTTPStatus.METHOD_NOT_ALLOWED:
        return error
    if "base branch was modified" in said.lower() or repository.get_pull(number).mergeable is None:
        # Told again, the story sees by whom; or GitHub knows by then whether there are conflicts.
        return GitHubUnavailable(f"GitHub does not merge at the moment: {said}")
    return CannotMerge(f"GitHub does not merge pull request {number}: {said}")


def _pull(repository: Remote, pull: RemotePull) -> PullRequest:
    merged = pull.merged_at is not None
    return PullRequest(
        number=pull.number,
        url=pull.html_url,
        title=pull.title,
        state=PullState.MERGED if merged else PullState(pull.state),
        head=pull.head.ref,
        head_sha=pull.head.sha,
        base=pull.base.ref,
        # The pull request's own is where its base stood when it was opened or pushed to.
        base_sha=pull.base.sha if merged else _tip(repository, pull.base.ref) or pull.base.sha,
        merge_sha=pull.merge_commit_sha if merged else None,
    )


def _tip(repository: Remote, branch: str) -> str | None:
    found = or_none(lambda: repository.get_branch(branch))
    return found.commit.sha if found else None
