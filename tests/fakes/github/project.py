"""A repository in the hands of a test: what people do to it, and what it has become."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fakes.github.errors import Json, Value

if TYPE_CHECKING:
    from tests.fakes.github.front import GitHub


@dataclass(frozen=True)
class PullSeen:
    """A pull request, as it stands; `state` is `open`, `closed` or `merged`, `checks` by their name."""

    number: int
    title: str
    body: str | None
    state: str
    head: str
    base: str
    head_sha: str
    base_sha: str
    merge_sha: str | None
    by: str
    draft: bool
    updated_at: float
    checks: dict[str, str]


class Project:
    """A repository on the fake GitHub. `by` is always a login; the repository's owner unless given."""

    def __init__(self, front: GitHub, number: int) -> None:
        self._front = front
        self.id = number

    def _act(self, name: str, /, **params: Value) -> Value:
        return self._front.act(name, repo=self.id, **params)

    # What it is

    @property
    def about(self) -> Json:
        """Everything that is to know of it: `refs`, `secrets` (opened), `variables`, `protections`, `hooks`, `releases` and more.

        Raises:
            LookupError: It was deleted.
        """
        found: Json = self._act("about")
        return found

    @property
    def full_name(self) -> str:
        """Owner and name."""
        return str(self.about["full_name"])

    @property
    def clone_url(self) -> str:
        """Where git finds it."""
        return f"{self._front.url}/{self.full_name}.git"

    @property
    def exists(self) -> bool:
        """Whether it is still there."""
        return self.id in self._front.act("list_repositories")

    @property
    def secrets(self) -> dict[str, str]:
        """The secrets of its workflows, opened."""
        return dict(self.about["secrets"])

    @property
    def variables(self) -> dict[str, str]:
        """The variables of its workflows."""
        return dict(self.about["variables"])

    @property
    def releases(self) -> list[Json]:
        """Its releases, oldest first: `tag`, `target`, `name`, `body`, `draft`."""
        return list(self.about["releases"])

    def refs(self) -> dict[str, str]:
        """All refs, hidden ones too."""
        return dict(self.about["refs"])

    def branches(self) -> dict[str, str]:
        """The branches."""
        prefix = "refs/heads/"
        return {n.removeprefix(prefix): sha for n, sha in self.refs().items() if n.startswith(prefix)}

    def head(self, branch: str | None = None) -> str:
        """Where a branch stands, the default one unless given.

        Raises:
            LookupError: There is no such branch.
        """
        about = self.about
        sha: str = about["refs"][f"refs/heads/{branch or about['default_branch']}"]
        return sha

    def files(self, ref: str = "HEAD") -> dict[str, str]:
        """The files of a commit, branch or ref; what is no UTF-8 with replacement characters."""
        return {path: body.decode(errors="replace") for path, body in self.contents(ref).items()}

    def contents(self, ref: str = "HEAD") -> dict[str, bytes]:
        """The files of a commit, branch or ref, as bytes."""
        found: dict[str, str] = self._act("files", ref=ref)
        return {path: base64.b64decode(body) for path, body in found.items()}

    def log(self, ref: str = "HEAD") -> list[Json]:
        """The commits, newest first: `sha`, `message`, `author`, `parents`."""
        return list(self._act("log", ref=ref))

    # What people do

    def push(
        self,
        files: Mapping[str, str | bytes | None],
        branch: str | None = None,
        *,
        message: str = "Change something by hand",
        by: str | None = None,
        start: str | None = None,
    ) -> str:
        """Commit files to a branch, past every rule, and return the commit.

        Args:
            files: By path; none removes one.
            branch: The default branch unless given; made when it is not there.
            message: The commit's.
            by: Who does it.
            start: What it is committed upon; for a branch that is there, a push by force.
        """
        content = {
            path: None
            if body is None
            else base64.b64encode(body.encode() if isinstance(body, str) else body).decode()
            for path, body in files.items()
        }
        sha: str = self._act("push", branch=branch, files=content, message=message, by=by, start=start)
        return sha

    def set_ref(self, name: str, sha: str | None, *, by: str | None = None) -> None:
        """Let a ref (`refs/heads/x`) stand somewhere, or nowhere."""
        self._act("set_ref", name=name, sha=sha, by=by)

    def rename(self, name: str, *, by: str | None = None) -> None:
        """Give it another name; the old one leads here."""
        self._act("rename", name=name, by=by)

    def archive(self, archived: bool = True, *, by: str | None = None) -> None:
        """Archive it, or take it out of the archive."""
        self._act("set_archived", archived=archived, by=by)

    def delete(self, *, by: str | None = None) -> None:
        """Delete it."""
        self._act("delete", by=by)

    def change(self, **settings: Value) -> None:
        """Change `description`, `private`, `default_branch` or any setting of GitHub's, without an event."""
        self._act("change", **settings)

    def add_collaborator(self, login: str) -> None:
        """Let somebody else write to it."""
        self._act("add_collaborator", login=login)

    def protect(
        self,
        branch: str | None = None,
        *,
        checks: list[str] | None = None,
        approvals: int | None = 0,
        enforce_admins: bool = True,
    ) -> None:
        """Protect a branch: pull requests with so many approvals (none: no pull requests needed) and green checks."""
        required = None
        if checks is not None:
            listed = [{"context": name, "app_id": None} for name in checks]
            required = {"strict": False, "contexts": checks, "checks": listed}
        reviews = None
        if approvals is not None:
            reviews = {
                "dismiss_stale_reviews": False,
                "require_code_owner_reviews": False,
                "required_approving_review_count": approvals,
                "require_last_push_approval": False,
            }
        rules = {
            "required_status_checks": required,
            "required_pull_request_reviews": reviews,
            "enforce_admins": enforce_admins,
        }
        self._act("protect", branch=branch or self.about["default_branch"], rules=rules)

    # Pull requests and issues

    @property
    def pulls(self) -> list[PullSeen]:
        """Its pull requests, oldest first."""
        return [PullSeen(**found) for found in self._act("pulls")]

    def open_pull(
        self,
        head: str,
        title: str,
        body: str | None = None,
        *,
        base: str | None = None,
        by: str | None = None,
    ) -> int:
        """Open a pull request and return its number."""
        return int(self._act("open_pull", head=head, base=base, title=title, body=body, by=by))

    def merge_pull(self, number: int, *, by: str | None = None, method: str = "merge") -> str:
        """Merge a pull request, past every rule, and return the commit."""
        sha: str = self._act("merge_pull", number=number, by=by, method=method)
        return sha

    def edit_pull(self, number: int, *, title: str | None = None, base: str | None = None) -> None:
        """Change a pull request's title, or the branch that it goes into, as anybody can who may write."""
        self._act("edit_pull", number=number, title=title, base=base)

    def review(self, number: int, by: str, state: str = "APPROVED") -> None:
        """Approve a pull request, or ask for changes (`CHANGES_REQUESTED`)."""
        self._act("review", number=number, by=by, state=state)

    def close(self, number: int, *, by: str | None = None) -> None:
        """Close an issue or pull request."""
        self._act("close", number=number, by=by)

    @property
    def issues(self) -> list[Json]:
        """Its issues without pull requests, oldest first: `number`, `title`, `body`, `state`, `labels`."""
        return list(self._act("issues"))

    def open_issue(
        self, title: str, body: str = "", *, by: str | None = None, labels: list[str] | None = None
    ) -> int:
        """Open an issue and return its number."""
        return int(self._act("open_issue", title=title, body=body, by=by, labels=labels or []))

    def comment(self, number: int, body: str, *, by: str | None = None) -> int:
        """Say something below an issue or pull request."""
        return int(self._act("comment", number=number, body=body, by=by))

    def comments(self, number: int) -> list[Json]:
        """What was said below an issue or pull request, oldest first: `id`, `body`, `by`."""
        return list(self._act("comments", number=number))

    def disown_comment(self, number: int, comment_id: int) -> None:
        """Let the account be deleted that has said something; GitHub shows nobody in its place."""
        self._act("disown_comment", number=number, comment_id=comment_id)

    # Checks

    def check(
        self,
        sha: str,
        name: str,
        state: str = "success",
        summary: str = "",
        *,
        workflow: str = "ci",
        app: int | None = None,
    ) -> int:
        """Let a check of a commit come to something: a conclusion of GitHub's, or `queued` or `in_progress`.

        Args:
            sha: The commit.
            name: The check's.
            state: What it has come to.
            summary: What it says of itself.
            workflow: Of Actions, whose job it is.
            app: The id of the app that says so, instead of Actions.
        """
        return int(
            self._act("check", sha=sha, name=name, state=state, summary=summary, workflow=workflow, app=app)
        )

    def checks(self, sha: str | None = None) -> list[Json]:
        """The check runs of a commit, or all: `name`, `sha`, `status`, `conclusion`, `summary`."""
        return list(self._act("checks", sha=sha))

    def status(self, sha: str, context: str, state: str = "success", description: str = "") -> None:
        """Give a commit a status: `success`, `failure`, `error` or `pending`."""
        self._act("status", sha=sha, context=context, state=state, description=description)

    def always_check(self, name: str, state: str | None = "success", summary: str = "") -> None:
        """Let every new head here have a check that came to something; none takes it back."""
        self._act("always_check", name=name, state=state, summary=summary)

    def run_workflow(
        self, sha: str, name: str = "ci", conclusion: str | None = "success", event: str = "push"
    ) -> int:
        """Let a workflow have run, or be running (no conclusion yet)."""
        return int(self._act("run_workflow", sha=sha, name=name, conclusion=conclusion, event=event))
