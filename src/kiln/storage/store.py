"""Store: bytes under keys, each content put once and verified whenever it is read."""

from __future__ import annotations

import hashlib
import io
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from kiln.errors import InputError, StorageError
from kiln.storage.blobs import BLOBS
from kiln.storage.bucket import Bucket
from kiln.storage.digest import CHUNK_BYTES, check_digest, is_sha256, sha256_of
from kiln.storage.disk import explained
from kiln.storage.keys import check_key, check_prefix, trash_key
from kiln.storage.signed import UrlSigner
from kiln.storage.stored import OCTETS, Listed, Page, Stored

Result = TypeVar("Result")

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

    def each(self, names: Sequence[str], work: Callable[[str], Result]) -> dict[str, Result]:
        """What `work` makes of each key or name, several at once where the store is waited for; in the names' order."""
        if self._bucket.readers == 1 or len(names) < 2:
            return {name: work(name) for name in names}
        with ThreadPoolExecutor(min(self._bucket.readers, len(names))) as pool:
            return dict(zip(names, pool.map(work, names), strict=True))

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
        check_key(key)
        try:
            return self._bucket.head(key)
        except StorageError as error:
            if error.kind != "missing" or not self._rescue(key):
                raise
        return self._bucket.head(key)

    def exists(self, key: str) -> bool:
        """Whether something was put there."""
        try:
            self.head(key)
        except StorageError as error:
            if error.kind == "missing":
                return False
            raise
        return True

    def lies_at(self, key: str) -> bool:
        """Whether something is at this key; unlike `exists`, this brings nothing back from the trash."""
        try:
            self._bucket.head(check_key(key))
        except StorageError as error:
            if error.kind == "missing":
                return False
            raise
        return True

    def get(self, key: str, *, sha256: str | None = None) -> bytes:
        """The content, whole. Kind "damaged" when one bit is not as it was put, or when it is not the one with this SHA-256."""
        stored, file = self._opened(key)
        with file, explained(key):
            if sha256 is not None:
                check_digest(key, found=stored.sha256, expected=sha256)
            data = file.read()
        check_digest(key, found=hashlib.sha256(data).hexdigest(), expected=stored.sha256)
        return data

    @contextmanager
    def open(self, key: str) -> Iterator[BinaryIO]:
        """The content as a seekable stream, which was verified whole before the first byte is handed out."""
        with self._verified(key) as (_, file):
            yield file

    def stream(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` to before `stop` (None: the end), in parts of 4 MiB at most, the first of them soon.

        A folder verifies each part before it is handed out. An object store hands out the last part of a whole content only if the whole
        is as it was put: whoever counts bytes notices; for a part of a content the object store's own word has to do.

        InputError when there are no such bytes, StorageError when nothing is there, both before anything is read.
        """
        stored = self.head(key)
        size = stored.size
        end = size if stop is None else min(stop, size)
        if not (0 <= start < end or start == end == size == 0):
            raise InputError(f"{key} has {size:,} bytes, none from {start:,} to before {stop if stop is not None else size:,}")
        return self._bucket.read(stored, start=start, stop=end)

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

    def copy(self, key: str, to: str, *, instead: bool = False) -> None:
        """Keep the content under another key too, without moving its bytes where the store can do that.

        `instead`: of what is there. Otherwise another content there stays, and raises AlreadyStored.
        """
        self._bucket.copy(check_key(key), check_key(to), instead=instead)

    def delete(self, key: str) -> None:
        """Let the content go; it is no error when it is not there. A blob that is in the trash comes back from there when it is read."""
        self._bucket.delete(check_key(key))

    def check_room(self) -> None:
        """StorageError of kind "full" when the disk is nearly at its floor: a service admits no job then. An object store cannot tell."""
        self._bucket.check_room()

    def tidy(self) -> None:
        """Remove what writers who died more than a day ago have left half-written; nobody sees it, but it takes room."""
        self._bucket.tidy()

    def url(self, key: str, *, ttl_s: int) -> str:
        """A URL by which whoever holds it may GET the content for so many seconds."""
        return self._link(check_key(key), ttl_s)

    @contextmanager
    def _verified(self, key: str) -> Iterator[tuple[Stored, BinaryIO]]:
        stored, file = self._opened(key)
        with file:
            with explained(key):
                check_digest(key, found=sha256_of(file), expected=stored.sha256)
                file.seek(0)
            yield stored, file

    def _opened(self, key: str) -> tuple[Stored, BinaryIO]:
        check_key(key)
        try:
            return self._bucket.open(key)
        except StorageError as error:
            if error.kind != "missing" or not self._rescue(key):
                raise
        return self._bucket.open(key)

    def _rescue(self, key: str) -> bool:
        """Bring a blob back from the trash: whoever reads it needs it, and no sweep has seen that yet. Whether it was there.

        Only blobs: under another key a new content may be meant.
        """
        if not key.startswith(f"{BLOBS}/"):
            return False
        try:
            self._bucket.copy(trash_key(key), key, instead=False)
        except StorageError as error:
            if error.kind == "missing":
                return False
            raise
        return True


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
