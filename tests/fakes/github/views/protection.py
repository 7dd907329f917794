"""The protection of branches."""

from __future__ import annotations

from tests.fakes.github.errors import Json
from tests.fakes.github.records import Repository
from tests.fakes.github.views.addresses import Addresses

FLAGS = (
    "required_linear_history",
    "allow_force_pushes",
    "allow_deletions",
    "block_creations",
    "required_conversation_resolution",
    "lock_branch",
    "allow_fork_syncing",
)


def short_protection(at: Addresses, repo: Repository, branch: str) -> Json:
    """What a branch says of its protection."""
    rules = repo.protections.get(branch)
    checks = None if rules is None else rules["required_status_checks"]
    return {
        "enabled": rules is not None,
        "required_status_checks": {
            "enforcement_level": "off" if checks is None else "non_admins",
            "contexts": [] if checks is None else checks["contexts"],
            "checks": [] if checks is None else checks["checks"],
        },
    }


def protection(at: Addresses, repo: Repository, branch: str) -> Json:
    """The protection by itself."""
    rules = repo.protections[branch]
    url = f"{at.api}/repos/{repo.full_name}/branches/{branch}/protection"
    shown: Json = {
        "url": url,
        "enforce_admins": {"url": f"{url}/enforce_admins", "enabled": rules["enforce_admins"]},
        "required_signatures": {"url": f"{url}/required_signatures", "enabled": False},
        **{flag: {"enabled": bool(rules.get(flag))} for flag in FLAGS},
    }
    if (checks := rules["required_status_checks"]) is not None:
        address = f"{url}/required_status_checks"
        shown["required_status_checks"] = {"url": address, "contexts_url": f"{address}/contexts", **checks}
    if (reviews := rules["required_pull_request_reviews"]) is not None:
        shown["required_pull_request_reviews"] = {
            "url": f"{url}/required_pull_request_reviews",
            **reviews,
        }
    return shown
