"""The API itself, its limits, and who the caller is."""

from __future__ import annotations

from tests.fakes.github.call import Answer, Call
from tests.fakes.github.errors import ApiError, not_found
from tests.fakes.github.records import Account
from tests.fakes.github.routes.table import ANYBODY, route
from tests.fakes.github.views import accounts as views


@route("GET", "/meta", ANYBODY)
def meta(call: Call) -> Answer:
    """Say what GitHub is made of."""
    return Answer(
        {"verifiable_password_authentication": False, "hooks": ["127.0.0.0/8"], "git": ["127.0.0.0/8"]}
    )


@route("GET", "/rate_limit", ANYBODY)
def rate_limit(call: Call) -> Answer:
    """Say what is left; this costs nothing."""
    figures = call.world.limits.about(call.budget, call.world.now())
    search = figures | {"limit": 30, "used": 0, "remaining": 30}
    return Answer({"resources": {"core": figures, "search": search}, "rate": figures})


@route("GET", "/user", "metadata=read")
def user(call: Call) -> Answer:
    """Say who the caller is."""
    if call.token is not None and call.token.installation is not None:
        raise ApiError(403, "Resource not accessible by integration")
    return Answer(views.public_user(call.at, call.user, _public(call, call.user)))


@route("GET", "/users/{username}", ANYBODY)
def user_of(call: Call) -> Answer:
    """Say who somebody is."""
    found = call.world.account(call.params["username"])
    if found is None:
        raise not_found()
    return Answer(views.public_user(call.at, found, _public(call, found)))


@route("GET", "/orgs/{org}", ANYBODY)
def organisation(call: Call) -> Answer:
    """Say what an organisation is."""
    found = call.world.account(call.params["org"])
    if found is None or found.kind != "Organization":
        raise not_found()
    return Answer(views.organisation(call.at, found, _public(call, found)))


def _public(call: Call, account: Account) -> int:
    return sum(repo.owner is account and not repo.private for repo in call.world.repositories.values())
