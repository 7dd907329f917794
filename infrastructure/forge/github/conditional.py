"""Asking GitHub for what is not known yet: requests with the tags of earlier answers.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api: an
answer "304 Not Modified" does not count against the rate limit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from github.Requester import Requester
from requests.utils import parse_header_links

MOST_PAGES = 200
"""What is longer than twenty thousand things is nothing that we can follow."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer."""

    data: Any
    next: str | None
    """The address of what follows."""
    last: int
    """The number of the last page."""


class Conditional:
    """One story's requests, the tags that they showed, and those that they brought."""

    def __init__(self, requester: Requester, etags: Mapping[str, str]) -> None:
        """Take the tags of earlier answers, by path."""
        self._requester = requester
        self._known = etags
        self.etags: dict[str, str] = {}
        """Of the answers that were new."""
        self.asked: set[str] = set()
        self.at = datetime.now(UTC)
        """When the last answer was given, by GitHub's clock."""

    def get(self, path: str) -> Page | None:
        """Return an answer, or None when it is what was read before.

        Raises:
            GithubException: GitHub refuses.
            JSONDecodeError: The answer broke off.
        """
        headers = {"If-None-Match": self._known[path]} if path in self._known else {}
        self.asked.add(path)
        status, told, output = self._requester.requestJson("GET", path, headers=headers)
        if date := told.get("date"):
            self.at = parsedate_to_datetime(date)
        if status == HTTPStatus.NOT_MODIFIED:
            return None
        if status >= HTTPStatus.BAD_REQUEST:
            raise self._requester.createException(status, told, _refusal(output))
        data = json.loads(output)
        if etag := told.get("etag"):
            self.etags[path] = etag
        links = {link.get("rel"): link["url"] for link in parse_header_links(told.get("link", ""))}
        return Page(data, links.get("next"), _number(links["last"]) if "last" in links else 1)

    def forget(self, path: str) -> None:
        """Keep no tag of an answer that is only a part of what was read."""
        self.etags.pop(path, None)

    def pages(self, path: str) -> Iterator[Page]:
        """Return an answer with all that follows it; nothing when it begins as it did before."""
        page = self.get(path)
        for _ in range(MOST_PAGES):
            if page is None:
                return
            yield page
            page = self._following(page)

    def _following(self, page: Page) -> Page | None:
        if page.next is None:
            return None
        asked, tags = set(self.asked), dict(self.etags)
        following = self.get(page.next)
        # Only the first page of a listing is asked for again by the same address.
        self.asked, self.etags = asked, tags
        return following


def _refusal(output: str) -> dict[str, Any]:
    """Return what a refusal says; GitHub's front servers say it in HTML."""
    try:
        said = json.loads(output)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _number(address: str) -> int:
    return int(parse_qs(urlsplit(address).query)["page"][0])
