"""PyGithub's transport, as we use it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from github import Auth
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse

from infrastructure.forge.github.deadlines import deadline

TIMEOUT_S = 30
"""Without a byte from GitHub."""

_QUIET = logging.getLogger(__name__)
# One of the answers that it would write at DEBUG is an app's token.
_QUIET.setLevel(logging.INFO)


class _Body:
    """An answer's body, read for as long as its story may go on."""

    def __init__(self, raw: BaseHTTPResponse) -> None:
        self._raw = raw

    def stream(self, amount: int, *, decode_content: bool) -> Iterator[bytes]:
        """Yield what comes, as it comes: `read` would wait for so many bytes, however slowly they drip."""
        try:
            while piece := self._raw.read1(amount, decode_content=decode_content):
                deadline().left_s()
                yield piece
        except BaseException:
            # What is left of the answer must not be taken for the next one's beginning.
            self._raw.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._raw.close()

    def release_conn(self) -> None:
        """Give the connection back."""
        self._raw.release_conn()


class _Punctual(HTTPAdapter):
    """Sends no request that comes too late, and waits for no answer beyond its story's deadline."""

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401
        """Send a request."""
        kwargs["timeout"] = min(TIMEOUT_S, deadline().left_s())
        response = super().send(request, *args, **kwargs)
        response.raw = _Body(response.raw)
        return response


class _Http(HTTPRequestsConnectionClass):
    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.session.mount("http://", _Punctual(pool_connections=1, pool_maxsize=1))


class _Https(HTTPSRequestsConnectionClass):
    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.session.mount("https://", _Punctual(pool_connections=1, pool_maxsize=1))


class QuietRequester(Requester):
    """PyGithub's requester, which keeps what it receives to itself, and to its story's deadline."""

    # By their private names: `injectConnectionClasses` gives up connections that are kept open.
    _Requester__httpConnectionClass = _Http
    _Requester__httpsConnectionClass = _Https

    @property
    def _logger(self) -> logging.Logger:
        return _QUIET


def requester_of(auth: Auth.Auth, api_url: str) -> QuietRequester:
    """Return a requester for one thread.

    It neither tries again nor spaces its requests: both are done where they
    can be called off, and where a token that was renewed meanwhile is used.
    """
    return QuietRequester(
        auth=auth,
        base_url=api_url,
        timeout=TIMEOUT_S,
        user_agent="telewright",
        per_page=100,
        verify=True,
        retry=None,
        pool_size=1,
        seconds_between_requests=None,
        seconds_between_writes=None,
        lazy=False,
    )
