"""Reads FBX's container without mercy, sharing nothing with Kiln's own code: every offset, sentinel, length and pad byte must be right."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

_SCALARS = {"C": "?", "Y": "h", "I": "i", "L": "q", "F": "f", "D": "d"}
_ARRAYS = {"b": "?", "i": "<i4", "l": "<i8", "f": "<f4", "d": "<f8"}


@dataclass
class Node:
    name: str
    kinds: str
    """The type code of each value."""

    values: list[Any]
    children: list[Node]

    def __getitem__(self, name: str) -> Node:
        (found,) = self.all(name)
        return found

    def all(self, name: str) -> list[Node]:
        return [child for child in self.children if child.name == name]

    @property
    def value(self) -> Any:
        (found,) = self.values
        return found

    @property
    def settings(self) -> dict[str, list[Any]]:
        """Its typed properties: values by name, without their labels."""
        return {p.values[0]: p.values[4:] for p in self["Properties70"].children}


def walk(data: bytes) -> tuple[int, Node]:
    """Version, and a node that holds the top-level records."""
    assert data[:23] == b"Kaydara FBX Binary  \x00\x1a\x00"
    (version,) = struct.unpack_from("<I", data, 23)
    assert version in (7400, 7500)
    wide = version >= 7500
    at, top = 27, []
    while (node := _node(data, at, wide)) is not None:
        top.append(node[0])
        at = node[1]
    _footer(data, at + (25 if wide else 13), version)
    return version, Node("", "", [], top)


def _node(data: bytes, start: int, wide: bool) -> tuple[Node, int] | None:
    """A record and where it ends; None for the null record."""
    end, count, size, name_size = struct.unpack_from("<QQQB" if wide else "<IIIB", data, start)
    at = start + (25 if wide else 13)
    if end == 0:
        assert (count, size, name_size) == (0, 0, 0), "a null record is zeros"
        return None
    name = data[at : at + name_size].decode()
    at += name_size
    values_end = at + size
    kinds, values = "", []
    for _ in range(count):
        kind, value, at = _value(data, at)
        kinds, values = kinds + kind, [*values, value]
    assert at == values_end, f"{name}: values end at {at}, not at {values_end}"
    children: list[Node] = []
    if at < end:
        while (child := _node(data, at, wide)) is not None:
            children.append(child[0])
            at = child[1]
        at += 25 if wide else 13
    assert at == end <= len(data), f"{name}: ends at {at}, not at {end}"
    assert values or values_end < end, f"{name}: without values and children it needs a null record"
    return Node(name, kinds, values, children), end


def _value(data: bytes, at: int) -> tuple[str, Any, int]:
    kind = chr(data[at])
    at += 1
    if kind in _SCALARS:
        layout = "<" + _SCALARS[kind]
        return kind, struct.unpack_from(layout, data, at)[0], at + struct.calcsize(layout)
    if kind in "SR":
        (size,) = struct.unpack_from("<I", data, at)
        raw = data[at + 4 : at + 4 + size]
        assert len(raw) == size
        return kind, raw.decode() if kind == "S" else raw, at + 4 + size
    dtype = np.dtype(_ARRAYS[kind])
    count, encoding, size = struct.unpack_from("<III", data, at)
    raw = data[at + 12 : at + 12 + size]
    assert encoding in (0, 1)
    if encoding:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(raw)
        assert inflater.eof
        assert not inflater.unused_data
    assert len(raw) == count * dtype.itemsize
    return kind, np.frombuffer(raw, dtype), at + 12 + size


def _footer(data: bytes, at: int, version: int) -> None:
    assert data[at : at + 16].hex() == "fabcab09d0c8d466b176fb831cf7267e"
    padding = 16 - at % 16
    rest = bytes(padding + 4) + struct.pack("<I", version) + bytes(120) + bytes.fromhex("f85a8c6adef5d97eece90ce3758f290b")
    assert data[at + 16 :] == rest
