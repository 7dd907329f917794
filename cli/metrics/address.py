"""Where figures are read."""

from __future__ import annotations

PATH = "/metrics"


def url_of(address: tuple[str, int]) -> str:
    """Return the URL for Prometheus of an address that is listened on."""
    host, port = address
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"
