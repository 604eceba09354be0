"""SHA-256 of bytes on their way through: of the whole content, and of its pieces, so that a part of it can be read and verified alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from kiln.errors import InputError, StorageError

CHUNK_BYTES: Final = 1 << 20

PIECE_BYTES: Final = 1 << 20
"""Of a piece with a digest of its own: what is read for one byte of it. It is part of the form of a folder's records."""

_DIGEST_DIGITS: Final = 64
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_PIECES: Final = re.compile(r"(?:[0-9a-f]{64})*")


@dataclass(frozen=True, kw_only=True)
class Hashed:
    """What was written."""

    sha256: str
    size: int
    """Bytes."""

    pieces: str
    """The SHA-256 of every piece, one after the other."""


def is_sha256(text: object) -> bool:
    """Whether it is a SHA-256 in lower-case hexadecimal."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def are_pieces(text: object, *, size: int) -> bool:
    """Whether these are digests of all pieces of a content of that size."""
    count = -(-size // PIECE_BYTES)
    return isinstance(text, str) and len(text) == count * _DIGEST_DIGITS and _PIECES.fullmatch(text) is not None


def piece_digest(pieces: str, number: int) -> str:
    """The SHA-256 of one piece, counted from 0."""
    return pieces[number * _DIGEST_DIGITS : (number + 1) * _DIGEST_DIGITS]


def copy_hashed(source: BinaryIO, target: BinaryIO, *, before_chunk: Callable[[int], None] | None = None) -> Hashed:
    """Copy all of the source. `before_chunk` is told the size of each chunk before it is written, and may refuse it.

    InputError when the source breaks off; an OSError is the target's.
    """
    whole, pieces, size = hashlib.sha256(), _PieceHash(), 0
    for chunk in _given(source):
        if before_chunk is not None:
            before_chunk(len(chunk))
        target.write(chunk)
        whole.update(chunk)
        pieces.update(chunk)
        size += len(chunk)
    return Hashed(sha256=whole.hexdigest(), size=size, pieces=pieces.digests())


def sha256_of(source: BinaryIO) -> str:
    """The SHA-256 of the rest of the stream."""
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def check_digest(key: str, *, found: str, expected: str) -> None:
    """StorageError when the bytes are not the expected ones."""
    if found != expected:
        raise StorageError(
            f"{key} is damaged: its SHA-256 is {found[:12]}..., not {expected[:12]}...; delete it and make it again, or restore a backup",
            kind="damaged",
        )


class _PieceHash:
    """Digests of pieces, from chunks of any length."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._current = hashlib.sha256()
        self._filled = 0

    def update(self, chunk: bytes) -> None:
        """Go on with these bytes."""
        rest = memoryview(chunk)
        while rest:
            part = rest[: PIECE_BYTES - self._filled]
            self._current.update(part)
            self._filled += len(part)
            rest = rest[len(part) :]
            if self._filled == PIECE_BYTES:
                self._close()

    def digests(self) -> str:
        """Of all pieces, the last of which may be short."""
        if self._filled:
            self._close()
        return "".join(self._done)

    def _close(self) -> None:
        self._done.append(self._current.hexdigest())
        self._current, self._filled = hashlib.sha256(), 0


def _given(source: BinaryIO) -> Iterator[bytes]:
    """The rest of what a caller gave, in chunks: a client that goes away is no fault of the store's disk."""
    while True:
        try:
            chunk = source.read(CHUNK_BYTES)
        except OSError as error:
            raise InputError(f"the content broke off ({error.strerror or error}), nothing of it is kept: send it again") from error
        if not chunk:
            return
        yield chunk
