"""The parameters of a call, as JSON, urlencoded or multipart."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web

from tests.fakes.telegram.errors import Json, Value, bad_request


@dataclass(frozen=True)
class Upload:
    """A file in the request."""

    name: str
    content: bytes
    mime_type: str


@dataclass
class Params:
    """What the bot sent along.

    Args:
        values: Every value may be text, since two of the three encodings know nothing else.
        uploads: The files in it.
        alive: Whether whoever asked is still there.
    """

    values: Json
    uploads: dict[str, Upload] = field(default_factory=dict)
    alive: Callable[[], bool] = lambda: True

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.values.get(name)
        return None if value is None else str(value)

    def integer(self, name: str) -> int | None:
        """A whole number."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        try:
            return int(value)
        except ValueError:
            return 0

    def flag(self, name: str) -> bool:
        """A yes or no, no when it is absent."""
        return str(self.values.get(name, "")).lower() in {"true", "1", "yes", "y"}

    def parsed(self, name: str, what: str | None = None) -> Value:
        """A JSON value.

        Raises:
            ApiError: It is none.
        """
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError as invalid:
            raise bad_request(f"can't parse {what or name} JSON object") from invalid

    def chat_id(self, name: str = "chat_id") -> int | str | None:
        """A chat's number or @name."""
        value = self.values.get(name)
        if value is None or value == "" or isinstance(value, int):
            return value
        text = str(value)
        return int(text) if text.lstrip("-").isdigit() else text

    def file(self, name: str) -> Upload | str | None:
        """An upload, or the id or address of a file."""
        value = self.values.get(name)
        if isinstance(value, str) and value.startswith("attach://"):
            return self.uploads.get(value.removeprefix("attach://"))
        return self.uploads.get(name) or (str(value) if value else None)


async def read_params(request: web.BaseRequest) -> Params:
    """Read a request's parameters, from its address and its body."""
    values: Json = dict(request.query)
    kind = request.content_type
    if kind == "multipart/form-data":
        return await _multipart(request, values)
    body = await request.read()
    if not body:
        return Params(values)
    if kind == "application/json":
        try:
            values.update(json.loads(body))
        except ValueError as invalid:
            raise bad_request("can't parse JSON object") from invalid
    else:
        values.update(parse_qsl(body.decode(), keep_blank_values=True))
    return Params(values)


async def _multipart(request: web.BaseRequest, values: Json) -> Params:
    uploads: dict[str, Upload] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            continue
        content = bytes(await part.read(decode=False))
        if part.filename is None:
            values[part.name] = content.decode()
        else:
            mime_type = part.headers.get("Content-Type", "application/octet-stream")
            uploads[part.name] = Upload(part.filename, content, mime_type)
    return Params(values, uploads)
