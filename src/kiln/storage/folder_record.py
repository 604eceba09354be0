"""The record that a folder keeps beside each content."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from kiln.storage.digest import are_pieces, is_sha256
from kiln.storage.stored import Stored

MAX_RECORD_BYTES: Final = 16 << 20
"""A content of a TiB has a record of this length; whatever is longer is no record."""


@dataclass(frozen=True, kw_only=True)
class FolderRecord:
    """What was put, and the digests by which a part of it is verified."""

    stored: Stored
    pieces: str | None
    """The SHA-256 of every piece, one after the other; None where a content was put before Kiln kept them."""

    def as_bytes(self) -> bytes:
        """As it is kept."""
        what = {"key": self.stored.key, "sha256": self.stored.sha256, "size": self.stored.size, "media_type": self.stored.media_type}
        return json.dumps(what if self.pieces is None else {**what, "pieces": self.pieces}, indent=1).encode()


def read_record(data: bytes) -> FolderRecord | None:
    """What a record says; None when it is damaged."""
    try:
        found: Any = json.loads(data)
        stored = Stored(key=found["key"], sha256=found["sha256"], size=found["size"], media_type=found["media_type"])
        pieces = found.get("pieces")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    texts = isinstance(stored.key, str) and isinstance(stored.media_type, str) and is_sha256(stored.sha256)
    if not texts or type(stored.size) is not int or stored.size < 0:
        return None
    return FolderRecord(stored=stored, pieces=pieces) if pieces is None or are_pieces(pieces, size=stored.size) else None
