"""What a repository on GitHub lets happen: protected branches, and what its workflows are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote as quoted

from github.PublicKey import PublicKey
from github.Repository import Repository as Remote
from github.Variable import Variable


def protect(repository: Remote, branch: str, checks: Sequence[str]) -> bool:
    """See `Hosting.protect`."""
    if repository.get_branch(branch).protected:
        return False
    rules = {
        # Strict: GitHub merges nothing that was checked on another base. It takes each check from the app that has
        # made it of late; naming the app besides (`checks`) is refused.
        "required_status_checks": {"strict": True, "contexts": list(checks)} if checks else None,
        "required_pull_request_reviews": {"required_approving_review_count": 0},
        "enforce_admins": True,
        "restrictions": None,
    }
    # Not PyGithub's own call: it leaves out `contexts`, which GitHub's description asks for.
    repository.requester.requestJsonAndCheck(
        "PUT", f"{repository.url}/branches/{quoted(branch, safe='')}/protection", input=rules
    )
    return True


def set_variables(repository: Remote, variables: Mapping[str, str]) -> None:
    """See `Hosting.set_variables`."""
    standing: dict[str, Variable] = {each.name: each for each in repository.get_variables()}
    for name, value in variables.items():
        # GitHub keeps their names in upper case.
        known = standing.get(name.upper())
        if known is None:
            repository.create_variable(name, value)
        elif known.value != value:
            known.edit(value)


def set_secrets(repository: Remote, secrets: Mapping[str, str]) -> None:
    """See `Hosting.set_secrets`; GitHub tells nobody what stands there, so that each is set anew."""
    if not secrets:
        return
    key: PublicKey = repository.get_public_key()
    for name, value in secrets.items():
        repository.requester.requestJsonAndCheck(
            "PUT",
            f"{repository.url}/actions/secrets/{name}",
            input={"key_id": str(key.key_id), "encrypted_value": key.encrypt(value)},
        )
