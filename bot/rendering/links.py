"""Which addresses may be tapped: those that Telegram takes, and a phone can reach."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

_LONGEST = 2048


def host_to_open(url: str) -> str | None:
    """Return the host of an address that can be a link; nothing for one that is to be read only.

    Telegram refuses a message whose button points to this machine, and a phone
    could not follow it anyway.
    """
    if len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or parts.username is not None or not host:
        return None
    return host if _reachable(host) else None


def _reachable(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _is_a_name(host)
    return not (address.is_loopback or address.is_unspecified or address.is_link_local)


def _is_a_name(host: str) -> bool:
    *labels, last = host.removesuffix(".").split(".")
    named = bool(labels) and all(labels) and any(letter.isalpha() for letter in last)
    return named and last != "localhost" and set(host) <= _LETTERS_OF_A_HOST


_LETTERS_OF_A_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
