"""Every answer and every update, held against aiogram's own types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiogram import methods
from aiogram.methods import TelegramMethod
from aiogram.types import TelegramObject, Update
from pydantic import TypeAdapter, ValidationError

from tests.fakes.telegram.errors import Json

RETURNS: dict[str, Any] = {
    method.__api_method__.lower(): method.__returning__
    for name in methods.__all__
    if isinstance(method := getattr(methods, name), type)
    and issubclass(method, TelegramMethod)
    and method is not TelegramMethod
}
_adapters: dict[str, TypeAdapter[Any]] = {}


class Mismatch(AssertionError):
    """The fake said something that Telegram would not say."""


def check_answer(method: str, result: object) -> None:
    """Hold the result of a method against what aiogram expects of it.

    Raises:
        Mismatch: It is something else, or has fields that no type knows.
    """
    if method == "getupdates":  # each update was looked at when it was made
        return
    adapter = _adapters.get(method)
    if adapter is None:
        adapter = _adapters[method] = TypeAdapter(RETURNS[method])
    _check(f"the answer to {method}", adapter, result)


def check_update(body: Json) -> None:
    """Hold an update against aiogram's `Update`.

    Raises:
        Mismatch: It is none.
    """
    adapter = _adapters.get("update")
    if adapter is None:
        adapter = _adapters["update"] = TypeAdapter(Update)
    _check("an update", adapter, body)


def _check(what: str, adapter: TypeAdapter[Any], value: object) -> None:
    try:
        built = adapter.validate_python(value)
    except ValidationError as invalid:
        raise Mismatch(f"{what} is not what aiogram expects: {invalid}\n{value}") from invalid
    if unknown := list(_unknown_fields(built)):
        raise Mismatch(f"{what} has fields that aiogram does not know: {unknown}\n{value}")


def _unknown_fields(value: object) -> Iterator[str]:
    if isinstance(value, TelegramObject):
        yield from (f"{type(value).__name__}.{name}" for name in value.model_extra or {})
        for name in value.model_fields_set:
            yield from _unknown_fields(getattr(value, name, None))
    elif isinstance(value, list):
        for item in value:
            yield from _unknown_fields(item)
