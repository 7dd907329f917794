"""What the API does: a module for each kind of thing; importing this fills the table of routes."""

from tests.fakes.github.routes import (  # noqa: F401 - each fills the table
    about,
    apps,
    checks,
    contents,
    history,
    hooks,
    issues,
    protection,
    pulls,
    refs,
    releases,
    repositories,
    secrets,
    variables,
    workflows,
)
from tests.fakes.github.routes.table import ANYBODY, APP, ROUTES, Route, find

__all__ = ["ANYBODY", "APP", "ROUTES", "Route", "find"]
