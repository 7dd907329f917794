"""Which effects need whose approval (DESIGN section 9)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.ledger.users import Role


class Effect(StrEnum):
    """A kind of effect that a policy speaks of."""

    SANDBOXED_WORK = "sandboxed_work"
    REPOSITORY = "repository"
    PULL_REQUEST = "pull_request"
    WORKFLOWS = "workflows"
    """Pushing what runs with a repository's rights: the workflows of GitHub Actions."""
    DEPLOYMENT = "deployment"
    SERVICE = "service"
    """Stopping and starting what is deployed."""
    PROVISIONING = "provisioning"
    SECRET = "secret"  # noqa: S105 - the name of an effect
    REMOVAL = "removal"


class ServerGroup(StrEnum):
    """How much rests on a server."""

    STAGING = "staging"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Rule:
    """Whether an effect needs an approval, and whose."""

    automatic: bool
    roles: tuple[Role, ...] = ()
    by_someone_else: bool = False


_AUTOMATIC = Rule(automatic=True)
_BY_THE_ASKER = Rule(automatic=False, roles=(Role.OWNER, Role.OPERATOR))
_BY_THE_OWNER = Rule(automatic=False, roles=(Role.OWNER,))


def rule_for(effect: Effect, group: ServerGroup = ServerGroup.STAGING) -> Rule:
    """Return the rule for a kind of effect on a group of servers."""
    match effect:
        case Effect.SANDBOXED_WORK:
            return _AUTOMATIC
        case Effect.SERVICE:
            return _AUTOMATIC if group is ServerGroup.STAGING else _BY_THE_ASKER
        case Effect.REPOSITORY | Effect.PULL_REQUEST | Effect.WORKFLOWS:
            return _BY_THE_ASKER
        case Effect.DEPLOYMENT:
            return _BY_THE_ASKER if group is ServerGroup.STAGING else _BY_THE_OWNER
        case Effect.PROVISIONING | Effect.SECRET | Effect.REMOVAL:
            return _BY_THE_OWNER


def group_of(server: str) -> ServerGroup:
    """Return the group of a server; this machine's own is staging."""
    return ServerGroup.STAGING if server == "local" else ServerGroup.PRODUCTION
