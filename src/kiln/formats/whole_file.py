"""The bytes of a file that somebody named, refused with a plain reason before they are read."""

from __future__ import annotations

from pathlib import Path

from kiln.errors import InputError


def read_whole(path: Path, *, limit: int, error: type[InputError]) -> bytes:
    """Everything in the file. `error` is raised for a missing, empty or unreadable file, a folder, and more than `limit` bytes."""
    try:
        if path.is_dir():
            raise error(f"{path} is a folder: name the files in it")
        size = path.stat().st_size
        if size == 0:
            raise error(f"{path.name} is empty (0 bytes): export it again")
        if size > limit:
            raise error(f"{path.name} has {size / 2**20:,.0f} MiB, more than the {limit >> 20:,} MiB that Kiln reads: make it smaller")
        return path.read_bytes()
    except FileNotFoundError:
        raise error(f"there is no file {path}: check the name and the folder") from None
    except OSError as reason:
        raise error(f"{path} cannot be read ({reason.strerror or reason}): check its permissions") from reason
