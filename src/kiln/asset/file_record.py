"""FileRecord: a file that was read or written, known by its digest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """A file's name, digest and size, for the manifest."""

    name: str
    sha256: str
    size: int
    """Bytes."""
