"""Which function answers which method. Names are looked up in lower case, as Telegram does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.fakes.telegram.params import Params
from tests.fakes.telegram.world import World

Method = Callable[[World, Params], Any | Awaitable[Any]]
METHODS: dict[str, Method] = {}


def method(name: str) -> Callable[[Method], Method]:
    """Let a function answer a method."""

    def register(function: Method) -> Method:
        METHODS[name.lower()] = function
        return function

    return register
