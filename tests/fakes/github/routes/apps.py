"""GitHub Apps: what an app asks with its own signature, and the tokens that it gets."""

from __future__ import annotations

from tests.fakes.github.call import Answer, Call
from tests.fakes.github.errors import ApiError, Json, not_found, unprocessable
from tests.fakes.github.records import App, Installation
from tests.fakes.github.routes.table import APP, route
from tests.fakes.github.views.accounts import simple_user
from tests.fakes.github.views.addresses import Addresses, moment, moment_or_none
from tests.fakes.github.views.checks import integration
from tests.fakes.github.views.repositories import repository

TOKEN_LIFETIME_S = 3600


@route("GET", "/app", APP)
def get(call: Call) -> Answer:
    """Say which app it is."""
    return Answer(integration(call.at, _app(call)))


@route("GET", "/app/installations", APP)
def installations(call: Call) -> Answer:
    """List where it is installed."""
    found = [i for i in call.world.installations.values() if i.app is call.app]
    return call.page(found, lambda installation: _shown(call.at, installation))


@route("GET", "/app/installations/{installation_id}", APP)
def installation(call: Call) -> Answer:
    """Read an installation."""
    return Answer(_shown(call.at, _installation(call)))


@route("GET", "/repos/{owner}/{repo}/installation", APP)
def of_repository(call: Call) -> Answer:
    """Find the installation for a repository."""
    for found in call.world.installations.values():
        chosen = found.repositories
        covers = found.account is call.repo.owner and (chosen is None or call.repo.id in chosen)
        if found.app is call.app and covers:
            return Answer(_shown(call.at, found))
    raise not_found()


@route("GET", "/orgs/{org}/installation", APP)
def of_organisation(call: Call) -> Answer:
    """Find the installation for an organisation."""
    return _of_account(call, call.params["org"], "Organization")


@route("GET", "/users/{username}/installation", APP)
def of_user(call: Call) -> Answer:
    """Find the installation for a person."""
    return _of_account(call, call.params["username"], "User")


@route("POST", "/app/installations/{installation_id}/access_tokens", APP)
def create_token(call: Call) -> Answer:
    """Make a token that lives for an hour, for everything that the app may do or for less."""
    found, body = _installation(call), call.body
    if found.suspended_at is not None:
        raise ApiError(403, "This installation has been suspended")
    permissions = _permissions(found.app, body.get("permissions"))
    chosen = _repositories(call, found)
    token = call.world.add_token(
        found.app.bot,
        permissions=permissions,
        repositories=chosen,
        lifetime_s=TOKEN_LIFETIME_S,
        installation=found.id,
    )
    assert token.expires_at is not None
    shown: Json = {
        "token": token.value,
        "expires_at": moment(token.expires_at),
        "permissions": permissions,
        "repository_selection": "all" if chosen is None and found.repositories is None else "selected",
    }
    if chosen is not None:
        shown["repositories"] = [repository(call.at, call.world.repositories[n]) for n in sorted(chosen)]
    return Answer(shown, 201)


def _app(call: Call) -> App:
    assert call.app is not None
    return call.app


def _installation(call: Call) -> Installation:
    found = call.world.installations.get(call.number("installation_id"))
    if found is None or found.app is not call.app:
        raise not_found()
    return found


def _of_account(call: Call, login: str, kind: str) -> Answer:
    account = call.world.account(login)
    for found in call.world.installations.values():
        if found.app is call.app and found.account is account and account.kind == kind:
            return Answer(_shown(call.at, found))
    raise not_found()


def _permissions(app: App, asked: dict[str, str] | None) -> dict[str, str]:
    if not asked:  # PyGithub asks for `{}`, which on GitHub is everything
        return dict(app.permissions)
    for name, level in asked.items():
        if name not in app.permissions or not _covers(app.permissions[name], level):
            raise unprocessable("The permissions requested are not granted to this installation.")
    return {"metadata": "read", **asked}


def _covers(has: str, asked: str) -> bool:
    return ["read", "write", "admin"].index(has) >= ["read", "write", "admin"].index(asked)


def _repositories(call: Call, installation: Installation) -> set[int] | None:
    body = call.body
    if "repositories" not in body and "repository_ids" not in body:
        return None
    chosen = set(body.get("repository_ids", []))
    for name in body.get("repositories", []):
        found = call.world.find(installation.account.login, name)
        chosen.add(0 if found is None else found.id)
    for number in chosen:
        found = call.world.repositories.get(number)
        known = installation.repositories
        if found is None or found.owner is not installation.account or not (known is None or number in known):
            raise unprocessable(
                "There is at least one repository that does not exist or is not accessible "
                "to the parent installation."
            )
    return chosen


def _shown(at: Addresses, of: Installation) -> Json:
    return {
        "id": of.id,
        "account": simple_user(at, of.account),
        "repository_selection": "all" if of.repositories is None else "selected",
        "access_tokens_url": f"{at.api}/app/installations/{of.id}/access_tokens",
        "repositories_url": f"{at.api}/installation/repositories",
        "html_url": f"{at.site}/settings/installations/{of.id}",
        "app_id": of.app.id,
        "app_slug": of.app.slug,
        "target_id": of.account.id,
        "target_type": of.account.kind,
        "permissions": of.app.permissions,
        "events": ["push", "pull_request", "check_suite"],
        "created_at": moment(of.created_at),
        "updated_at": moment(of.created_at),
        "single_file_name": None,
        "suspended_by": None if of.suspended_at is None else simple_user(at, of.account),
        "suspended_at": moment_or_none(of.suspended_at),
    }
