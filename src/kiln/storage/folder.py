"""A folder as a bucket: durable, atomic, and safe beside what others put into it.

    objects/uploads/7f3a.png@/7f3a.png    the content
    objects/uploads/7f3a.png@/@.json      its record: key, SHA-256, size, media type, and a SHA-256 for each MiB
    drafts/...                            what is being written, or thrown away

Content and record are written into a folder of their own in drafts/, synced, and renamed to their place: a folder cannot be renamed onto
one that is not empty, so the first writer wins and nobody ever sees half of it. `@` is in no key, so `a` and `a/b` do not collide.

This is not obstore's LocalStore, though it has the same interface: that one follows symbolic links, keeps no attributes and never calls
fsync, and what must stand around it for these three is the whole of this file. It also lets a folder work without the extra.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, ClassVar, Final

from kiln.errors import AlreadyStored, StorageError
from kiln.storage.digest import PIECE_BYTES, check_digest, copy_hashed, piece_digest, sha256_of
from kiln.storage.disk import FreeSpace, explained, make_folder, sync_folder
from kiln.storage.folder_record import MAX_RECORD_BYTES, FolderRecord, read_record
from kiln.storage.stored import Listed, Stored

STALE_DRAFT_S: Final = 24 * 3600.0
"""No put takes this long: an older draft was left by a process that died."""

_MARK: Final = "@"
_RECORD: Final = "@.json"
_MODES: Final = {"private": 0o700, "drafts": 0o700}
"""Folders that only their owner may look into: secrets come by on their way."""

_NO_LINKS: Final = frozenset({errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EMLINK, errno.EXDEV, errno.ENOSYS})
"""How a file system says that it gives no file a second name, or this one no more of them."""

_TAKEN: Final = frozenset({errno.ENOTEMPTY, errno.EEXIST})
"""How a system says that there was a folder in the place, which may be gone by now."""

_RACES: Final = 8
"""How often a put is tried again because the other content was deleted in that very moment."""


_Identity = tuple[int, int, int]


class FolderBucket:
    """Contents below one folder, which is made when it is not there."""

    readers: ClassVar[int] = 1

    def __init__(self, root: Path, *, area: str = "objects", free: FreeSpace) -> None:
        with explained(str(root)):
            root.mkdir(parents=True, exist_ok=True)
            self._root = root.resolve(strict=True)  # the folder itself may be a link of the user's choice; nothing inside it may
            self._area, self._drafts = self._root / area, self._root / "drafts"
            for folder in (self._area, self._drafts):
                self._refuse_link(folder)
                folder.mkdir(mode=_MODES.get(folder.name, 0o777), exist_ok=True)
        self._free = free
        self.tidy()

    def create(self, key: str, source: BinaryIO, *, media_type: str, expected: str | None) -> Stored:
        """Write, sync, rename; see Bucket.create."""
        draft = self._drafts / uuid.uuid4().hex
        try:
            with explained(key):
                stored = self._write(draft, key, source, media_type=media_type, expected=expected)
                return self._publish(draft, stored)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def head(self, key: str) -> Stored:
        """Read its record."""
        with explained(key):
            return self._known(key).stored

    def open(self, key: str) -> tuple[Stored, BinaryIO]:
        """Read its record and open its content."""
        with explained(key):
            stored = self._known(key).stored
            return stored, _open_file(self._place(key) / _name(key))

    def read(self, stored: Stored, *, start: int, stop: int) -> Iterator[bytes]:
        """Read the pieces the bytes are in, and compare each with its digest before it is handed out."""
        key = stored.key
        with explained(key):
            record = self._known(key)
            with _open_file(self._place(key) / _name(key)) as file:
                if record.pieces is None:
                    check_digest(key, found=sha256_of(file), expected=record.stored.sha256)
                for begin in range(start - start % PIECE_BYTES, stop, PIECE_BYTES):
                    file.seek(begin)
                    piece = file.read(PIECE_BYTES)
                    if record.pieces is not None:
                        expected = piece_digest(record.pieces, begin // PIECE_BYTES)
                        check_digest(key, found=hashlib.sha256(piece).hexdigest(), expected=expected)
                    yield piece[max(start - begin, 0) : stop - begin]

    def list(self, prefix: str, *, after: str, limit: int) -> Sequence[Listed]:
        """Walk the folders in the order of keys."""
        with explained(prefix or "the store"):
            folder = self._area
            for part in prefix.split("/") if prefix else ():
                folder /= part
                self._refuse_link(folder)
            return list(islice(self._walk(folder, f"{prefix}/" if prefix else "", after), limit))

    def copy(self, key: str, to: str, *, instead: bool) -> None:
        """Give the file a second name, with a record of its own: it takes no room, so a sweep also works on a full disk."""
        draft = self._drafts / uuid.uuid4().hex
        try:
            with explained(key):
                record = self._linked(draft, key, to)
                if instead:
                    self.delete(to)
                if record is None:
                    self._copy_bytes(key, to)
                else:
                    self._publish(draft, record.stored)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def delete(self, key: str) -> None:
        """Rename it out of the way at once, then remove it."""
        thrown = self._drafts / uuid.uuid4().hex
        with explained(key):
            place = self._place(key)
            try:
                place.rename(thrown)
            except FileNotFoundError:
                return
            sync_folder(place.parent)
        shutil.rmtree(thrown, ignore_errors=True)

    def check_room(self) -> None:
        """Look how much of the disk is free."""
        with explained("the store"):
            self._free.check_room()

    def tidy(self) -> None:
        """Remove what processes that died have left half-written, after a day."""
        for name in _entries(self._drafts):
            draft = self._drafts / name
            if _age_s(draft) > STALE_DRAFT_S:
                shutil.rmtree(draft, ignore_errors=True)

    def _write(self, draft: Path, key: str, source: BinaryIO, *, media_type: str, expected: str | None) -> Stored:
        """Content and record in the draft's folder, on the disk."""
        draft.mkdir()
        with (draft / _name(key)).open("xb") as content, (draft / _RECORD).open("xb") as record:
            hashed = copy_hashed(source, content, before_chunk=self._free.check)
            if expected is not None:
                check_digest(key, found=hashed.sha256, expected=expected)
            stored = Stored(key=key, sha256=hashed.sha256, size=hashed.size, media_type=media_type)
            record.write(FolderRecord(stored=stored, pieces=hashed.pieces).as_bytes())
            for file in (content, record):  # both are written before either is waited for: the disk then often takes them together
                file.flush()
                os.fsync(file.fileno())
        sync_folder(draft)
        return stored

    def _linked(self, draft: Path, key: str, to: str) -> FolderRecord | None:
        """The other key's record, beside the same file in the draft's folder; None where the file system knows no second names."""
        known = self._known(key)
        record = FolderRecord(stored=replace(known.stored, key=to), pieces=known.pieces)
        draft.mkdir()
        with _open_file(self._place(key) / _name(key)):  # refuses links
            try:
                os.link(self._place(key) / _name(key), draft / _name(to), follow_symlinks=False)
            except OSError as error:
                if error.errno in _NO_LINKS:
                    return None
                raise
        with (draft / _RECORD).open("xb") as file:
            file.write(record.as_bytes())
            file.flush()
            os.fsync(file.fileno())
        sync_folder(draft)
        return record

    def _copy_bytes(self, key: str, to: str) -> None:
        stored, file = self.open(key)
        with file:
            self.create(to, file, media_type=stored.media_type, expected=stored.sha256)

    def _publish(self, draft: Path, stored: Stored) -> Stored:
        """Rename the draft to its place; what is there already stays, and is good if it is the same."""
        place = self._place(stored.key, make=True)
        for _ in range(_RACES):
            try:
                draft.rename(place)
            except OSError as error:
                if error.errno not in _TAKEN and not place.is_dir():
                    raise
            else:
                sync_folder(place.parent)
                return stored
            there = self._settled(stored)
            if there is not None:
                return there
        raise StorageError(f"{stored.key} is put and deleted by others without end: put it under a key of its own", kind="unavailable")

    def _settled(self, given: Stored) -> Stored | None:
        """What is there, if it is the same and whole; None when the place is free again: it was deleted, or damaged and is thrown away.

        AlreadyStored when another content is there. Looking costs less than writing did, and so whoever puts a content again, as a stage
        that runs again does, repairs it.
        """
        place = self._place(given.key)
        seen = _identity(place)
        there = self._whole(given)
        if there is None and seen is not None:
            self._throw_away(place, seen)
        return there

    def _whole(self, given: Stored) -> Stored | None:
        """What is there if it is the same, None when it is damaged or gone."""
        try:
            there = self._record(given.key).stored
            if there.sha256 != given.sha256:
                raise AlreadyStored(f"another content is stored as {given.key}: contents are never replaced; put it under a key of its own")
            with _open_file(self._place(given.key) / _name(given.key)) as file:
                return there if sha256_of(file) == there.sha256 else None
        except FileNotFoundError:
            return None

    def _throw_away(self, place: Path, seen: _Identity) -> None:
        """Remove what was seen there, but not what others have put there since."""
        thrown = self._drafts / uuid.uuid4().hex
        with suppress(FileNotFoundError):
            place.rename(thrown)
            if _identity(thrown) != seen:
                thrown.rename(place)
        shutil.rmtree(thrown, ignore_errors=True)

    def _place(self, key: str, *, make: bool = False) -> Path:
        """The folder of a key's content. StorageError when a symbolic link is on the way."""
        *above, name = key.split("/")
        folder = self._area
        for part in above:
            folder /= part
            self._refuse_link(folder)
            if make:
                make_folder(folder)
        self._refuse_link(folder / f"{name}{_MARK}")
        return folder / f"{name}{_MARK}"

    def _record(self, key: str) -> FolderRecord:
        """What was written beside the content. FileNotFoundError when nothing was."""
        with _open_file(self._place(key) / _RECORD) as file:
            record = read_record(file.read(MAX_RECORD_BYTES))
        if record is None or record.stored.key != key:  # on a file system that ignores case, A finds what was put under a
            raise StorageError(f"the record of {key} is damaged: delete it and make it again, or restore a backup", kind="damaged")
        return record

    def _known(self, key: str) -> FolderRecord:
        """Its record, which the content fits by its length. FileNotFoundError when nothing was put."""
        record = self._record(key)
        if _size(self._place(key)) not in (record.stored.size, None):
            raise StorageError(f"{key} is damaged, it is not as long as it was: put it again, or restore a backup", kind="damaged")
        return record

    def _walk(self, folder: Path, prefix: str, after: str) -> Iterator[Listed]:
        """Contents below the folder, in the order of their keys."""
        for name, entry in sorted((_sort_name(entry), entry) for entry in _entries(folder)):
            key = f"{prefix}{name}"
            if name.endswith("/"):
                if key > after or after.startswith(key):
                    yield from self._walk(folder / entry, key, after)
            elif key > after:
                yield from _listed(folder / entry, key)

    def _refuse_link(self, path: Path) -> None:
        if path.is_symlink():
            inside = path.relative_to(self._root).as_posix()
            raise StorageError(f"{inside} in the store is a symbolic link, which is never followed: remove it", kind="forbidden")


def _identity(folder: Path) -> _Identity | None:
    """What tells a folder from another one in its place: numbers are given again, so its time belongs to it. None when it is not there."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _size(place: Path) -> int | None:
    """Bytes of the content in a content's folder, 0 when it is gone; None for what is no plain file, which is refused when it is opened."""
    try:
        found = (place / place.name.removesuffix(_MARK)).lstat()
    except FileNotFoundError:
        if not place.exists():  # deleted in this moment, with its record
            raise
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _name(key: str) -> str:
    """The content's file name: it ends as the key does, so that people can open it."""
    return key.rsplit("/", 1)[-1]


def _open_file(path: Path) -> BinaryIO:
    """A plain file. StorageError for a link, a pipe or a folder that somebody put in its place."""
    if not stat.S_ISREG(path.lstat().st_mode):  # before it is opened: opening a pipe would wait for a writer
        raise StorageError(f"{path.name} in the store is no plain file: remove it and restore a backup", kind="forbidden")
    return os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)), "rb")


def _entries(folder: Path) -> Sequence[str]:
    """Names of the real folders in a folder; none when it is not there."""
    try:
        with os.scandir(folder) as found:
            return [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _sort_name(name: str) -> str:
    """By what a folder sorts among keys: a content by its name, a folder by its name and a slash."""
    return name.removesuffix(_MARK) if name.endswith(_MARK) else f"{name}/"


def _listed(place: Path, key: str) -> Iterator[Listed]:
    try:
        content, record = (place / _name(key)).lstat(), (place / _RECORD).lstat()
    except FileNotFoundError:  # deleted since its folder was read
        return
    yield Listed(key=key, size=content.st_size, modified=record.st_mtime)  # the content may be another key's, too


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0
