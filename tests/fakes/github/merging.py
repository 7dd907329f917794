"""Whether a pull request can be merged, and the merge: computed by git, judged by the branch's protection."""

from __future__ import annotations

from tests.fakes.github.errors import ApiError
from tests.fakes.github.gitdir import Signature
from tests.fakes.github.records import Account, Issue, Pull, Repository
from tests.fakes.github.world import World

_GREEN = {"success", "neutral", "skipped"}


def checked(repo: Repository, sha: str, by: int | None = None) -> dict[str, str]:
    """What each check and status of a commit came to last: `success`, `failure` or `pending`.

    Args:
        repo: Where.
        sha: The commit.
        by: The id of the only app that counts; none for whoever says so.
    """
    states: dict[str, str] = {}
    for status in repo.statuses:
        if status.sha == sha and by is None:
            states[status.context] = "failure" if status.state == "error" else status.state
    for run in repo.check_runs:
        if run.sha == sha and by in {None, run.suite.app_id}:
            over = "success" if run.conclusion in _GREEN else "failure"
            states[run.name] = over if run.status == "completed" else "pending"
    return states


def standing(world: World, repo: Repository, issue: Issue) -> tuple[bool | None, str]:
    """`mergeable` and `mergeable_state`, as they are at this moment."""
    pull = issue.pull
    assert pull is not None
    if issue.state != "open" or pull.unknown_for > 0:
        return None, "unknown"
    base = repo.git.branches().get(pull.base)
    if base is None or repo.git.merged_tree(base, pull.head_sha) is None:
        return False, "dirty"
    if pull.draft:
        return True, "draft"
    if obstacle(repo, pull) is not None:
        return True, "blocked"
    checks = repo.protections.get(pull.base, {}).get("required_status_checks")
    if checks is not None and checks["strict"] and not repo.git.is_ancestor(base, pull.head_sha):
        return True, "behind"
    unstable = any(state != "success" for state in checked(repo, pull.head_sha).values())
    return True, "unstable" if unstable else "clean"


def obstacle(repo: Repository, pull: Pull) -> str | None:
    """The rule of the base's protection that a pull request does not meet, in GitHub's words."""
    rules = repo.protections.get(pull.base)
    if rules is None:
        return None
    if (checks := rules["required_status_checks"]) is not None:
        for check in checks["checks"]:
            name, states = check["context"], checked(repo, pull.head_sha, check["app_id"])
            if states.get(name) == "failure":
                return f'Required status check "{name}" is failing.'
            if states.get(name) != "success":
                return f'Required status check "{name}" is expected.'
    if (reviews := rules["required_pull_request_reviews"]) is not None:
        wanted = reviews["required_approving_review_count"]
        latest = {review.user.id: review.state for review in pull.reviews}
        if "CHANGES_REQUESTED" in latest.values():
            return "Changes have been requested."
        if sum(state == "APPROVED" for state in latest.values()) < wanted:
            return f"At least {wanted} approving review is required by reviewers with write access."
    return None


def merge(
    world: World,
    repo: Repository,
    issue: Issue,
    *,
    method: str,
    title: str | None,
    message: str | None,
    by: Account,
) -> str:
    """Write what a pull request becomes, and return its commit; no ref moves.

    Raises:
        ApiError: It cannot be merged.
    """
    pull = issue.pull
    assert pull is not None
    base = repo.git.branches().get(pull.base)
    tree = None if base is None else repo.git.merged_tree(base, pull.head_sha)
    if base is None or tree is None:
        raise ApiError(405, "Pull Request is not mergeable")
    now = int(world.now())
    github = Signature("GitHub", "noreply@github.com", now)
    author = Signature(by.login, by.email, now)
    if method == "squash":
        said = [title or f"{issue.title} (#{issue.number})", message or ""]
        return repo.git.write_commit(tree, [base], "\n\n".join(filter(None, said)), github, author)
    if method == "rebase":
        return _rebased(repo, base, pull.head_sha, github)
    said = [
        title or f"Merge pull request #{issue.number} from {repo.owner.login}/{pull.head}",
        issue.title if message is None else message,
    ]
    return repo.git.write_commit(tree, [base, pull.head_sha], "\n\n".join(filter(None, said)), github, author)


def _rebased(repo: Repository, base: str, head: str, by: Signature) -> str:
    """Commits again, each with its own author; only for a head that is ahead of its base."""
    if not repo.git.is_ancestor(base, head):
        raise ApiError(405, "This branch can't be rebased")
    parent = base
    for sha in repo.git.log("--reverse", f"{base}..{head}"):
        commit = repo.git.commit(sha)
        if len(commit.parents) > 1:
            raise ApiError(405, "This branch can't be rebased")
        parent = repo.git.write_commit(commit.tree, [parent], commit.message, by, commit.author)
    return parent
