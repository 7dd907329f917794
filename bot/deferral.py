"""Aiogram's types and methods, each built when it is first used.

Aiogram declares its types like that, and then builds all of them when it is imported: some
440, and 190 methods, four seconds of processor time at the start of every process, for a few
dozen that a bot meets. Built later, a type would not find what its annotations name, since
aiogram imports that for type checkers alone; so that is what each gets here instead.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pydantic import BaseModel

TYPES = "aiogram.types."


def import_types() -> None:
    """Import aiogram; nothing happens if it was imported before."""
    with _nothing_built():
        import aiogram.types  # noqa: F401


@contextmanager
def _nothing_built() -> Iterator[None]:
    at_once = BaseModel.__dict__["model_rebuild"]

    def later(
        model: type[BaseModel], /, *, _types_namespace: Mapping[str, object] | None = None, **options: object
    ) -> bool | None:
        if _types_namespace is None or not model.__module__.startswith(TYPES):
            built: bool | None = at_once.__get__(None, model)(_types_namespace=_types_namespace, **options)
            return built
        _explain_names(model, _types_namespace)
        return None

    BaseModel.model_rebuild = classmethod(later)  # type: ignore[assignment]
    # Its methods it does not declare like that.
    BaseModel.model_config["defer_build"] = True
    try:
        yield
    finally:
        del BaseModel.model_config["defer_build"]
        BaseModel.model_rebuild = at_once  # type: ignore[method-assign]


def _explain_names(model: type[BaseModel], meanings: Mapping[str, object]) -> None:
    """Let the model's module know what annotations mean, as if it had imported that."""
    known = vars(sys.modules[model.__module__])
    # All of them: an annotation may name another module's union, which names others in turn.
    known.update({**meanings, **known})
