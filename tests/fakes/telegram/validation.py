"""Every answer and every update, held against aiogram's own types.

Aiogram is imported only where something is held against it: a server that runs without that, for load,
starts in a fraction of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tests.fakes.telegram.errors import Json


class Mismatch(AssertionError):
    """The fake said something that Telegram would not say."""


def check_answer(method: str, result: object) -> None:
    """Hold the result of a method against what aiogram expects of it.

    Raises:
        Mismatch: It is something else, or has fields that no type knows.
    """
    if method != "getupdates":  # each update was looked at when it was made
        _check(f"the answer to {method}", _adapter(method), result)


def check_update(body: Json) -> None:
    """Hold an update against aiogram's `Update`.

    Raises:
        Mismatch: It is none.
    """
    _check("an update", _update_adapter(), body)


def prepare() -> None:
    """Import what is needed now: it takes seconds, in which a server answers nobody."""
    _update_adapter()
    _returns()


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(_returns()[name])


@cache
def _returns() -> dict[str, Any]:
    from aiogram import methods

    known = [getattr(methods, name) for name in methods.__all__]
    return {
        method.__api_method__.lower(): method.__returning__
        for method in known
        if isinstance(getattr(method, "__api_method__", None), str)
    }


@cache
def _update_adapter() -> TypeAdapter[Any]:
    from aiogram.types import Update

    return TypeAdapter(Update)


def _check(what: str, adapter: TypeAdapter[Any], value: object) -> None:
    try:
        built = adapter.validate_python(value)
    except ValidationError as invalid:
        raise Mismatch(f"{what} is not what aiogram expects: {invalid}\n{value}") from invalid
    if unknown := list(_unknown_fields(built)):
        raise Mismatch(f"{what} has fields that aiogram does not know: {unknown}\n{value}")


def _unknown_fields(value: object) -> Iterator[str]:
    from aiogram.types import TelegramObject

    if isinstance(value, TelegramObject):
        yield from (f"{type(value).__name__}.{name}" for name in value.model_extra or {})
        for name in value.model_fields_set:
            yield from _unknown_fields(getattr(value, name, None))
    elif isinstance(value, list):
        for item in value:
            yield from _unknown_fields(item)
