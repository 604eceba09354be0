"""What FBX files are made of above records: objects with ids, typed properties, and connections between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

import numpy as np

from kiln.formats.fbx.records import Property, Record, plain_size

ROOT: Final = np.int64(0)
"""The scene's root node; it has no record."""

_FIRST_ID: Final = 1_000_000
"""Ids count up from here, so that equal scenes give equal bytes."""

PropertyKind = Literal["bool", "int", "enum", "double", "KString", "Compound", "Number", "Color", "ColorRGB", "Lcl"]

_LABELS: Final[dict[PropertyKind, tuple[str, str, str]]] = {
    "bool": ("bool", "", ""),
    "int": ("int", "Integer", ""),
    "enum": ("enum", "", ""),
    "double": ("double", "Number", ""),
    "KString": ("KString", "", ""),
    "Compound": ("Compound", "", ""),
    "Number": ("Number", "", "A"),
    "Color": ("Color", "", "A"),
    "ColorRGB": ("ColorRGB", "Color", ""),
}
"""Type, its label, and "A" for what may be animated, as Autodesk's own files have them."""


def setting(name: str, kind: PropertyKind, *values: Property) -> Record:
    """One typed property (`P`) of an object; the type of a node's placement ("Lcl Translation"...) is its name."""
    labels = (name, "", "A") if kind == "Lcl" else _LABELS[kind]
    return Record("P", (name, *labels, *values))


def settings70(properties: Iterable[Record]) -> Record:
    """The block of an object's typed properties."""
    return Record("Properties70", (), tuple(properties))


def node_settings() -> tuple[Record, ...]:
    """What every node says of itself. Without an attribute's index Autodesk's SDK (2019.2 was tried) sees no mesh and no bone on it: its
    default is -1, while all other readers take what is connected."""
    return (setting("DefaultAttributeIndex", "int", 0), setting("InheritType", "enum", 1))


class Objects:
    """Collects the objects of one file and what hangs on what."""

    def __init__(self) -> None:
        self._objects: list[Record] = []
        self._connections: list[Record] = []

    def add(self, record: str, name: str, kind: str, *children: Record, named_as: str | None = None) -> np.int64:
        """A new object's id. Its full name ends with its class, which is the record's name unless `named_as` says otherwise."""
        number = np.int64(_FIRST_ID + len(self._objects))
        self._objects.append(Record(record, (number, f"{name}\0\1{named_as or record}", kind), children))
        return number

    def connect(self, child: np.int64, parent: np.int64, slot: str | None = None) -> None:
        """Hang an object on another one, or on that one's property `slot`."""
        self._connections.append(Record("C", ("OO", child, parent) if slot is None else ("OP", child, parent, slot)))

    @property
    def plain_size(self) -> int:
        """Bytes of all their arrays and embedded files before compression."""
        return sum(map(plain_size, self._objects))

    def records(self) -> tuple[Record, Record, Record]:
        """Definitions (how many there are of each kind), Objects and Connections."""
        counts = Counter(["GlobalSettings", *(record.name for record in self._objects)])
        kinds = tuple(Record("ObjectType", (kind,), (Record("Count", (count,)),)) for kind, count in counts.items())
        totals = (Record("Version", (100,)), Record("Count", (counts.total(),)))
        return (
            Record("Definitions", (), (*totals, *kinds)),
            Record("Objects", (), tuple(self._objects)),
            Record("Connections", (), tuple(self._connections)),
        )
