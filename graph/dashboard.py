"""The Grafana dashboard that people look at: its address, with what it is to show."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

_OURS = ("var-project", "var-run")
"""Grafana's URL variables that are ours to set: https://grafana.com/docs/grafana/latest/dashboards/variables/."""


def dashboard_address(dashboard: str, *, project: str, run: int | None = None) -> str:
    """Return where a dashboard shows a project.

    Args:
        dashboard: Its address, as people's browsers reach it; the rest of its query stays as it is.
        project: The project's name.
        run: The number of one of its runs, to show that alone.
    """
    parts = urlsplit(dashboard)
    # Two values of one variable show both.
    kept = [one for one in parts.query.split("&") if one and one.partition("=")[0] not in _OURS]
    kept.append(f"var-project={quote(project, safe='')}")
    if run is not None:
        kept.append(f"var-run={run}")
    return urlunsplit(parts._replace(query="&".join(kept)))
