"""What a GLB or PLY declares, held against the file's size before a reader sees it. Both are counted, never believed."""

from __future__ import annotations

import re
import struct
from typing import IO, Final

_MOST_JSON_BYTES: Final = 64 * 1024**2
_MOST_CHUNKS: Final = 16

_MOST_HEADER_BYTES: Final = 65_536

_ELEMENT: Final = re.compile(rb"element[ \t]+(\S+)[ \t]+(\d{1,18})[ \t]*")
_PROPERTY: Final = re.compile(rb"property[ \t]+.*?(\S+)[ \t]*")


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
    elements: dict[bytes, set[bytes]] = {}
    known: set[bytes] = set()
    for line in head.split(b"\n"):
        text = line.strip()
        if text.startswith(b"element"):
            known = elements.setdefault(_declared(text, size), set())
            if known:
                raise ValueError("its header names an element twice")
            known.add(b"")
        elif (named := _PROPERTY.fullmatch(text)) is not None:
            if named[1] in known:
                raise ValueError(f"its header names the property {named[1][:40]!r} twice")
            known.add(named[1])


def _declared(line: bytes, size: int) -> bytes:
    """The name in an element's line. Each record takes a byte or more."""
    found = _ELEMENT.fullmatch(line)
    if found is None or int(found[2]) > size:
        raise ValueError(f"its header declares what its {size:,} bytes cannot hold: {line[:60]!a}")
    return found[1]
