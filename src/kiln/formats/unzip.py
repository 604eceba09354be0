"""Unpacks a zip that may mean harm: everything is looked at, and refused, before a byte is written.

What a zip says of itself twice is held against each other where Python's reader believes it once: names that the reader cuts or mends,
entries that share bytes (a bomb of a few kilobytes then holds petabytes), a directory of a million entries.
"""

from __future__ import annotations

import re
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Final

from kiln.errors import InputError, SetupError, is_disk_full
from kiln.formats.names import is_reserved

_END: Final = struct.Struct("<4s4H2LH")
_END_MAGIC: Final = b"PK\5\6"
_LOCAL_BYTES: Final = 30
_CENTRAL_BYTES: Final = 46

_COPY_BYTES: Final = 1 << 20

_LONGEST_PART, _LONGEST_PATH = 120, 400
"""Characters of a name, and of a path: well within what every file system takes, in bytes too."""

_NOT_IN_NAMES: Final = re.compile(r'[<>:"|?*\\]')

_UNREADABLE: Final = (zipfile.BadZipFile, zlib.error, struct.error, OSError, RuntimeError, NotImplementedError, EOFError, ValueError)
"""What Python's reader raises for damaged archives."""


@dataclass(frozen=True, kw_only=True)
class ZipLimits:
    """What an archive may hold."""

    entries: int = 1000
    total_bytes: int = 4 * 1024**3
    """Unpacked."""

    ratio: int = 100
    """Unpacked bytes for one packed; what unpacks to less than `free_bytes` may be tighter."""

    free_bytes: int = 16 * 1024**2


_USUAL: Final = ZipLimits()


def unzip(path: Path, into: Path, *, limits: ZipLimits = _USUAL, error: type[InputError] = InputError) -> tuple[str, ...]:
    """Unpack into an empty folder; the files' paths in it, with forward slashes, in the archive's order.

    `error` is raised, before anything is written, for: too many entries or bytes, or too tight packing; paths that are absolute, climb
    out, or cannot be a file on some system; links and devices; names that are equal when case is ignored; entries that overlap; encryption
    or a compression other than deflate; archives in the archive (but USDZ, which is a format of its own). SetupError when the disk is full.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            _check_end(file, size, limits, error)
            with zipfile.ZipFile(file) as packed:
                entries = packed.infolist()
                _check_entries(entries, size, limits, error)
                files = [entry for entry in entries if not entry.is_dir()]
                _check_beginnings(packed, files, error)
                for entry in files:
                    _unpack(packed, entry, into / entry.filename)
    except FileNotFoundError:
        raise error(f"there is no file {path}: check the name and the folder") from None
    except _UNREADABLE as reason:
        if is_disk_full(reason):
            raise SetupError(f"the disk is full: {path.name} was not unpacked; free some space") from reason
        raise error(f"{path.name}: it cannot be unpacked ({reason}): copy it again") from None
    return tuple(entry.filename for entry in files)


def _check_end(file: IO[bytes], size: int, limits: ZipLimits, error: type[InputError]) -> None:
    """Look at the record at the archive's end, because Python would make an object of every entry before it could be asked."""
    file.seek(max(0, size - _END.size - 0xFFFF))
    tail = file.read()
    at = tail.rfind(_END_MAGIC)
    if at < 0 or at + _END.size > len(tail):
        raise zipfile.BadZipFile("it has no end record")
    _, disk, first_disk, _, count, directory_bytes, _, comment = _END.unpack_from(tail, at)
    if disk or first_disk or at + _END.size + comment != len(tail):
        raise zipfile.BadZipFile("its end record does not stand at its end")
    longest = _CENTRAL_BYTES + 4 * _LONGEST_PATH
    if count > limits.entries or directory_bytes > limits.entries * longest:  # a zip64 archive says 65,535 and 4 GiB here
        raise error(f"it declares more than the {limits.entries:,} files that are accepted: pack fewer")


def _check_entries(entries: Sequence[zipfile.ZipInfo], size: int, limits: ZipLimits, error: type[InputError]) -> None:
    if len(entries) > limits.entries:
        raise error(f"it holds {len(entries):,} files, more than the {limits.entries:,} that are accepted: pack fewer")
    total = sum(entry.file_size for entry in entries)
    if total > limits.total_bytes:
        raise error(f"it unpacks to {total:,} bytes, more than the {limits.total_bytes:,} that are accepted: pack less")
    if total > max(limits.free_bytes, limits.ratio * size):
        raise error(f"it is packed {total // max(1, size):,} to 1, tighter than the {limits.ratio} to 1 that are accepted")
    for entry in entries:
        _check_entry(entry, error)
    _check_collisions(entries, error)
    _check_overlaps(entries, size, error)


def _check_entry(entry: zipfile.ZipInfo, error: type[InputError]) -> None:
    _check_name(entry, error)
    if entry.flag_bits & 0x1:
        raise error(f"{_shown(entry)} is encrypted: pack it without a password")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise error(f"{_shown(entry)} is compressed in a way that is not accepted: pack it as an ordinary zip")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise error(f"{_shown(entry)} is a link or a device: pack the file itself")


def _check_name(entry: zipfile.ZipInfo, error: type[InputError]) -> None:
    name = entry.filename.removesuffix("/")
    parts = name.split("/")
    if entry.orig_filename != entry.filename or len(name) > _LONGEST_PATH:  # the reader cuts names at NUL and turns backslashes
        raise error(f"{_shown(entry)} cannot be a file's path: give it another name")
    if not all(_is_file_name(part) for part in parts):
        raise error(f"{_shown(entry)} cannot be a file's path inside a folder: give it another name")


def _is_file_name(part: str) -> bool:
    """Whether every file system takes it for a name, and for the same one. Category C holds control, format and bidi characters."""
    if not part.strip(". ") or part != part.rstrip(". ") or len(part) > _LONGEST_PART or is_reserved(part):
        return False
    return not _NOT_IN_NAMES.search(part) and not any(unicodedata.category(letter).startswith("C") for letter in part)


def _check_collisions(entries: Sequence[zipfile.ZipInfo], error: type[InputError]) -> None:
    """Names that some file system takes for one, and files that would have to be folders."""
    seen: set[str] = set()
    for entry in entries:
        key = unicodedata.normalize("NFC", entry.filename).casefold()
        if key in seen:
            raise error(f"{_shown(entry)} is there twice, when case is ignored: rename one of them")
        seen.add(key)
    for key in seen:
        above = key.removesuffix("/").split("/")[:-1]
        if any("/".join(above[: depth + 1]) in seen for depth in range(len(above))):
            raise error(f"{key[:60]!a} lies in a folder that is also a file: rename one of them")


def _check_overlaps(entries: Sequence[zipfile.ZipInfo], size: int, error: type[InputError]) -> None:
    """Each entry needs bytes of its own, of which its header takes 30 and the name."""
    spans = sorted((entry.header_offset, entry.header_offset + _LOCAL_BYTES + entry.compress_size) for entry in entries)
    if any(end > start for (_, end), (start, _) in pairwise([*spans, (size, size)])):
        raise error("its entries overlap: it is a zip bomb, or damaged")


def _check_beginnings(packed: zipfile.ZipFile, files: Sequence[zipfile.ZipInfo], error: type[InputError]) -> None:
    for entry in files:
        with packed.open(entry) as file:
            nested = file.read(4) == b"PK\3\4"
        if nested and not entry.filename.lower().endswith(".usdz"):
            raise error(f"{_shown(entry)} is an archive itself: unpack it first")


def _unpack(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    """Python's reader stops at the size that the entry declares, and checks the sum, so what was added up before holds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with packed.open(entry) as file, path.open("xb") as out:
        shutil.copyfileobj(file, out, _COPY_BYTES)


def _shown(entry: zipfile.ZipInfo) -> str:
    """A name as a message can hold it."""
    return ascii(entry.orig_filename[:60])
