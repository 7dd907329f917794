"""What we show GitHub: a token that a person has made, or an app's, which lives an hour.

Everything here blocks, and is called on the client's threads.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Protocol

from github import Auth, GithubException
from github.Consts import DEFAULT_JWT_ALGORITHM
from jwt.exceptions import PyJWTError
from pydantic import BaseModel

from infrastructure.forge.github.answers import clock_skew
from infrastructure.forge.github.errors import BadCredentials, NotInstalled
from infrastructure.forge.github.requester import QuietRequester, requester_of

RENEWED_BEFORE = timedelta(minutes=5)
"""Longer than any one request, or git's asking for its password after it was started."""

TOLERATED_SKEW = timedelta(seconds=30)

NEEDED = {
    "administration": "write",
    "actions_variables": "write",
    "checks": "read",
    "contents": "write",
    "issues": "write",
    "pull_requests": "write",
    "secrets": "write",
    "statuses": "read",
    "workflows": "write",
}
"""What an app is asked for when it is installed."""


class Credentials(Protocol):
    """Who we are on GitHub."""

    def token(self) -> str:
        """Return a token that is good for some minutes at least."""
        ...

    def renew(self, refused: str) -> bool:
        """Put a token away that GitHub has refused, and return whether there can be another."""
        ...

    def login(self) -> str:
        """Return the name under which we comment."""
        ...

    def default_owner(self) -> str:
        """Return who owns repositories when nobody says who should."""
        ...

    def rights_missing(self) -> list[str]:
        """Return which rights we were not given, as far as GitHub tells."""
        ...


class FixedToken:
    """A token that a person has made."""

    def __init__(self, token: str, api_url: str) -> None:
        self._token = token
        self._requester = requester_of(Auth.Token(token), api_url)
        self._user: str | None = None

    def token(self) -> str:
        """See `Credentials.token`."""
        return self._token

    def renew(self, refused: str) -> bool:
        """See `Credentials.renew`; only its person can."""
        return False

    def login(self) -> str:
        """See `Credentials.login`."""
        if self._user is None:
            _, answer = self._requester.requestJsonAndCheck("GET", "/user")
            self._user = _User.model_validate(answer).login
        return self._user

    def default_owner(self) -> str:
        """See `Credentials.default_owner`."""
        return self.login()

    def rights_missing(self) -> list[str]:
        """See `Credentials.rights_missing`; only classic tokens tell their scopes."""
        headers, _ = self._requester.requestJsonAndCheck("GET", "/user")
        if "x-oauth-scopes" not in headers:
            return []
        held = {scope.strip() for scope in headers["x-oauth-scopes"].split(",")}
        return [f"the scope {scope}" for scope in ("repo", "workflow") if scope not in held]


class AppTokens:
    """Tokens of a GitHub App's installation, minted when they are needed."""

    def __init__(
        self,
        app_id: int,
        private_key: str,
        api_url: str,
        *,
        owner: str,
        renewed_before: timedelta = RENEWED_BEFORE,
    ) -> None:
        """Prepare to mint; nothing is asked yet.

        Args:
            app_id: The app's.
            private_key: Its key, PEM.
            api_url: Where GitHub's API is.
            owner: Whose installation.
            renewed_before: How long before its end a token is not shown any more.
        """
        self._sign = Auth.AppAuth.create_jwt_sign(private_key, DEFAULT_JWT_ALGORITHM)
        self._app = requester_of(Auth.AppAuth(app_id, sign_func=self._signed), api_url)
        self._owner = owner
        self._renewed_before = renewed_before
        self._lock = threading.Lock()
        self._skew = timedelta()
        self._installation: _Installation | None = None
        self._minted: _Minted | None = None
        self._slug: str | None = None

    def token(self) -> str:
        """See `Credentials.token`."""
        with self._lock:
            soon = datetime.now(UTC) + self._skew + self._renewed_before
            if self._minted is None or self._minted.expires_at < soon:
                self._minted = self._mint()
            return self._minted.token

    def renew(self, refused: str) -> bool:
        """See `Credentials.renew`: it was revoked, or somebody has changed the app's rights."""
        with self._lock:
            if self._minted is None:
                return False
            if self._minted.token == refused:
                self._minted = None
            return True

    def login(self) -> str:
        """See `Credentials.login`."""
        with self._lock:
            if self._slug is None:
                self._slug = _App.model_validate(self._ask("GET", "/app")).slug
            return f"{self._slug}[bot]"

    def default_owner(self) -> str:
        """See `Credentials.default_owner`."""
        return self._owner

    def rights_missing(self) -> list[str]:
        """See `Credentials.rights_missing`."""
        with self._lock:
            self._installation = None
            held = self._installed().permissions
        return [
            f"{name}: {level}"
            for name, level in NEEDED.items()
            if held.get(name) not in ({"write", "admin"} if level == "write" else {"read", "write"})
        ]

    def _mint(self) -> _Minted:
        """Mint a token, also of an app that was taken away and installed anew since.

        Raises:
            NotInstalled: It is not installed. GitHub's own "not found" must not get out: tokens are
                minted in the middle of other requests, which would take it for their answer.
        """
        for _ in range(2):
            path = f"/app/installations/{self._installed().id}/access_tokens"
            try:
                return _Minted.model_validate(self._ask("POST", path))
            except GithubException as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
                # That installation is no more; another one has another id.
                self._installation = None
        raise self._not_installed()

    def _installed(self) -> _Installation:
        if self._installation is None:
            self._installation = self._find_installation()
        return self._installation

    def _find_installation(self) -> _Installation:
        # An organisation has its own address; GitHub does not say which kind of account an owner is.
        for kind in ("orgs", "users"):
            try:
                return _Installation.model_validate(self._ask("GET", f"/{kind}/{self._owner}/installation"))
            except GithubException as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
        raise self._not_installed()

    def _not_installed(self) -> NotInstalled:
        return NotInstalled(f"The GitHub App is not installed for {self._owner}")

    def _ask(self, verb: str, path: str) -> Any:  # noqa: ANN401
        """Ask as the app; once more with GitHub's time, when that is why it does not believe us."""
        try:
            return self._app.requestJsonAndCheck(verb, path)[1]
        except GithubException as error:
            skew = clock_skew(error)
            if error.status != HTTPStatus.UNAUTHORIZED or skew is None:
                raise
            if abs(skew - self._skew) < TOLERATED_SKEW:
                raise
            self._skew = skew
        return self._app.requestJsonAndCheck(verb, path)[1]

    def _signed(self, payload: dict[str, Any]) -> str | bytes:
        moved = int(self._skew.total_seconds())
        try:
            return self._sign(payload | {"iat": payload["iat"] + moved, "exp": payload["exp"] + moved})
        except (PyJWTError, ValueError) as error:
            raise BadCredentials("GITHUB_APP_PRIVATE_KEY cannot be used: it is no RSA key in PEM") from error


class _User(BaseModel):
    login: str


class _Installation(BaseModel):
    id: int
    permissions: dict[str, str] = {}


class _Minted(BaseModel):
    token: str
    expires_at: datetime


class _App(BaseModel):
    slug: str


class LiveAuth(Auth.Auth):
    """Gives each request the token that is good at that moment."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @property
    def token_type(self) -> str:
        """What stands before the token."""
        return "token"

    @property
    def token(self) -> str:
        """The token."""
        return self._credentials.token()


def live_requester(credentials: Credentials, api_url: str) -> QuietRequester:
    """Return a requester that asks as somebody, however long it lives."""
    return requester_of(LiveAuth(credentials), api_url)
