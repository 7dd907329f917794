"""GitHub's API, asked off the event loop by a few threads at most."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from json import JSONDecodeError
from typing import TypeVar

from github import BadAttributeException, GithubException
from github.Requester import Requester
from pydantic import ValidationError
from requests import RequestException

from infrastructure.forge.github.answers import meaning
from infrastructure.forge.github.deadlines import Deadline
from infrastructure.forge.github.errors import GitHubUnavailable
from infrastructure.forge.github.retries import Patience
from infrastructure.forge.github.tokens import Credentials, live_requester

THREADS = 8
"""GitHub asks for few requests at once, and answers more of them with a secondary limit."""

TIMEOUT_S = 120.0
"""For one story, however slowly its answers drip in."""

T = TypeVar("T")


class GitHubClient:
    """Runs stories: functions of PyGithub's requester that are safe to repeat from their beginning."""

    def __init__(
        self, credentials: Credentials, api_url: str, patience: Patience, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Prepare to ask; no thread is started yet.

        Args:
            credentials: Who we are.
            api_url: Where the API is.
            patience: How long trouble is waited out.
            timeout_s: Seconds for one telling of a story.
        """
        self.credentials = credentials
        self.patience = patience
        self._api_url = api_url
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="github")
        self._of_thread = threading.local()

    async def call(self, story: Callable[[Requester], T]) -> T:
        """Run a story, from its beginning again when trouble that passes interrupts it.

        Raises:
            GitHubError: What GitHub answered, or that it did not.
        """
        return await self.patience.run(lambda: self._once(story))

    async def token(self) -> str:
        """Return a token that is good now, for git."""
        return await self.call(lambda _requester: self.credentials.token())

    def close(self) -> None:
        """Start no more stories."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _once(self, story: Callable[[Requester], T]) -> T:
        deadline = Deadline(self._timeout_s)
        telling = partial(self._tell, story, deadline)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.get_running_loop().run_in_executor(self._threads, telling)
        except TimeoutError as error:
            raise GitHubUnavailable(f"GitHub did not answer within {self._timeout_s:g} s") from error
        except GithubException as error:
            # Not `from`: PyGithub's quotes the whole answer, whatever stands in it.
            raise meaning(error) from None
        except RequestException as error:
            raise GitHubUnavailable(f"GitHub cannot be reached: {type(error).__name__}") from None
        except (JSONDecodeError, BadAttributeException, ValidationError):
            raise GitHubUnavailable("GitHub's answer broke off, or is none") from None
        finally:
            # Its thread may be at it still, also where our task was cancelled.
            deadline.call_off()

    def _tell(self, story: Callable[[Requester], T], deadline: Deadline) -> T:
        """Run a story on one of our threads, until its deadline."""
        with deadline.kept():
            return self._tell_as_known(story)

    def _tell_as_known(self, story: Callable[[Requester], T]) -> T:
        """Run a story; once more with another token if this one is refused."""
        requester = self._requester()
        token = self.credentials.token()
        try:
            return story(requester)
        except GithubException as error:
            if error.status != HTTPStatus.UNAUTHORIZED or not self.credentials.renew(token):
                raise
        return story(requester)

    def _requester(self) -> Requester:
        # One for each thread: neither PyGithub's bookkeeping nor requests' sessions are made for more.
        if not hasattr(self._of_thread, "requester"):
            self._of_thread.requester = live_requester(self.credentials, self._api_url)
        requester: Requester = self._of_thread.requester
        return requester
