"""What the child does that unpacks a stranger's zip; its imports are loaded before it is confined."""

from __future__ import annotations

from pathlib import Path

from kiln.formats.unzip import ZipLimits, unzip


def unpack(path: str, into: str, *, entries: int, total_bytes: int) -> list[str]:
    """Unpack a zip into a folder; the files' paths in it."""
    return list(unzip(Path(path), Path(into), limits=ZipLimits(entries=entries, total_bytes=total_bytes)))
