"""A strict reader of FBX's binary container: bytes to a tree of records. Nothing is allocated before the file is known to hold it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from kiln.errors import ModelError
from kiln.formats.fbx.records import MAGIC, WIDE_VERSION, Array, Property, Record

_OLDEST, _NEWEST = 7100, 7700

_HEADER_BYTES = len(MAGIC) + 4

_MAX_DEPTH = 32
"""Files of Maya, 3ds Max and Blender nest 7 deep."""

_MAX_RECORDS = 2_000_000
"""Records and their values; a rigged character with an hour of animation has a tenth of that. Each takes about 500 bytes as an object."""

_MAX_VALUES = 4_000_000

_MAX_UNPACKED_BYTES = 3 * 1024**3
"""Of all arrays together: as much as 20 million vertices with normals and UVs at every corner take."""

_MOST_DEFLATED: Final = 1032
"""zlib packs nothing tighter than this many bytes into one."""

_SCALARS: Final[dict[bytes, tuple[struct.Struct, Callable[[Any], Property]]]] = {
    b"C": (struct.Struct("<?"), bool),
    b"B": (struct.Struct("<?"), bool),
    b"Z": (struct.Struct("<b"), int),
    b"Y": (struct.Struct("<h"), np.int16),
    b"I": (struct.Struct("<i"), int),
    b"L": (struct.Struct("<q"), np.int64),
    b"F": (struct.Struct("<f"), np.float32),
    b"D": (struct.Struct("<d"), float),
}
"""How a value is stored, and the type by which `records` tells its width."""

_ARRAYS: Final = {b"b": np.dtype(np.bool_), b"c": np.dtype(np.bool_)} | {
    code: np.dtype(layout) for code, layout in ((b"i", "<i4"), (b"l", "<i8"), (b"f", "<f4"), (b"d", "<f8"))
}

_CURE: Final = "export it again as binary FBX, version 2014 or newer"


def parse_fbx(data: bytes) -> Record:
    """A nameless record whose children are the file's. ModelError with the reason, whatever the bytes are."""
    return Record("", (), tuple(_Parser(data, _version(data)).top_level()))


def _version(data: bytes) -> int:
    if not data.startswith(MAGIC[:18]):
        written = (
            "it is an ASCII FBX file"
            if data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b";", b"FBXHeader"))
            else "it is no FBX file"
        )
        raise ModelError(f"{written}: {_CURE}")
    if len(data) < _HEADER_BYTES:
        raise ModelError("it is cut short: even an FBX header has 27 bytes")
    if not data.startswith(MAGIC):
        raise ModelError(f"its header is of another byte order or damaged: {_CURE}")
    version = int.from_bytes(data[len(MAGIC) : _HEADER_BYTES], "little")
    if not _OLDEST <= version <= _NEWEST:
        raise ModelError(f"it is FBX version {version}; Kiln reads {_OLDEST} to {_NEWEST}: {_CURE}")
    return version


class _Parser:
    """Walks records from the front to the end; every offset is held against the record around it."""

    def __init__(self, data: bytes, version: int) -> None:
        self._data = data
        self._head = struct.Struct("<QQQB" if version >= WIDE_VERSION else "<IIIB")
        self._records = self._values = self._unpacked = 0

    def top_level(self) -> Iterator[Record]:
        """The records up to the one of zeros; the footer behind it says nothing that is not known."""
        at = _HEADER_BYTES
        while (found := self._record(at, len(self._data), 0)) is not None:
            record, at = found
            yield record

    def _record(self, at: int, limit: int, depth: int) -> tuple[Record, int] | None:
        """The record at a byte, and where it ends; None for one of zeros. It must end at `limit` or before."""
        start = at + self._head.size
        if start > limit:
            raise _cut_short(at)
        end, count, length, name_length = self._head.unpack_from(self._data, at)
        if not (end or count or length or name_length):
            return None
        first = start + name_length
        self._check_record(at, first + length, end, limit, depth)
        name = self._data[start:first].decode("utf-8", "replace")
        return Record(name, self._properties(first, count, first + length), self._children(first + length, end, depth + 1)), end

    def _check_record(self, at: int, children: int, end: int, limit: int, depth: int) -> None:
        if end > limit or children > end:
            what = "cut short" if end > len(self._data) else "damaged"
            raise ModelError(
                f"the record at byte {at:,} ends at byte {max(end, children):,} of {limit:,}: the file is {what}; export it again"
            )
        if depth > _MAX_DEPTH:
            raise ModelError(f"its records are nested more than {_MAX_DEPTH} deep: it is damaged; export it again")
        self._records += 1
        if self._records > _MAX_RECORDS:
            raise ModelError(f"it has more than {_MAX_RECORDS:,} records: export the model alone, without animation")

    def _children(self, at: int, end: int, depth: int) -> tuple[Record, ...]:
        """Records up to one of zeros, which must be the last bytes before `end`."""
        if at == end:
            return ()
        children = []
        while (found := self._record(at, end, depth)) is not None:
            child, at = found
            children.append(child)
        if at + self._head.size != end:
            raise ModelError(f"the records before byte {end:,} stop early: the file is damaged; export it again")
        return tuple(children)

    def _properties(self, at: int, count: int, end: int) -> tuple[Property, ...]:
        self._values += count
        if count > end - at or self._values > _MAX_VALUES:
            raise ModelError(f"the record before byte {end:,} declares {count:,} values: the file is damaged; export it again")
        values = []
        for _ in range(count):
            value, at = self._property(at, end)
            values.append(value)
        if at != end:
            raise ModelError(f"the values before byte {end:,} are not as long as declared: the file is damaged; export it again")
        return tuple(values)

    def _property(self, at: int, end: int) -> tuple[Property, int]:
        """A value, and where it ends."""
        code = self._data[at : at + 1]
        if code in _SCALARS:
            layout, kind = _SCALARS[code]
            return kind(layout.unpack(self._bytes(at + 1, layout.size, end))[0]), at + 1 + layout.size
        if code in (b"S", b"R"):
            (length,) = struct.unpack("<I", self._bytes(at + 1, 4, end))
            text = self._bytes(at + 5, length, end)
            return (text.decode("utf-8", "replace") if code == b"S" else text), at + 5 + length
        if code in _ARRAYS:
            return self._array(_ARRAYS[code], at + 1, end)
        raise ModelError(f"a value at byte {at:,} is of no known type ({code!r}): the file is damaged; export it again")

    def _array(self, dtype: np.dtype, at: int, end: int) -> tuple[Array, int]:
        count, encoding, length = struct.unpack("<III", self._bytes(at, 12, end))
        packed = self._bytes(at + 12, length, end)
        size = count * dtype.itemsize
        if encoding > 1 or (encoding == 0 and size != length) or size > _MOST_DEFLATED * length:
            raise ModelError(f"an array at byte {at:,} declares {count:,} values in {length:,} bytes: the file is damaged; export it again")
        self._unpacked += size
        if self._unpacked > _MAX_UNPACKED_BYTES:
            raise ModelError(f"its arrays take more than {_MAX_UNPACKED_BYTES >> 30} GiB unpacked: simplify it before")
        return np.frombuffer(_inflated(packed, size) if encoding else packed, dtype), at + 12 + length

    def _bytes(self, at: int, length: int, end: int) -> bytes:
        if at + length > end:
            raise _cut_short(at)
        return self._data[at : at + length]


def _inflated(packed: bytes, size: int) -> bytes:
    """Exactly `size` bytes; never more are unpacked, whatever is packed."""
    inflater = zlib.decompressobj()
    try:
        unpacked = inflater.decompress(packed, max(1, size))
        excess = inflater.decompress(inflater.unconsumed_tail, 1)  # the checksum is only looked at when the end has been asked for
    except zlib.error as error:
        raise ModelError(f"an array cannot be unpacked ({error}): the file is damaged; export it again") from None
    if len(unpacked) != size or excess or not inflater.eof:
        raise ModelError(f"an array of {size:,} bytes unpacks to another size: the file is damaged; export it again")
    return unpacked


def _cut_short(at: int) -> ModelError:
    return ModelError(f"byte {at:,} runs past what is around it: the file is cut short or damaged; copy or export it again")
