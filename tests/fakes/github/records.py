"""What the server keeps: accounts, repositories, and what is said and done about them."""

from __future__ import annotations

from dataclasses import dataclass, field

from nacl.public import PrivateKey

from tests.fakes.github.errors import Json
from tests.fakes.github.gitdir import GitDirectory


@dataclass(eq=False)
class Account:
    """A person, an organisation, or the bot of an app."""

    id: int
    login: str
    kind: str
    created_at: float
    members: set[str] = field(default_factory=set)
    """Of an organisation: their logins, in lower case."""

    @property
    def email(self) -> str:
        """Where commits by hand come from."""
        return f"{self.id}+{self.login}@users.noreply.github.com"


@dataclass(eq=False)
class Token:
    """Somebody's right to call the API.

    Attributes:
        permissions: What it may do, as in X-Accepted-GitHub-Permissions; none for a classic token with everything.
        repositories: The only ones it may see; none for all.
    """

    value: str
    account: Account
    kind: str
    permissions: dict[str, str] | None = None
    repositories: set[int] | None = None
    installation: int | None = None
    expires_at: float | None = None

    @property
    def refusal(self) -> str:
        """What GitHub says when it may not."""
        kind = "integration" if self.kind == "installation" else "personal access token"
        return f"Resource not accessible by {kind}"


@dataclass(eq=False)
class App:
    """A GitHub App."""

    id: int
    slug: str
    owner: Account
    bot: Account
    private_key: str
    public_key: str
    permissions: dict[str, str]
    created_at: float
    webhook: Json = field(default_factory=dict)


@dataclass(eq=False)
class Installation:
    """An app, installed for an account."""

    id: int
    app: App
    account: Account
    created_at: float
    repositories: set[int] | None = None
    suspended_at: float | None = None


@dataclass(eq=False)
class Comment:
    """What somebody said below an issue or a pull request."""

    id: int
    number: int
    body: str
    user: Account | None
    """None: the account was deleted since."""
    created_at: float
    updated_at: float


@dataclass(eq=False)
class Issue:
    """An issue, or the part of a pull request that is one."""

    id: int
    number: int
    title: str
    body: str | None
    user: Account
    created_at: float
    updated_at: float
    state: str = "open"
    state_reason: str | None = None
    closed_at: float | None = None
    labels: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    pull: Pull | None = None


@dataclass(eq=False)
class Review:
    """What somebody thinks of a pull request."""

    user: Account
    state: str
    sha: str


@dataclass(eq=False)
class Pull:
    """A pull request, without what it has as an issue."""

    id: int
    head: str
    base: str
    head_sha: str
    base_sha: str
    draft: bool = False
    merged_at: float | None = None
    merged_by: Account | None = None
    merge_sha: str | None = None
    reviews: list[Review] = field(default_factory=list)
    unknown_for: int = 0
    """How often it is still to be told that nobody knows whether it can be merged."""


ACTIONS_APP = 15368
"""The id of GitHub Actions, whose checks are those that no app of a test has made."""


@dataclass(eq=False)
class CheckRun:
    """One check of a commit."""

    id: int
    suite: CheckSuite
    name: str
    sha: str
    status: str
    conclusion: str | None
    title: str | None
    summary: str | None
    text: str | None
    started_at: float
    completed_at: float | None
    details_url: str | None = None
    external_id: str = ""


@dataclass(eq=False)
class CheckSuite:
    """All checks that one app, or one workflow of Actions, has made of a commit."""

    id: int
    app: App | None
    sha: str
    branch: str | None
    created_at: float
    updated_at: float
    workflow: str | None = None
    runs: list[CheckRun] = field(default_factory=list)

    @property
    def app_id(self) -> int:
        """Whose it is."""
        return ACTIONS_APP if self.app is None else self.app.id

    @property
    def status(self) -> str:
        """How far it is."""
        return "completed" if all(run.status == "completed" for run in self.runs) else "in_progress"

    @property
    def conclusion(self) -> str | None:
        """What it came to."""
        if self.status != "completed":
            return None
        bad = [r.conclusion for r in self.runs if r.conclusion not in {"success", "neutral", "skipped"}]
        return bad[0] if bad else "success"


@dataclass(eq=False)
class Status:
    """A commit status: what came before check runs."""

    id: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator: Account
    created_at: float


@dataclass(eq=False)
class WorkflowRun:
    """One run of a workflow of GitHub Actions."""

    id: int
    number: int
    name: str
    path: str
    event: str
    branch: str
    sha: str
    status: str
    conclusion: str | None
    actor: Account
    created_at: float
    updated_at: float
    suite_id: int = 0


@dataclass(eq=False)
class Release:
    """A release."""

    id: int
    tag: str
    target: str
    name: str | None
    body: str | None
    draft: bool
    prerelease: bool
    author: Account
    created_at: float
    published_at: float | None


@dataclass(eq=False)
class Hook:
    """Where a repository's events are posted to."""

    id: int
    url: str
    content_type: str
    secret: str | None
    events: list[str]
    active: bool
    created_at: float
    updated_at: float
    insecure_ssl: str = "0"
    last_code: int | None = None
    last_status: str = "unused"


@dataclass(eq=False)
class Stored:
    """A variable, or a secret as it was opened."""

    name: str
    value: str
    created_at: float
    updated_at: float


@dataclass(eq=False)
class Repository:
    """A repository, with everything in it."""

    id: int
    owner: Account
    name: str
    git: GitDirectory
    private: bool
    description: str | None
    homepage: str | None
    default_branch: str
    created_at: float
    updated_at: float
    pushed_at: float
    archived: bool = False
    settings: Json = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    suites: list[CheckSuite] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    runs: list[WorkflowRun] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    hooks: dict[int, Hook] = field(default_factory=dict)
    protections: dict[str, Json] = field(default_factory=dict)
    variables: dict[str, Stored] = field(default_factory=dict)
    secrets: dict[str, Stored] = field(default_factory=dict)
    secrets_key: PrivateKey = field(default_factory=PrivateKey.generate)
    collaborators: set[str] = field(default_factory=set)
    automatic_checks: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By name, what every new head is said to have come to: its state and summary."""

    @property
    def full_name(self) -> str:
        """Owner and name."""
        return f"{self.owner.login}/{self.name}"

    @property
    def pulls(self) -> list[tuple[Issue, Pull]]:
        """Its pull requests, oldest first."""
        return [(issue, issue.pull) for issue in self.issues.values() if issue.pull is not None]

    @property
    def check_runs(self) -> list[CheckRun]:
        """Its check runs, oldest first."""
        return sorted((run for suite in self.suites for run in suite.runs), key=lambda run: run.id)

    @property
    def secrets_key_id(self) -> str:
        """The name of the key that secrets are encrypted with."""
        return str(self.secrets_key.public_key.__bytes__().hex()[:18])
