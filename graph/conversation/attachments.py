"""Files that come with what a person says: within limits, under harmless names."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path, PurePosixPath

from graph.conversation import texts
from graph.conversation.messages import Attachment
from infrastructure.attachments import AttachmentStore
from shared.errors import BadInput

MOST_BYTES = 10 * 1024 * 1024
"""Bytes that a file may have."""

_LONGEST_NAME = 80
"""Characters of a name that are kept, with its ending."""

_SIGNATURES = {
    ".gif": (b"GIF87a", b"GIF89a"),
    ".jpeg": (b"\xff\xd8\xff",),
    ".jpg": (b"\xff\xd8\xff",),
    ".pdf": (b"%PDF-",),
    ".png": (b"\x89PNG\r\n\x1a\n",),
    ".webp": (b"RIFF",),
    ".zip": (b"PK\x03\x04", b"PK\x05\x06"),
}
"""What files that are no text begin with. An archive is kept as it is, and not unpacked."""


class TooLarge(BadInput):
    """This file is larger than is taken."""

    code = "file_too_large"
    advice = "Send a smaller one, or only the part that matters."


class TypeNotTaken(BadInput):
    """This type of file is not taken."""

    code = "file_type_not_taken"
    advice = f"What is taken: {texts.sessions.FILES_TAKEN}."


class Attachments:
    """Keeps files for whom they were sent to."""

    def __init__(self, home: Path) -> None:
        """Put it together.

        Args:
            home: The installation's home.
        """
        self._store = AttachmentStore(home)

    async def keep(self, name: str, content: bytes, *, media_type: str = "") -> Attachment:
        """Keep a file, and return what a message carries of it; the same one again is kept once.

        Args:
            name: What its sender calls it.
            content: All of it.
            media_type: What its sender says that it is; for people, and relied upon by nobody.

        Raises:
            TooLarge: It is.
            TypeNotTaken: It is neither text, nor what its name says.
        """
        called = harmless_name(name)
        check_size(called, len(content))
        if not _is_taken(called, content):
            raise TypeNotTaken(texts.sessions.file_type_not_taken(called))
        return Attachment(
            name=called,
            media_type=media_type[:100],
            size=len(content),
            sha256=await self._store.keep(content),
        )


def check_size(name: str, size: int) -> None:
    """Refuse a file that is too large; also before it is fetched, when its size is known.

    Raises:
        TooLarge: It is.
    """
    if size > MOST_BYTES:
        has, may = size / 1024 / 1024, MOST_BYTES // 1024 // 1024
        raise TooLarge(texts.sessions.file_too_large(harmless_name(name), has, may))


def harmless_name(name: str) -> str:
    """Return a name that goes nowhere else, means nothing to a shell or a terminal, and keeps its ending."""
    last = PurePosixPath(name.replace("\\", "/")).name
    plain = "".join(
        one if one.isalnum() or one in "._-" else "_" for one in unicodedata.normalize("NFC", last)
    )
    plain = re.sub(r"_{2,}", "_", plain).lstrip("._-") or "file"
    return plain[-_LONGEST_NAME:].lstrip("._-") or "file"


def _is_taken(name: str, content: bytes) -> bool:
    if signatures := _SIGNATURES.get(PurePosixPath(name).suffix.lower()):
        return content.startswith(signatures)
    return b"\0" not in content
