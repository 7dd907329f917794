"""Files in and out."""

from __future__ import annotations

import mimetypes

from tests.fakes.telegram.errors import Json, bad_request
from tests.fakes.telegram.methods.table import method
from tests.fakes.telegram.params import Params, Upload
from tests.fakes.telegram.world import StoredFile, World

DOWNLOAD_LIMIT_BYTES = 20 * 1024 * 1024
UPLOAD_LIMIT_BYTES = 50 * 1024 * 1024


@method("getFile")
def get_file(world: World, params: Params) -> Json:
    """Where a file can be fetched."""
    stored = world.files.get(params.text("file_id") or "")
    if stored is None:
        raise bad_request("invalid file_id")
    if len(stored.content) > DOWNLOAD_LIMIT_BYTES:
        raise bad_request("file is too big")
    return file_json(stored) | {"file_path": stored.path}


def take_document(world: World, params: Params) -> Json:
    """The `Document` of a call: uploaded with it, or known already."""
    given = params.file("document")
    if isinstance(given, Upload):
        if not given.content:
            raise bad_request("file must be non-empty")
        if len(given.content) > UPLOAD_LIMIT_BYTES:
            raise bad_request("file is too big")
        return document_json(world.store(given.name, given.content, guess_type(given), "documents"))
    if given is None:
        raise bad_request("there is no document in the request")
    stored = world.files.get(given)
    if stored is None:
        raise bad_request("wrong file identifier/HTTP URL specified")
    return document_json(stored)


def guess_type(upload: Upload) -> str:
    """The MIME type by the name, which Telegram trusts more than what the request says."""
    return mimetypes.guess_type(upload.name)[0] or upload.mime_type


def file_json(stored: StoredFile) -> Json:
    """What all kinds of files have in common."""
    return {
        "file_id": stored.file_id,
        "file_unique_id": stored.file_id[-16:],
        "file_size": len(stored.content),
    }


def document_json(stored: StoredFile) -> Json:
    """The `Document` object."""
    return file_json(stored) | {"file_name": stored.name, "mime_type": stored.mime_type}
