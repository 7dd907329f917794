"""Make `excerpt.json.xz`: the operations that the fake serves, out of GitHub's whole description.

    npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
    python -m tests.fakes.github.openapi.excerpt package/generated/api.github.com.json

The whole has 13 MB. What is kept are the schemas of requests and answers, as plain JSON Schema (the description
is OpenAPI 3.0, whose `nullable` JSON Schema does not know), without what is there to be read by people.
"""

from __future__ import annotations

import argparse
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fakes.github.errors import Json
from tests.fakes.github.routes import ROUTES

PATH = Path(__file__).with_name("excerpt.json.xz")
_PROSE = {"description", "example", "examples", "title", "externalDocs", "deprecated", "readOnly", "default"}
_NAMED = {"properties", "patternProperties"}
_REFERENCE = "#/components/"


def main() -> None:
    """Read the whole, write the part."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.github.openapi.excerpt", description=__doc__)
    parser.add_argument("description", type=Path, help="api.github.com.json of @octokit/openapi")
    excerpt = cut(json.loads(parser.parse_args().description.read_text()))
    text = json.dumps(excerpt, separators=(",", ":"), sort_keys=True)
    PATH.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


def cut(whole: Json) -> Json:
    """The part of a description that the routes need.

    Raises:
        KeyError: A route is not in it.
    """
    operations = {}
    for route in ROUTES:
        operation = whole["paths"][route.template][route.method.lower()]
        answers = {
            status: _schema(_resolved(whole, answer)) for status, answer in operation["responses"].items()
        }
        request = operation.get("requestBody")
        operations[f"{route.method} {route.template}"] = {
            "request": None if request is None else _schema(_resolved(whole, request)),
            "answers": answers,
        }
    schemas: Json = {}
    missing = list(_references(operations))
    while missing:
        name = missing.pop()
        if name not in schemas:
            schemas[name] = _plain(whole["components"]["schemas"][name])
            missing += _references(schemas[name])
    return {
        "source": {
            "package": "@octokit/openapi",
            "version": whole["info"]["version"],
            "licence": whole["info"]["license"]["name"],
        },
        "operations": operations,
        "components": {"schemas": schemas},
    }


def _resolved(whole: Json, thing: Json) -> Json:
    while (reference := thing.get("$ref")) is not None:
        thing = whole
        for step in reference.removeprefix("#/").split("/"):
            thing = thing[step]
    return thing


def _schema(thing: Json) -> Json | None:
    """The schema of a request's or answer's JSON, if it has any."""
    content = thing.get("content", {})
    found = next(
        (content[kind] for kind in ("application/json", "application/scim+json") if kind in content), None
    )
    return None if found is None or "schema" not in found else _plain(found["schema"])


def _plain(schema: Any) -> Any:  # noqa: ANN401 - a schema is any JSON
    """A schema of OpenAPI 3.0 as one of JSON Schema."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept: Json = {}
    for name, value in schema.items():
        if name in _NAMED:
            kept[name] = {key: _plain(inner) for key, inner in value.items()}
        elif name == "oneOf":
            # GitHub's alternatives overlap; that exactly one fits is more than its own answers keep to.
            kept["anyOf"] = _plain(value)
        elif name in {"enum", "required"}:
            kept[name] = value
        elif name not in _PROSE and name != "nullable" and not name.startswith("x-"):
            kept[name] = _plain(value)
    if {"contexts", "checks"} <= kept.get("properties", {}).keys():
        # Of required status checks GitHub takes `checks` alone, which PyGithub sends; the description does not.
        kept["required"] = [name for name in kept.get("required", []) if name != "contexts"]
    return _nullable(kept) if schema.get("nullable") else kept


def _nullable(schema: Json) -> Json:
    if "type" in schema:
        extra = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
        return schema | {"type": [schema["type"], "null"]} | extra
    return {"anyOf": [schema, {"type": "null"}]}


def _references(thing: Any) -> Iterator[str]:  # noqa: ANN401 - a schema is any JSON
    if isinstance(thing, dict):
        for name, value in thing.items():
            if name == "$ref" and isinstance(value, str):
                yield value.removeprefix(f"{_REFERENCE}schemas/")
            else:
                yield from _references(value)
    elif isinstance(thing, list):
        for item in thing:
            yield from _references(item)


if __name__ == "__main__":
    main()
