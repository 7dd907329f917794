"""PyGithub's transport, as we use it."""

from __future__ import annotations

import logging

from github import Auth
from github.Requester import Requester

TIMEOUT_S = 30
"""Without a byte from GitHub."""

_QUIET = logging.getLogger(__name__)
# One of the answers that it would write at DEBUG is an app's token.
_QUIET.setLevel(logging.INFO)


class QuietRequester(Requester):
    """PyGithub's requester, which keeps what it receives to itself."""

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
