"""An FBX file's objects and how they are connected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kiln.formats.fbx.properties import Properties, first, values_by_name
from kiln.formats.fbx.records import Property, Record


@dataclass(frozen=True, eq=False)
class FbxObject:
    """A node, a mesh, a material, ...: a record under Objects."""

    id: int
    kind: str
    """Model, Geometry, Material, Texture, Video, Deformer, ..."""

    name: str
    subkind: str
    """Of a Model, what it is: Mesh, Null, LimbNode, LodGroup, ..."""

    record: Record
    template: dict[str, tuple[Property, ...]]

    @cached_property
    def properties(self) -> Properties:
        """What it says of itself."""
        return Properties(self.record, self.template)


class Document:
    """Objects by id, and what is connected to each in the order of the file."""

    def __init__(self, root: Record) -> None:
        templates = _templates(first(root, "Definitions"))
        self.objects = {item.id: item for item in _objects(first(root, "Objects"), templates)}
        self.settings = Properties(first(root, "GlobalSettings"), {})
        self.creator = str(next(iter(first(root, "Creator").properties), ""))
        self._beneath: dict[int, list[tuple[int, str]]] = defaultdict(list)
        self._above: dict[int, list[int]] = defaultdict(list)
        self._children: dict[tuple[int, str, str | None], Sequence[FbxObject]] = {}
        for child, parent, slot in _connections(first(root, "Connections")):
            self._beneath[parent].append((child, slot))
            if not slot:
                self._above[child].append(parent)

    def of_kind(self, kind: str) -> Sequence[FbxObject]:
        """Every object of a kind."""
        return [item for item in self.objects.values() if item.kind == kind]

    def children(self, item: FbxObject, kind: str, subkind: str | None = None) -> Sequence[FbxObject]:
        """What of a kind belongs to an object. Looked for once: a mesh with a million connections may stand in a thousand places."""
        key = (item.id, kind, subkind)
        if key not in self._children:
            found = (self.objects.get(child) for child, slot in self._beneath.get(item.id, ()) if not slot)
            self._children[key] = [child for child in found if child and child.kind == kind and subkind in (None, child.subkind)]
        return self._children[key]

    def parent(self, item: FbxObject) -> FbxObject | None:
        """The node above a node; None where it stands under the root."""
        found = (self.objects.get(parent) for parent in self._above.get(item.id, ()))
        return next((parent for parent in found if parent is not None and parent.kind == item.kind), None)

    def in_slots(self, item: FbxObject, kinds: Sequence[str]) -> dict[str, FbxObject]:
        """What is connected to properties of an object, by their names; of several the first."""
        found: dict[str, FbxObject] = {}
        for child, slot in self._beneath.get(item.id, ()):
            if slot and child in self.objects and self.objects[child].kind in kinds:
                found.setdefault(slot, self.objects[child])
        return found


def _objects(records: Record, templates: dict[str, dict[str, tuple[Property, ...]]]) -> Iterator[FbxObject]:
    for record in records.children:
        match record.properties:
            case (number, str(name), str(subkind), *_) if isinstance(number, int | np.integer):
                yield FbxObject(int(number), record.name, name.partition("\0\x01")[0], subkind, record, templates.get(record.name, {}))


def _templates(definitions: Record) -> dict[str, dict[str, tuple[Property, ...]]]:
    """What objects of each kind are like where they say nothing themselves."""
    return {
        kind.properties[0]: values_by_name(first(kind, "PropertyTemplate"))
        for kind in definitions.children
        if kind.properties and isinstance(kind.properties[0], str)
    }


def _connections(records: Record) -> Iterator[tuple[int, int, str]]:
    """Child, parent, and the parent's property that it is connected to, if any."""
    for record in records.children:
        match record.properties:
            case (str(kind), child, parent, *slot) if isinstance(child, int | np.integer) and isinstance(parent, int | np.integer):
                if kind in ("OO", "OP"):
                    yield int(child), int(parent), str(slot[0]) if kind == "OP" and slot else ""
