"""The table of routes: a method and a path of GitHub's description, and the function that answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.fakes.github.call import Answer, Call

Handler = Callable[[Call], Answer]
_SEVERAL = {"path", "ref", "branch", "basehead"}
"""Parameters that may have slashes in them."""
ANYBODY, APP = "anybody", "app"
"""What a route may need instead of a permission: nothing at all, or an app's own signature."""


@dataclass(frozen=True)
class Route:
    """One operation.

    Attributes:
        needs: The permission that the caller's token must have, as `contents=write`; or `ANYBODY`, or `APP`.
    """

    method: str
    template: str
    needs: str
    handler: Handler
    pattern: re.Pattern[str]

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return self.method != "GET"


ROUTES: list[Route] = []


def route(method: str, template: str, needs: str) -> Callable[[Handler], Handler]:
    """Let a function answer an operation."""

    def keep(handler: Handler) -> Handler:
        ROUTES.append(Route(method, template, needs, handler, _pattern(template)))
        # The more of a path is fixed, the sooner it is looked at: `/branches/{branch}/protection`
        # comes before `/branches/{branch}`, whose branch may have slashes.
        ROUTES.sort(key=lambda route: len(re.sub(r"{\w+}", "", route.template)), reverse=True)
        return handler

    return keep


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The operation of a request, and the parameters in its path."""
    for known in ROUTES:
        if known.method == method and (found := known.pattern.fullmatch(path)):
            return known, found.groupdict()
    return None


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"{(\w+)}", template)
    for at in range(1, len(parts), 2):
        parts[at] = f"(?P<{parts[at]}>{'.+' if parts[at] in _SEVERAL else '[^/]+'})"
    return re.compile("".join(parts))
