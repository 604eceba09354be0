"""SHA-256 of bytes on their way through."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from kiln.errors import InputError, StorageError

CHUNK_BYTES: Final = 1 << 20

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def is_sha256(text: object) -> bool:
    """Whether it is a SHA-256 in lower-case hexadecimal."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def copy_hashed(source: BinaryIO, target: BinaryIO, *, before_chunk: Callable[[int], None] | None = None) -> tuple[str, int]:
    """Copy all of the source; the SHA-256 and the size in bytes of what was written. `before_chunk` is told the size of each piece.

    InputError when the source breaks off; an OSError is the target's.
    """
    digest, size = hashlib.sha256(), 0
    for chunk in _given(source):
        if before_chunk is not None:
            before_chunk(len(chunk))
        target.write(chunk)
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


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


def _given(source: BinaryIO) -> Iterator[bytes]:
    """The rest of what a caller gave, in pieces: a client that goes away is no fault of the store's disk."""
    while True:
        try:
            chunk = source.read(CHUNK_BYTES)
        except OSError as error:
            raise InputError(f"the content broke off ({error.strerror or error}), nothing of it is kept: send it again") from error
        if not chunk:
            return
        yield chunk
