"""How the routers are made."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, cast

from aiogram import Router
from aiogram.dispatcher.event.handler import CallableObject

from bot.routers import Parts, routers


def callbacks(router: Router) -> list[CallableObject]:
    """Return everything that a router and those in it call: filters and handlers."""
    found: list[CallableObject] = []
    for observer in router.observers.values():
        found += observer._handler.filters or []
        for handler in observer.handlers:
            found += [handler, *(handler.filters or [])]
    return found + [one for inner in router.sub_routers for one in callbacks(inner)]


def test_nothing_that_a_router_calls_needs_a_thread() -> None:
    parts = Parts(**dict.fromkeys([one.name for one in fields(Parts)], cast("Any", None)))
    called = [one for router in routers(parts) for one in callbacks(router)]

    assert len(called) > 20
    assert [one.callback for one in called if not one.awaitable] == []
