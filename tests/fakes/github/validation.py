"""Every answer, held against GitHub's own description of its API; and every request, as GitHub does."""

from __future__ import annotations

import json
import lzma
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]
from jsonschema.exceptions import ValidationError, best_match  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.fakes.github.errors import Json

EXCERPT = Path(__file__).parent / "openapi" / "excerpt.json.xz"
_ROOT = "urn:github"
_FORMATS = FormatChecker(formats=())


class Mismatch(AssertionError):
    """The fake said something that GitHub would not say."""


@_FORMATS.checks("date-time", raises=ValueError)  # type: ignore[untyped-decorator]
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_FORMATS.checks("uri", raises=ValueError)  # type: ignore[untyped-decorator]
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme and urlsplit(value).netloc)


def check_answer(method: str, template: str, status: int, body: object) -> None:
    """Hold an answer against what GitHub says that it answers.

    Raises:
        Mismatch: It is something else.
    """
    operation = f"{method} {template}"
    answers = excerpt()["operations"][operation]["answers"]
    if str(status) not in answers:
        if status >= 400:  # rights and limits are no part of an operation
            return
        raise Mismatch(f"{operation} answers {status}, which GitHub does not: {sorted(answers)}")
    if answers[str(status)] is None:
        if body is not None and status < 300:
            raise Mismatch(f"{operation} answers {status} with a body, which GitHub does not: {body}")
        return
    found = best_match(_validator(operation, f"answers/{status}").iter_errors(body))
    if found is not None:
        raise Mismatch(f"the answer {status} to {operation}, at {found.json_path}: {_words(found)}\n{body}")


def check_request(method: str, template: str, body: Json) -> str | None:
    """What GitHub says of a request that is not as described; none when it is."""
    operation = f"{method} {template}"
    schema = excerpt()["operations"][operation]["request"]
    if schema is None:
        return None
    # More than is described may be null: GitHub takes that for "not given", and PyGithub sends it.
    given = {name: v for name, v in body.items() if v is not None or name in schema.get("required", [])}
    found = best_match(_validator(operation, "request").iter_errors(given))
    if found is None:
        return None
    if found.validator == "required":
        missing = next(name for name in found.validator_value if name not in found.instance)
        return f'Invalid request.\n\n"{missing}" wasn\'t supplied.'
    where = "/".join(str(step) for step in found.absolute_path)
    return f"Invalid request.\n\nFor '{where}', {_words(found)}."


@cache
def excerpt() -> Json:
    """The described operations."""
    read: Json = json.loads(lzma.decompress(EXCERPT.read_bytes()))
    return read


@cache
def _registry() -> Registry[Any]:
    empty: Registry[Any] = Registry()
    filled: Registry[Any] = empty.with_resource(_ROOT, Resource.from_contents(excerpt(), DRAFT202012))
    return filled


@cache
def _validator(operation: str, part: str) -> Draft202012Validator:
    pointer = operation.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
    schema = {"$ref": f"{_ROOT}#/operations/{pointer.replace(' ', '%20')}/{part}"}
    return Draft202012Validator(schema, registry=_registry(), format_checker=_FORMATS)


def _words(error: ValidationError) -> str:
    return str(error.message)[:500]
