"""What a folder store needs of the file system: bytes that stay, room that is checked, errors that say their cure."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from kiln.errors import StorageError, is_disk_full

DEFAULT_FLOOR_BYTES: Final = 256 << 20
"""Room that stays free: a job database on the same disk needs it to write down that it ran out."""

_ROOM_ABOVE: Final = 4
"""A job is admitted while a quarter of the floor is free above it: 64 MiB, as a large package has."""

_NO_RIGHT: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_IN_THE_WAY: Final = frozenset({errno.ENOTDIR, errno.EEXIST})


class FreeSpace:
    """Refuses to write when the disk would have less than the floor left."""

    def __init__(self, folder: Path, *, floor_bytes: int = DEFAULT_FLOOR_BYTES, free_bytes: Callable[[Path], int] | None = None) -> None:
        self._folder, self._floor = folder, floor_bytes
        self._free_bytes = free_bytes or _free_bytes

    def check(self, size: int = 0) -> None:
        """StorageError of kind "full" when writing `size` bytes would leave less than the floor."""
        left = self._free_bytes(self._folder) - size
        if left < self._floor:
            raise StorageError(
                f"the store's disk is nearly full: {max(left, 0) >> 20:,} MiB would be left, less than the floor of "
                f"{self._floor >> 20:,} MiB; free some space, or delete old assets with `kiln assets rm`",
                kind="full",
            )

    def check_room(self) -> None:
        """StorageError of kind "full" a little above the floor: a job that is admitted now is to find room for what it makes."""
        self.check(self._floor // _ROOM_ABOVE)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """OSErrors as StorageErrors that say how to cure them."""
    try:
        yield
    except FileNotFoundError:
        raise StorageError(f"{what} is not in the store: it was never put, or was deleted", kind="missing") from None
    except OSError as error:
        reason = error.strerror or str(error)
        if is_disk_full(error) or error.errno == errno.EFBIG:
            raise StorageError(f"the store's disk is full ({reason}): {what} was not kept; free some space", kind="full") from error
        if error.errno in _NO_RIGHT:
            raise StorageError(
                f"{what}: the store may not be used ({reason}); change its folder's permissions", kind="forbidden"
            ) from error
        if error.errno in _IN_THE_WAY:
            raise StorageError(
                f"{what}: a file is where the store needs a folder; move it away, or choose another folder", kind="forbidden"
            ) from error
        raise StorageError(f"{what}: the store's disk failed ({reason}); look at the disk, then try again", kind="unavailable") from error


def sync_folder(folder: Path) -> None:
    """Have a folder's entries on the disk, where the system can do that (Windows cannot, and needs not)."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def make_folder(folder: Path) -> None:
    """Make one folder, if it is not there, and have it on the disk."""
    try:
        folder.mkdir()
    except FileExistsError:
        return
    sync_folder(folder.parent)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
