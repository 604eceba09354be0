"""What a PNG, JPEG or WebP says of itself, read by hand from its first bytes and its chunks' headers: no decoder sees the file before."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

_MOST_CHUNKS: Final = 20_000
"""A PNG of 32 MiB in chunks of 8 KiB has 4,000."""

_MOST_BESIDE_BYTES: Final = 4 * 1024**2
"""Of all that is not picture: texts, profiles, EXIF."""

_NO_FRAME_HEADERS: Final = (0xC4, 0xC8, 0xCC)
"""Of JPEG's markers C0 to CF those that are tables."""

_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = b"\xff\xd9"

_MOST_SCANS: Final = 64
"""Of a progressive JPEG; ten are usual. Each goes over all pixels, and may take hardly a byte."""

_BLOCK_BYTES: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class PictureHeader:
    """Size in pixels and number of frames, as declared."""

    width: int
    height: int
    frames: int = 1


def png_header(file: IO[bytes], size: int) -> PictureHeader:
    """From IHDR; frames are counted, not believed. ValueError says what is wrong."""
    frames = beside = 0
    for number, (kind, length) in enumerate(_png_chunks(file, size)):
        if (number == 0) != (kind == b"IHDR"):  # a second one would have the last word
            raise ValueError("its header chunk is not the first, or not the only one")
        frames += kind == b"fcTL"
        beside += length if kind[0] & 0x20 and kind != b"fdAT" else 0
        if beside > _MOST_BESIDE_BYTES:
            raise ValueError(f"its texts and profiles take more than {_MOST_BESIDE_BYTES >> 20} MiB")
    width, height = struct.unpack(">II", _at(file, 16, 8))
    return PictureHeader(width=width, height=height, frames=max(1, frames))


def _png_chunks(file: IO[bytes], size: int) -> Iterator[tuple[bytes, int]]:
    """Type and length of each chunk up to IEND, all of them inside the file."""
    at = 8
    for _ in range(_MOST_CHUNKS):
        length, kind = struct.unpack(">I4s", _at(file, at, 8))
        at += 12 + length
        if at > size:
            raise ValueError("it is cut short")
        yield kind, length
        if kind == b"IEND":
            return
    raise ValueError(f"it has more than {_MOST_CHUNKS:,} chunks")


def jpeg_header(file: IO[bytes], size: int) -> PictureHeader:
    """From the one frame header (SOF) before the first scan. ValueError says what is wrong."""
    found: PictureHeader | None = None
    for marker, at in _jpeg_segments(file):
        if marker == _START_OF_SCAN and _scans(file, at, size) > _MOST_SCANS:
            raise ValueError(f"it has more than {_MOST_SCANS} scans")
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME_HEADERS:
            if found is not None:
                raise ValueError("it has two frame headers")
            height, width = struct.unpack(">HH", _at(file, at + 5, 4))
            found = PictureHeader(width=width, height=height)
    if found is None:
        raise ValueError("it has no frame header")
    return found


def _jpeg_segments(file: IO[bytes]) -> Iterator[tuple[int, int]]:
    """Marker and place of each segment, to the first scan's."""
    at = 2
    for _ in range(_MOST_CHUNKS):
        start, marker, length = struct.unpack(">BBH", _at(file, at, 4))
        if start != 0xFF or length < 2:
            raise ValueError("its segments do not follow each other")
        if marker == 0xFF:  # a marker may be padded with any number of them
            at += 1
            continue
        yield marker, at
        if marker == _START_OF_SCAN:
            return
        at += 2 + length
    raise ValueError(f"it has more than {_MOST_CHUNKS:,} segments")


def _scans(file: IO[bytes], first: int, size: int) -> int:
    """How many scans there are before the image ends; what comes after it, such as a phone's film, may hold any bytes."""
    scans = 0
    for place in range(first, size, _BLOCK_BYTES):
        block, ends, _ = _at(file, place, min(_BLOCK_BYTES + 1, size - place)).partition(_END_OF_IMAGE)
        scans += block.count(bytes((0xFF, _START_OF_SCAN)))
        if ends:
            break
    return scans


def webp_header(file: IO[bytes], size: int) -> PictureHeader:
    """From the first chunk; frames are counted. ValueError says what is wrong."""
    (declared,) = struct.unpack("<I", _at(file, 4, 4))
    if declared + 8 > size:
        raise ValueError("it is cut short")
    kind = _at(file, 12, 4)
    if kind == b"VP8X":
        return _extended_webp(file, size)
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", _at(file, 21, 4))
        return PictureHeader(width=(bits & 0x3FFF) + 1, height=(bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", _at(file, 26, 4))
        return PictureHeader(width=width & 0x3FFF, height=height & 0x3FFF)
    raise ValueError("it begins with an unknown chunk")


def _extended_webp(file: IO[bytes], size: int) -> PictureHeader:
    canvas = _at(file, 24, 6)
    frames, beside, at = 0, 0, 12
    for _ in range(_MOST_CHUNKS):
        if at + 8 > size:
            width, height = (int.from_bytes(canvas[k : k + 3], "little") + 1 for k in (0, 3))
            return PictureHeader(width=width, height=height, frames=max(1, frames))
        kind, length = struct.unpack("<4sI", _at(file, at, 8))
        frames += kind == b"ANMF"
        beside += length if kind not in (b"ANMF", b"VP8 ", b"VP8L", b"ALPH") else 0
        if beside > _MOST_BESIDE_BYTES:
            raise ValueError(f"its texts and profiles take more than {_MOST_BESIDE_BYTES >> 20} MiB")
        at += 8 + length + length % 2
    raise ValueError(f"it has more than {_MOST_CHUNKS:,} chunks")


def _at(file: IO[bytes], place: int, count: int) -> bytes:
    file.seek(place)
    found = file.read(count)
    if len(found) < count:
        raise ValueError("it is cut short")
    return found
