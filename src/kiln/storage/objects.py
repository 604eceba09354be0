"""An object store as a bucket, through obstore: S3 and everything that speaks like it, or memory.

The SHA-256 travels as metadata of the object, so it must be known before the upload: what is put is first copied to a temporary file.
Every content goes up in one conditional PUT (`If-None-Match: *`), never in parts: a PUT that breaks off leaves nothing behind, and only one
of two writers wins. That bounds a content to 5 GiB, and the file is mapped, not read, so memory stays flat.
"""

from __future__ import annotations

import hashlib
import mmap
import re
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any, BinaryIO, ClassVar, Final, TypeVar

from kiln.errors import AlreadyStored, InputError, StorageError, StorageFault
from kiln.storage.digest import check_digest, copy_hashed, is_sha256
from kiln.storage.disk import explained
from kiln.storage.keys import is_key
from kiln.storage.stored import OCTETS, Listed, Stored

T = TypeVar("T")

MAX_CONTENT_BYTES: Final = 5 << 30
"""What S3 takes in one PUT."""

REQUEST_S: Final = 20.0
"""Limit on one request that moves _SMALL_BYTES or less."""

_SLOWEST_BYTES_PER_S: Final = 1 << 20
"""A link slower than this counts as broken."""

_SMALL_BYTES: Final = 8 << 20
_PART_BYTES: Final = 4 << 20
"""Of a content that is handed on while it is read: so much memory each reader takes."""

_PAUSES_S: Final = (0.2, 0.8, 2.0)
"""Between attempts to put or delete: obstore itself repeats no such request when its answer was lost."""

_GIVE_UP_S: Final = 60.0
"""No attempt starts later than this after the first one."""

_PASSING: Final[tuple[StorageFault, ...]] = ("unavailable", "missing")
"""Failures after which it is tried again; "missing" is a writer's conflict with one who deletes, and a reader's end."""

_DIGEST: Final = "sha256"
_FULL: Final = ("507", "QuotaExceeded")

_CURES: Final[dict[StorageFault, str]] = {
    "missing": "is not in the store: it was never put, or was deleted",
    "forbidden": "was refused by the store: check the credentials, and what the bucket's policy lets them do",
    "unavailable": "could not be reached in time: check the endpoint and the network, then try again",
    "full": "was not kept, the store has no room: free some, or raise its quota",
}


class ObjectBucket:
    """Contents in an obstore store. `connect` makes one whose requests may take so many seconds."""

    readers: ClassVar[int] = 16

    def __init__(self, connect: Callable[[float], Any]) -> None:
        self._connect = connect
        self._store = connect(REQUEST_S)

    def create(self, key: str, source: BinaryIO, *, media_type: str, expected: str | None) -> Stored:
        """Copy to a temporary file, then put it under a condition; see Bucket.create."""
        with explained(key), tempfile.TemporaryFile(prefix="kiln-") as file:
            hashed = copy_hashed(source, file, before_chunk=_Limit(key).check)
            file.flush()
            if expected is not None:
                check_digest(key, found=hashed.sha256, expected=expected)
            stored = Stored(key=key, sha256=hashed.sha256, size=hashed.size, media_type=media_type)
            body = _body(file, hashed.size)
            return _repeated(lambda: self._put_once(stored, body))

    def head(self, key: str) -> Stored:
        """Ask for its metadata."""
        import obstore

        with _understood(key):
            return _stored(key, obstore.get(self._store, key, options={"head": True}))

    def open(self, key: str) -> tuple[Stored, BinaryIO]:
        """Download it to a temporary file; long ones piece by piece, each under its own time limit."""
        import obstore

        file = tempfile.TemporaryFile(prefix="kiln-")  # noqa: SIM115 - the caller closes it
        try:
            with explained(key), _understood(key):
                found = obstore.get(self._store, key)
                stored = _stored(key, found)
                for piece in self._pieces(found, stored):
                    file.write(piece)
                file.seek(0)
        except BaseException:
            file.close()
            raise
        return stored, file

    def read(self, stored: Stored, *, start: int, stop: int) -> Iterator[bytes]:
        """Ask for part after part of one and the same object, each under its own time limit; a whole content is compared at its end."""
        whole = hashlib.sha256() if (start, stop) == (0, stored.size) else None
        for begin in range(start, stop, _PART_BYTES):
            end = min(begin + _PART_BYTES, stop)
            part = _repeated(partial(self._part, stored, begin, end), again=_PASSING[:1])
            if whole is not None:
                whole.update(part)
                if end == stop:
                    check_digest(stored.key, found=whole.hexdigest(), expected=stored.sha256)
            yield part

    def list(self, prefix: str, *, after: str, limit: int) -> Sequence[Listed]:
        """Ask for the keys after `after`; what others put there under names that are no keys is left out."""
        import obstore

        with _understood(prefix or "the store"):
            batches = obstore.list(self._store, prefix=prefix or None, offset=after or None, chunk_size=limit)
            found = (entry for batch in batches for entry in batch if is_key(entry["path"]))
            return [Listed(key=e["path"], size=e["size"], modified=e["last_modified"].timestamp()) for e in islice(found, limit)]

    def delete(self, key: str) -> None:
        """Ask to let it go."""
        import obstore

        def once() -> None:
            with _understood(key), suppress(FileNotFoundError):
                obstore.delete(self._store, key)

        _repeated(once)

    def copy(self, key: str, to: str, *, instead: bool) -> None:
        """Have the server copy it, with its metadata. It cannot do so on a condition, so the first to come wins only by a put."""
        import obstore

        if instead:
            with _understood(key):
                obstore.copy(self._store, key, to, overwrite=True)
            return
        stored, file = self.open(key)
        with file:
            self.create(to, file, media_type=stored.media_type, expected=stored.sha256)

    def check_room(self) -> None:
        """An object store says so only when it is asked to keep something."""

    def tidy(self) -> None:
        """Nothing to do: a PUT that breaks off leaves nothing."""

    def presigned(self, key: str, *, ttl_s: int) -> str:
        """A URL by which anybody may get it for that long; only S3 can do this."""
        import obstore

        with _understood(key):
            return obstore.sign(self._store, "GET", key, timedelta(seconds=ttl_s))

    def _put_once(self, stored: Stored, body: Any) -> Stored:
        """Put it, unless the same is there: an earlier attempt whose answer was lost, or another writer's."""
        import obstore

        attributes = {_DIGEST: stored.sha256, "Content-Type": stored.media_type}
        store = self._store if stored.size <= _SMALL_BYTES else self._connect(REQUEST_S + stored.size / _SLOWEST_BYTES_PER_S)
        try:
            with _understood(stored.key):
                obstore.put(store, stored.key, body, mode="create", use_multipart=False, attributes=attributes)
        except AlreadyStored:
            there = self.head(stored.key)
            if there.sha256 != stored.sha256:
                raise
            return there
        return stored

    def _part(self, stored: Stored, start: int, stop: int) -> bytes:
        """Bytes of the object that was found. Kind "damaged" when another one is there by now."""
        import obstore

        key, same = stored.key, {} if stored.tag is None else {"if_match": stored.tag}
        options: Any = {"range": (start, stop), **same}
        try:
            with _understood(key):
                data = bytes(obstore.get(self._store, key, options=options).bytes())
        except AlreadyStored:
            raise StorageError(f"{key} was replaced while it was read: ask for it again", kind="damaged") from None
        if len(data) != stop - start:
            raise _fault("unavailable", key)
        return data

    def _pieces(self, found: Any, stored: Stored) -> Iterator[Any]:
        import obstore

        if stored.size <= _SMALL_BYTES:
            yield found.bytes()
            return
        for start in range(0, stored.size, _SMALL_BYTES):
            yield obstore.get_range(self._store, stored.key, start=start, end=min(start + _SMALL_BYTES, stored.size))


class _Limit:
    """Refuses a content as soon as it is too long, before a disk is full of it."""

    def __init__(self, key: str) -> None:
        self._key, self._left = key, MAX_CONTENT_BYTES

    def check(self, size: int) -> None:
        """InputError when so many bytes more are too many."""
        self._left -= size
        if self._left < 0:
            most = MAX_CONTENT_BYTES / 2**30
            raise InputError(f"{self._key} has more than {most:g} GiB, which is all that an object store takes at once: split it")


def _repeated(work: Callable[[], T], *, again: Collection[StorageFault] = _PASSING) -> T:
    """What the work returns, after some attempts when it failed so."""
    started = time.monotonic()
    for pause_s in _PAUSES_S:
        try:
            return work()
        except StorageError as error:
            if error.kind not in again or time.monotonic() - started > _GIVE_UP_S:
                raise
        time.sleep(pause_s)
    return work()


def _stored(key: str, found: Any) -> Stored:
    """What an answer's headers say."""
    digest = found.attributes.get(_DIGEST)
    if not is_sha256(digest):
        raise StorageError(f"{key} has no SHA-256 with it, so it was not put there by Kiln: delete it, or put it again", kind="damaged")
    media_type = found.attributes.get("Content-Type", OCTETS)
    return Stored(key=key, sha256=digest, size=found.meta["size"], media_type=media_type, tag=found.meta["e_tag"])


def _body(file: BinaryIO, size: int) -> bytes | mmap.mmap:
    """The file's bytes: short ones read, long ones mapped, as memory that the system may take back.

    The map is not closed here: the client may hold on to it, and it closes with its last user.
    """
    if size <= _SMALL_BYTES:
        file.seek(0)
        return file.read()
    return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)


@contextmanager
def _understood(key: str) -> Iterator[None]:
    """obstore's errors as StorageErrors. Their own text is not passed on: it may hold a URL's signature or an access key's id."""
    from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError

    try:
        yield
    except (AlreadyExistsError, PreconditionError):
        raise AlreadyStored(f"another content is stored as {key}: contents are never replaced; put it under a key of its own") from None
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise _fault("forbidden", key, _said(error)) from None
    except (BaseError, FileNotFoundError) as error:
        said = _said(error)
        if said == "NoSuchBucket":
            raise StorageError("there is no such bucket: create it, or check its name and the endpoint", kind="unavailable") from None
        kind: StorageFault = "missing" if isinstance(error, FileNotFoundError) else "full" if said in _FULL else "unavailable"
        raise _fault(kind, key, said) from None


def _fault(kind: StorageFault, key: str, said: str = "") -> StorageError:
    return StorageError(f"{key} {_CURES[kind]}{f' (it said {said})' if said else ''}", kind=kind)


def _said(error: Exception) -> str:
    """S3's word for what went wrong, or its HTTP status: the only parts of an error's text that can hold no secret."""
    found = re.search(r"<Code>(\w{1,60})</Code>", str(error)) or re.search(r"status(?: code)?:? *(\d{3})\b", str(error))
    return found[1] if found else ""
