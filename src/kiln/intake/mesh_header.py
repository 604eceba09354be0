"""What a GLB or PLY declares, held against the file's size before a reader sees it. Both are counted, never believed."""

from __future__ import annotations

import struct
from typing import IO, Final

_MOST_JSON_BYTES: Final = 64 * 1024**2
_MOST_CHUNKS: Final = 16

_MOST_HEADER_BYTES: Final = 65_536

_MOST_DIGITS: Final = 18
"""Of a number of records."""


def check_glb(file: IO[bytes], size: int) -> None:
    """ValueError unless the header's length is the file's, and its chunks fill it."""
    file.seek(0)
    head = file.read(12)
    if len(head) < 12 or struct.unpack("<4sII", head)[2] != size:
        raise ValueError("the length in its header is not the file's: it is cut short or damaged")
    at = 12
    for number in range(_MOST_CHUNKS):
        if at == size:
            return
        file.seek(at)
        chunk = file.read(8)
        length = struct.unpack("<I", chunk[:4])[0] if len(chunk) == 8 else size
        if number == 0 and (chunk[4:] != b"JSON" or length > _MOST_JSON_BYTES):
            raise ValueError(f"its first chunk is not JSON of at most {_MOST_JSON_BYTES >> 20} MiB")
        at += 8 + length
        if at > size:
            raise ValueError("a chunk runs past its end: it is cut short or damaged")
    raise ValueError(f"it has more than {_MOST_CHUNKS} chunks")


def check_ply(file: IO[bytes], size: int) -> None:
    """ValueError unless the header ends, names everything once, and declares no more records than the file has bytes."""
    file.seek(0)
    head, found, _ = file.read(_MOST_HEADER_BYTES).partition(b"end_header")
    if not found:
        raise ValueError(f"its header does not end within {_MOST_HEADER_BYTES >> 10} KiB")
    element, named = b"", set[tuple[bytes, bytes]]()
    for words in (line.split() for line in head.splitlines()):
        if words[:1] == [b"element"]:
            element, name = _declared(words, size), b""
        elif words[:1] == [b"property"]:
            name = words[-1]
        else:
            continue
        if (element, name) in named:
            raise ValueError(f"its header names {(name or element)[:40].decode('ascii', 'replace')!a} twice")
        named.add((element, name))


def _declared(words: list[bytes], size: int) -> bytes:
    """The name in an element's line. Each record takes a byte or more."""
    if len(words) != 3 or not words[2].isdigit() or len(words[2]) > _MOST_DIGITS or int(words[2]) > size:
        raise ValueError(f"its header declares what its {size:,} bytes cannot hold: {b' '.join(words)[:60].decode('ascii', 'replace')!a}")
    return words[1]
