"""What the orchestrator remembers between two steps: ids and names, never content or secrets."""

from __future__ import annotations

from enum import StrEnum
from typing import TypedDict

from graph.roles import Brief


class Step(StrEnum):
    """The steps, as people see them."""

    INTAKE = "intake"
    CLARIFY = "clarify"
    PLAN = "plan"
    APPROVE_PLAN = "approve_plan"
    SCAFFOLD = "scaffold"
    APPROVE_WORKFLOWS = "approve_workflows"
    SAVE_WORK = "save_work"
    CHECKOUT = "checkout"
    TEST = "test"
    PROPOSE = "propose"
    PROPOSE_AGAIN = "propose_again"
    CHECKS = "checks"
    APPROVE_MERGE = "approve_merge"
    MERGE = "merge"
    PUBLISH = "publish"
    PROTECT = "protect"
    CONFIGURE = "configure"
    PROVIDE = "provide"
    APPROVE_RELEASE = "approve_release"
    DEPLOY = "deploy"
    DEPLOY_AGAIN = "deploy_again"
    VERIFY = "verify"
    ANNOUNCE = "announce"
    APPROVE_OPERATION = "approve_operation"
    OPERATE = "operate"
    REPORT = "report"


UNTOLD = frozenset(
    {
        Step.CLARIFY,
        Step.APPROVE_PLAN,
        Step.APPROVE_WORKFLOWS,
        Step.PROPOSE_AGAIN,
        Step.APPROVE_MERGE,
        Step.PROVIDE,
        Step.APPROVE_RELEASE,
        Step.DEPLOY_AGAIN,
        Step.APPROVE_OPERATION,
        Step.CONFIGURE,
        Step.REPORT,
    }
)
"""Steps that need not be told: a person sees their question or their result."""


class Outcome(StrEnum):
    """What the work came to, when nothing went wrong."""

    LIVE = "live"
    NOTHING_NEW = "nothing_new"
    NOT_DEPLOYED = "not_deployed"
    """A person decided against it; what was built stands."""
    NOT_MERGED = "not_merged"
    """A person decided against it, or closed the pull request; what nobody else has pushed to is taken away."""
    CANCELLED = "cancelled"
    """A person called it off before anything was made."""
    STOPPED = "stopped"
    STARTED = "started"
    RESTARTED = "restarted"
    REMOVED = "removed"
    KEPT = "kept"
    """A person decided against removing, stopping, starting or restarting."""


class Gap(TypedDict):
    """Something that is missing or wrong, and is asked of a person."""

    subject: str
    """What: `blueprint`, `name`, the name of a variable, or `secrets`."""
    message: str
    offered: list[str]
    """Answers to choose from."""


class Pull(TypedDict):
    """The pull request in which a run proposes its work."""

    number: int
    url: str
    branch: str
    proposed: str
    """The commit that was tested here and pushed."""
    begun_at: str
    """The commit of the default branch on which it stands."""
    head: str
    """Where the branch stood when it was looked at last: whoever may push has pushed to it since."""
    awaited: list[str]
    """The names of the checks that there will be."""
    opened_at: str
    """When the checks of this head were begun to be waited for."""


class ApprovedMerge(TypedDict):
    """The merge that was approved: its digest, and where the two branches stand."""

    digest: str
    head: str
    base: str


class State(TypedDict, total=False):
    """The graph's state. The first fields are the run's input, as `work` has it."""

    kind: str
    blueprint: str
    name: str
    description: str
    project_id: str
    release: int | None

    gap: Gap
    blueprint_digest: str
    comment: str | None
    """A person's on the plan, until it is worked in."""
    problem: str
    """Why the plan could not be changed as the comment asked."""
    tree: str
    """Digest of the project's files, as they were written first."""
    workflows: list[str]
    """The paths of the workflows of GitHub Actions that may be pushed."""
    kept: str
    """The commit in which the files are saved, beside all branches."""
    proposal: int
    """How often the work was proposed."""
    pull: Pull
    commit: str
    tests: str
    """What the tests said, in one line."""
    release_id: str
    approved_merge: ApprovedMerge
    approved: str
    """Digest of the deployment that was approved."""
    attempt: int
    failure: str
    advice: str
    url: str
    outcome: str
    result: dict[str, str | int]


def brief_of(state: State) -> Brief:
    """Return what is to be built, as far as it is known."""
    return Brief(state.get("blueprint", ""), state.get("name", ""), state.get("description", ""))
