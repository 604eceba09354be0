"""Store: bytes under keys, each content put once and verified whenever it is read."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from kiln.errors import InputError, StorageError
from kiln.storage.bucket import Bucket
from kiln.storage.digest import CHUNK_BYTES, check_digest, is_sha256, sha256_of
from kiln.storage.disk import explained
from kiln.storage.keys import check_key, check_prefix
from kiln.storage.signed import UrlSigner
from kiln.storage.stored import OCTETS, Listed, Page, Stored

MAX_PAGE: Final = 1000
"""Keys that one call lists at most."""


class Store:
    """One interface to a folder, an S3-compatible store or memory; `open_store` makes one.

    Contents are never replaced: a key means the same bytes for as long as it is there. Every failure is a StorageError whose `kind` says
    which; a wrong key, range or time is an InputError.
    """

    def __init__(self, bucket: Bucket, *, link: Callable[[str, int], str], signer: UrlSigner | None = None) -> None:
        self._bucket, self._link = bucket, link
        self.signer = signer
        """Checks this store's own URLs when they come back; None where the object store checks them."""

    def put(self, key: str, content: bytes | Path | BinaryIO, *, media_type: str = OCTETS, sha256: str | None = None) -> Stored:
        """Keep the bytes, the file's or the stream's rest: all of it, or nothing.

        A content equal to what is there counts as put, so that whoever lost an answer may simply put again, and a folder's damaged content
        is repaired by it; another one raises AlreadyStored. `sha256` is what the content must have, else kind "damaged" and nothing is
        kept. Kind "full" when there is no room.
        """
        check_key(key)
        if sha256 is not None and not is_sha256(sha256):
            raise InputError("a SHA-256 is written as 64 hexadecimal digits in lower case")
        _check_media_type(media_type)
        with _stream(content) as source:
            return self._bucket.create(key, source, media_type=media_type, expected=sha256)

    def head(self, key: str) -> Stored:
        """What was put there. StorageError of kind "missing" when nothing was."""
        return self._bucket.head(check_key(key))

    def exists(self, key: str) -> bool:
        """Whether something was put there."""
        try:
            self.head(key)
        except StorageError as error:
            if error.kind == "missing":
                return False
            raise
        return True

    def get(self, key: str) -> bytes:
        """The content, whole. Kind "damaged" when one bit is not as it was put."""
        stored, file = self._bucket.open(check_key(key))
        with file, explained(key):
            data = file.read()
        check_digest(key, found=hashlib.sha256(data).hexdigest(), expected=stored.sha256)
        return data

    @contextmanager
    def open(self, key: str) -> Iterator[BinaryIO]:
        """The content as a seekable stream, which was verified whole before the first byte is handed out."""
        with self._verified(key) as (_, file):
            yield file

    def stream(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` to before `stop` (None: the end), in pieces; verified whole before the first is handed out.

        InputError when there are no such bytes.
        """
        with self.open(key) as file:
            size = file.seek(0, os.SEEK_END)
            end = size if stop is None else min(stop, size)
            if not (0 <= start < end or start == end == size == 0):
                raise InputError(f"{key} has {size:,} bytes, none from {start:,} to before {stop if stop is not None else size:,}")
            file.seek(start)
            while piece := file.read(min(CHUNK_BYTES, end - file.tell())):
                yield piece

    def save(self, key: str, path: Path) -> Stored:
        """Write the content to a file, which appears whole and verified, or not at all."""
        draft = path.with_name(f".{path.name[:100]}-{uuid.uuid4().hex[:12]}")
        try:
            with self._verified(key) as (stored, source), explained(str(path)):
                with draft.open("xb") as target:
                    shutil.copyfileobj(source, target, CHUNK_BYTES)
                draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        return stored

    def list(self, prefix: str = "", *, cursor: str | None = None, limit: int = MAX_PAGE) -> Page:
        """The contents in the folder `prefix`, sorted by key, from a cursor on."""
        if not 1 <= limit <= MAX_PAGE:
            raise InputError(f"a page lists 1 to {MAX_PAGE} contents, not {limit}")
        after = "" if cursor is None else check_key(cursor)
        found = self._bucket.list(check_prefix(prefix), after=after, limit=limit + 1)
        more = len(found) > limit
        return Page(items=tuple(found[:limit]), cursor=found[limit - 1].key if more else None)

    def entries(self, prefix: str = "", *, cursor: str | None = None) -> Iterator[Listed]:
        """Everything in the folder `prefix` from a cursor on, sorted by key, page by page."""
        page = self.list(prefix, cursor=cursor)
        yield from page.items
        while page.cursor is not None:
            page = self.list(prefix, cursor=page.cursor)
            yield from page.items

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every key in the folder `prefix`, sorted."""
        return (entry.key for entry in self.entries(prefix))

    def copy(self, key: str, to: str) -> None:
        """Keep the content under another key too, without moving its bytes where the store can do that. What is at `to` may be replaced."""
        self._bucket.copy(check_key(key), check_key(to))

    def delete(self, key: str) -> None:
        """Let the content go; it is no error when it is not there."""
        self._bucket.delete(check_key(key))

    def check_room(self) -> None:
        """StorageError of kind "full" when the disk is at its floor: a service admits no job then. An S3-compatible store cannot tell."""
        self._bucket.check_room()

    def url(self, key: str, *, ttl_s: int) -> str:
        """A URL by which whoever holds it may GET the content for so many seconds."""
        return self._link(check_key(key), ttl_s)

    @contextmanager
    def _verified(self, key: str) -> Iterator[tuple[Stored, BinaryIO]]:
        stored, file = self._bucket.open(check_key(key))
        with file:
            with explained(key):
                check_digest(key, found=sha256_of(file), expected=stored.sha256)
                file.seek(0)
            yield stored, file


@contextmanager
def _stream(content: bytes | Path | BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(content, bytes):
        yield io.BytesIO(content)
    elif isinstance(content, Path):
        with _opened(content) as file:
            yield file
    else:
        yield content


def _opened(path: Path) -> BinaryIO:
    """InputError when the file to put cannot be read."""
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}): check the name and its permissions") from None


def _check_media_type(media_type: str) -> None:
    """It becomes an HTTP header: one line of plain ASCII."""
    if not (media_type.isascii() and media_type.isprintable() and "/" in media_type and len(media_type) <= 200):
        raise InputError(f"{media_type[:60]!r} is no media type: write it as image/png")
