"""Bucket: what a place for bytes must be able to do. `Store` checks keys and digests, so that a bucket need not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, Protocol

from kiln.storage.stored import Listed, Stored


class Bucket(Protocol):
    """Keeps contents under valid keys, each put once. Every method raises StorageError, whose kind says what went wrong."""

    def create(self, key: str, source: BinaryIO, *, media_type: str, expected: str | None) -> Stored:
        """Keep all that the source gives, or nothing, together with its SHA-256.

        A content equal to the one that was put there before counts as put; with another one it raises AlreadyStored. `expected` is the
        SHA-256 the source must have.
        """
        ...

    def head(self, key: str) -> Stored:
        """What is kept, without reading it; kind "missing" when nothing is."""
        ...

    def open(self, key: str) -> tuple[Stored, BinaryIO]:
        """What was put, and a seekable stream of what is there now, at its start; the caller compares and closes."""
        ...

    def list(self, prefix: str, *, after: str, limit: int) -> Sequence[Listed]:
        """At most `limit` keys in the folder `prefix` ("" is all) that come after `after`, sorted."""
        ...

    def copy(self, key: str, to: str) -> None:
        """Keep the content under another key too; nothing, or nothing that matters, may be there."""
        ...

    def delete(self, key: str) -> None:
        """Let it go; it is no error when it is not there."""
        ...

    def check_room(self) -> None:
        """Raise kind "full" when nothing more would be kept; a service admits no job then."""
        ...
