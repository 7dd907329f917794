"""Where a conversation reads the issues of projects: on GitHub, if it is set up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from graph.conversation import IssueReader
from infrastructure.forge import open_places
from shared.settings import Settings

_PATIENCE_S = 3.0
"""Less than a conversation waits: what GitHub says of itself tells more than that it is silent."""


@contextmanager
def open_issues(settings: Settings) -> Iterator[IssueReader | None]:
    """Lend what reads issues, and nothing where there are none.

    Raises:
        BadSetting: What makes a GitHub app is not all there.
    """
    with open_places(settings, patience_s=_PATIENCE_S) as places:
        yield places.hosting
