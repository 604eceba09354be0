"""FBX files of a few records, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kiln.formats.fbx.records import Record, encode_records

Y_UP = {
    "UpAxis": 1,
    "UpAxisSign": 1,
    "FrontAxis": 2,
    "FrontAxisSign": 1,
    "CoordAxis": 0,
    "CoordAxisSign": 1,
    "UnitScaleFactor": 100.0,
}

SQUARE = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.0))


def table(name: str, values: object, dtype: type = np.float64) -> Record:
    return Record(name, (np.array(values, dtype).ravel(),))


def properties(values: Mapping[str, object]) -> Record:
    """A Properties70: numbers, texts, or three numbers by name."""
    entries = []
    for name, value in values.items():
        plain = tuple(value) if isinstance(value, tuple) else (value,)
        entries.append(Record("P", (name, "", "", "A", *plain)))
    return Record("Properties70", (), tuple(entries))


def layer(kind: str, mapping: str, reference: str, *arrays: Record, number: int = 0, name: str = "") -> Record:
    head = (Record("Name", (name,)), Record("MappingInformationType", (mapping,)), Record("ReferenceInformationType", (reference,)))
    return Record(f"LayerElement{kind}", (number,), (*head, *arrays))


@dataclass
class Made:
    """A file that grows: every `add_...` returns the new object's id."""

    settings: dict[str, object] = field(default_factory=dict)
    """What differs from Y_UP."""

    templates: dict[str, dict[str, object]] = field(default_factory=dict)
    creator: str = "by hand"
    objects: list[Record] = field(default_factory=list)
    connections: list[Record] = field(default_factory=list)

    def add(self, kind: str, name: str, subkind: str, *children: Record, under: int | None = None, slot: str = "") -> int:
        number = 1000 + len(self.objects)
        self.objects.append(Record(kind, (np.int64(number), f"{name}\0\1{kind}", subkind), children))
        if under is not None:
            self.connect(number, under, slot)
        return number

    def connect(self, child: int, parent: int, slot: str = "") -> None:
        ends = (np.int64(child), np.int64(parent))
        self.connections.append(Record("C", ("OP", *ends, slot) if slot else ("OO", *ends)))

    def add_node(self, name: str = "node", under: int = 0, subkind: str = "Mesh", **values: object) -> int:
        said = {key.replace("Lcl_", "Lcl "): value for key, value in values.items()}
        return self.add("Model", name, subkind, Record("Version", (232,)), properties(said), under=under)

    def add_mesh(self, under: int, points: object = SQUARE, faces: Sequence[Sequence[int]] = ((0, 1, 2, 3),), *layers: Record) -> int:
        ends = [corner if k + 1 < len(face) else -corner - 1 for face in faces for k, corner in enumerate(face)]
        arrays = (table("Vertices", points), table("PolygonVertexIndex", ends, np.int32), Record("GeometryVersion", (124,)))
        return self.add("Geometry", "mesh", "Mesh", *arrays, *layers, under=under)

    def data(self, version: int = 7400) -> bytes:
        kinds = [
            Record("ObjectType", (kind,), (Record("PropertyTemplate", ("Fbx",), (properties(values),)),))
            for kind, values in self.templates.items()
        ]
        records = [
            Record("FBXHeaderExtension", (), (Record("FBXVersion", (version,)), Record("Creator", (self.creator,)))),
            Record("Creator", (self.creator,)),
            Record("GlobalSettings", (), (Record("Version", (1000,)), properties(Y_UP | self.settings))),
            Record("Definitions", (), tuple(kinds)),
            Record("Objects", (), tuple(self.objects)),
            Record("Connections", (), tuple(self.connections)),
        ]
        return encode_records(records, version=version)


def square(made: Made | None = None, **values: object) -> bytes:
    """One square of a metre in the xy plane, looking along +z."""
    made = made or Made()
    made.add_mesh(made.add_node(**values))
    return made.data()
