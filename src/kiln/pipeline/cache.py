"""The stage cache: entries in a folder, by digest, within a limit of bytes. It may forget anything at any time, and never fails a run.

An entry is written beside its place and renamed, so that several processes can share a folder: a reader sees all of it or nothing, and who
comes second with the same digest leaves what is there. What was longest not used goes first when the folder outgrows its limit. After a
crash of the machine an entry may hold rubbish; whoever decodes it notices, and drops it.

When the folder cannot be written to, or the disk is full, nothing more is kept, and `trouble` says why. This is no store (`storage`), which
never loses what it has taken and waits for the disk to have it: here speed is all.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiln import settings

Parts = Sequence[bytes | memoryview]
"""Bytes in pieces."""

_MARK: Final = "CACHEDIR.TAG"
_MARK_TEXT: Final = "Signature: 8a477f597d28d172789f06886806bc55\n# Kiln's stage cache: every file in it can be made again.\n"
"""What tells backup programs to leave a folder out (Cache Directory Tagging Specification)."""

_PARTLY: Final = ".part"
"""Ends the name of a file that is still being written."""

_ABANDONED_S: Final = 3600.0
"""Age at which such a file belongs to nobody any more: writing takes seconds."""

_ROOM: Final = 0.9
"""Share of the limit that is left when entries are dropped, so that the next one does not drop others again."""

_LOOK_EVERY: Final = 0.05
"""Share of the limit that is written between two looks at how large the folder is."""

_MOST_WAITING_BYTES: Final = 512 << 20
"""What may wait to be written; what comes on top is not kept."""


@dataclass(frozen=True, kw_only=True)
class CacheInfo:
    """What there is in a cache's folder."""

    folder: Path
    entries: int
    size: int
    """Bytes."""

    limit: int
    """Bytes."""


class StageCache:
    """Entries by digest in one folder. Any number of threads and processes may use it at once."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self.trouble: str | None = None
        """Why nothing is kept any more; None while all is well."""

        self._unseen_bytes = limit_bytes
        """Written since the folder's size was looked at; the first entry of a process always looks."""

    def get(self, digest: str) -> bytes | None:
        """The entry of this digest, which now is the one that was used last; None when there is none."""
        path = self._path(digest)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        with suppress(OSError):  # it may be somebody else's folder, to be read only
            os.utime(path)
        return data

    def put(self, digest: str, parts: Parts) -> None:
        """Keep an entry, unless there is one of this digest. Drops others where the limit demands it."""
        if self.trouble is not None or self._path(digest).exists():
            return
        size = sum(map(len, parts))
        if size > _ROOM * self.limit_bytes:
            return
        try:
            self._write(self._path(digest), parts)
            self._unseen_bytes += size
            if self._unseen_bytes > _LOOK_EVERY * self.limit_bytes:
                self._trim()
        except OSError as error:
            if self._path(digest).exists():  # somebody was first, and Windows replaces no file that is being read
                return
            reason = error.strerror or error
            self.trouble = (
                f"the stage cache keeps nothing: {self.folder} cannot be written ({reason}); let KILN_CACHE name another, or say off"
            )

    def drop(self, digest: str) -> None:
        """Forget an entry, because it is damaged."""
        _remove(self._path(digest))

    def info(self) -> CacheInfo:
        """How many entries there are, and how large they are."""
        entries = [entry for entry in _listed(self.folder) if not entry.is_partly]
        return CacheInfo(folder=self.folder, entries=len(entries), size=sum(entry.size for entry in entries), limit=self.limit_bytes)

    def clear(self) -> CacheInfo:
        """Remove every entry but those that are being written; what there was."""
        before = self.info()
        for entry in _listed(self.folder):
            if not entry.is_partly or entry.is_abandoned:
                _remove(entry.path)
        return before

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest

    def _write(self, path: Path, parts: Parts) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # pictures may be private
        path.parent.mkdir(exist_ok=True)
        if not (mark := self.folder / _MARK).exists():
            mark.write_text(_MARK_TEXT, encoding="ascii")
        draft = path.with_name(f"{uuid.uuid4().hex}{_PARTLY}")
        try:
            with draft.open("xb") as file:
                file.writelines(parts)
            draft.replace(path)
        except BaseException:
            _remove(draft)
            raise

    def _trim(self) -> None:
        """Drop what was longest not used until there is room again, and what crashed writers left."""
        self._unseen_bytes = 0
        there = _listed(self.folder)
        for entry in there:
            if entry.is_abandoned:
                _remove(entry.path)
        entries = [entry for entry in there if not entry.is_partly]
        excess = sum(entry.size for entry in entries) - self.limit_bytes
        if excess <= 0:
            return
        excess += int((1 - _ROOM) * self.limit_bytes)
        for entry in sorted(entries, key=lambda entry: entry.used):
            if excess <= 0:
                return
            _remove(entry.path)
            excess -= entry.size


@dataclass(frozen=True)
class _Entry:
    """A file in the folder."""

    path: Path
    used: float
    """When it was last, seconds since 1970."""

    size: int
    """Bytes."""

    @property
    def is_partly(self) -> bool:
        """Whether it is not whole yet."""
        return self.path.name.endswith(_PARTLY)

    @property
    def is_abandoned(self) -> bool:
        """Whether it never will be."""
        return self.is_partly and self.used < time.time() - _ABANDONED_S


def _listed(folder: Path) -> list[_Entry]:
    """All there are, half-written ones too; what vanishes meanwhile is left out."""
    found = []
    for path in folder.glob("[0-9a-f][0-9a-f]/*"):
        with suppress(OSError):  # another process dropped it
            about = path.stat()
            found.append(_Entry(path, about.st_mtime, about.st_size))
    return found


def _remove(file: Path) -> None:
    """Remove a file, if it can be: it may be gone, or Windows holds it open for a reader; then it goes next time."""
    with suppress(OSError):
        file.unlink()


def stage_cache() -> StageCache | None:
    """The cache that this machine's settings name; None when they say off."""
    folder = settings.cache_folder()
    return None if folder is None else StageCache(folder, limit_bytes=settings.cache_limit_bytes())


class Writer:
    """Puts entries into a cache in a thread of its own, so that no stage waits for the disk."""

    def __init__(self, cache: StageCache) -> None:
        self._cache = cache
        self._waiting: deque[tuple[str, Parts, int]] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._at_work = False

    def put(self, digest: str, parts: Parts) -> None:
        """Have an entry written soon. When too much waits already, it is not kept: memory is worth more."""
        size = sum(map(len, parts))
        with self._changed:
            if self._bytes and self._bytes + size > _MOST_WAITING_BYTES:
                return
            self._waiting.append((digest, parts, size))
            self._bytes += size
            if not self._at_work:
                self._at_work = True
                threading.Thread(target=self._work, name="cache", daemon=True).start()

    def flush(self, *, timeout_s: float) -> bool:
        """Wait until everything is written; False when it was not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._at_work, timeout=timeout_s)

    def _work(self) -> None:
        """Write until nothing waits."""
        while entry := self._next():
            digest, parts, size = entry
            self._cache.put(digest, parts)
            with self._changed:
                self._bytes -= size

    def _next(self) -> tuple[str, Parts, int] | None:
        """The next entry; None when there is none, and the thread may end."""
        with self._changed:
            if self._waiting:
                return self._waiting.popleft()
            self._at_work = False
            self._changed.notify_all()
            return None
