"""FileRecord: a file that was read or written, known by its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """A file's name, digest and size, for the manifest."""

    name: str
    sha256: str
    size: int
    """Bytes."""

    @classmethod
    def of(cls, name: str, data: bytes) -> FileRecord:
        """The record of a file with this content."""
        return cls(name=name, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
