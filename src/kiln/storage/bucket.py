"""Bucket: what a place for bytes must be able to do. `Store` checks keys and digests, so that a bucket need not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

from kiln.storage.stored import Listed, Stored


class Bucket(Protocol):
    """Keeps contents under valid keys, each put once. Every method raises StorageError, whose kind says what went wrong."""

    @property
    def readers(self) -> int:
        """How many contents are best asked for at once, because each answer is waited for."""
        ...

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

    def read(self, stored: Stored, *, start: int, stop: int) -> Iterator[bytes]:
        """Of what `head` has found, the bytes from `start` to before `stop`, which are there, in parts of some MiB.

        Nothing is opened before the first part is asked for. A folder verifies each part. An object store compares a whole content with its
        SHA-256 before it hands out the last part; for less than the whole its own word has to do.
        """
        ...

    def copy(self, key: str, to: str, *, instead: bool) -> None:
        """Keep the content under another key too, `instead` of what is there; or else as `create` does."""
        ...

    def delete(self, key: str) -> None:
        """Let it go; it is no error when it is not there."""
        ...

    def check_room(self) -> None:
        """Raise kind "full" when nothing more would be kept; a service admits no job then."""
        ...

    def tidy(self) -> None:
        """Remove what writers who died have left, long enough ago."""
        ...
