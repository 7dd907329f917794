"""Accounts: people, organisations and bots."""

from __future__ import annotations

from tests.fakes.github.errors import Json
from tests.fakes.github.records import Account
from tests.fakes.github.views.addresses import Addresses, moment, node_id

_PREFIX = {"User": "U", "Organization": "O", "Bot": "BOT"}


def simple_user(at: Addresses, account: Account) -> Json:
    """An account where it is named by the way."""
    login = account.login.replace("[", "%5B").replace("]", "%5D")
    user = f"{at.api}/users/{login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id(_PREFIX[account.kind], account.id),
        "avatar_url": f"{at.site}/avatars/u/{account.id}?v=4",
        "gravatar_id": "",
        "url": user,
        "html_url": f"{at.site}/{login}",
        "followers_url": f"{user}/followers",
        "following_url": f"{user}/following{{/other_user}}",
        "gists_url": f"{user}/gists{{/gist_id}}",
        "starred_url": f"{user}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{user}/subscriptions",
        "organizations_url": f"{user}/orgs",
        "repos_url": f"{user}/repos",
        "events_url": f"{user}/events{{/privacy}}",
        "received_events_url": f"{user}/received_events",
        "type": account.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def public_user(at: Addresses, account: Account, public_repos: int) -> Json:
    """An account by itself, as everybody sees it."""
    return simple_user(at, account) | {
        "name": None,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "public_repos": public_repos,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": moment(account.created_at),
        "updated_at": moment(account.created_at),
    }


def organisation(at: Addresses, account: Account, public_repos: int) -> Json:
    """An organisation by itself."""
    org = f"{at.api}/orgs/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("O", account.id),
        "url": org,
        "repos_url": f"{org}/repos",
        "events_url": f"{org}/events",
        "hooks_url": f"{org}/hooks",
        "issues_url": f"{org}/issues",
        "members_url": f"{org}/members{{/member}}",
        "public_members_url": f"{org}/public_members{{/member}}",
        "avatar_url": f"{at.site}/avatars/u/{account.id}?v=4",
        "description": None,
        "html_url": f"{at.site}/{account.login}",
        "has_organization_projects": True,
        "has_repository_projects": True,
        "public_repos": public_repos,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "type": "Organization",
        "created_at": moment(account.created_at),
        "updated_at": moment(account.created_at),
        "archived_at": None,
    }
