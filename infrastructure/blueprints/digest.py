"""The version of a blueprint, which nobody numbers."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest_of(blueprint: Path) -> str:
    """Return the SHA-256 (hex) of all files of a blueprint's directory: their names and what is in them."""
    digest = hashlib.sha256()
    for file in sorted(path for path in blueprint.rglob("*") if path.is_file()):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(blueprint)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
