"""Who a caller is, what they may see, and what they may do."""

from __future__ import annotations

import jwt

from tests.fakes.github.errors import ApiError
from tests.fakes.github.records import App, Repository, Token
from tests.fakes.github.world import World

_LEVELS = {"read": 1, "write": 2, "admin": 3}
_LONGEST_JWT_S = 600
_CLOCKS_DIFFER_S = 60


def bad_credentials() -> ApiError:
    """The token is none, or no longer."""
    return ApiError(401, "Bad credentials")


def token_of(world: World, value: str) -> Token:
    """The token of a value.

    Raises:
        ApiError: There is none, or its time is over.
    """
    token = world.tokens.get(value)
    if token is None or (token.expires_at is not None and token.expires_at <= world.now()):
        raise bad_credentials()
    if token.installation is not None:
        installation = world.installations.get(token.installation)
        if installation is None:
            raise bad_credentials()
        if installation.suspended_at is not None:
            raise ApiError(403, "This installation has been suspended")
    return token


def app_of(world: World, signed: str) -> App:
    """The app that signed a JSON Web Token; what GitHub checks of it is checked.

    Raises:
        ApiError: It is not an app's, or not any more.
    """
    try:
        claims = jwt.decode(signed, options={"verify_signature": False})
        app = world.apps[int(claims["iss"])]
        if jwt.get_unverified_header(signed).get("alg") != "RS256":
            raise _undecodable()
        jwt.decode(
            signed, app.public_key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
        )
        issued, expires = int(claims["iat"]), int(claims["exp"])
    except KeyError as missing:
        name = str(missing.args[0])
        if name in {"exp", "iat"}:
            raise ApiError(
                401,
                f"Missing '{'expiration time' if name == 'exp' else 'issued at'}' claim ('{name}') in assertion",
            ) from missing
        raise ApiError(401, "'Issuer' claim ('iss') must be an Integer") from missing
    except (jwt.InvalidTokenError, ValueError) as invalid:
        raise _undecodable() from invalid
    now = world.now()
    if issued > now + _CLOCKS_DIFFER_S:
        raise ApiError(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        )
    if expires <= now:
        raise ApiError(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        )
    if expires > now + _LONGEST_JWT_S + _CLOCKS_DIFFER_S:
        raise ApiError(401, "'Expiration time' claim ('exp') is too far in the future")
    return app


def may_see(token: Token | None, repository: Repository, world: World) -> bool:
    """Whether a caller may know of a repository."""
    return not repository.private or (token is not None and has_a_hand_in(token, repository, world))


def has_a_hand_in(token: Token, repository: Repository, world: World) -> bool:
    """Whether a token is for a repository, whatever its permissions are."""
    if token.repositories is not None and repository.id not in token.repositories:
        return False
    if token.installation is not None:
        installation = world.installations[token.installation]
        chosen = installation.repositories
        return repository.owner is installation.account and (chosen is None or repository.id in chosen)
    login = token.account.login.lower()
    return (
        repository.owner is token.account
        or login in repository.owner.members
        or login in repository.collaborators
    )


def grants(token: Token, needs: str) -> bool:
    """Whether a token has a permission, as `contents=write`; `; ` stands between those of which one is enough."""
    return any(_has(token, one) for one in needs.split("; "))


def missing_right(token: Token, needs: str) -> ApiError:
    """What GitHub answers to a token without a permission."""
    return ApiError(403, token.refusal, headers={"X-Accepted-GitHub-Permissions": needs})


def _has(token: Token, permission: str) -> bool:
    name, _, level = permission.partition("=")
    if token.permissions is None or name == "metadata":  # which every token has
        return True
    return _LEVELS.get(token.permissions.get(name, ""), 0) >= _LEVELS[level]


def _undecodable() -> ApiError:
    return ApiError(401, "A JSON web token could not be decoded")
