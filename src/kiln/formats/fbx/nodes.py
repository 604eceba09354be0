"""An FBX scene's nodes: where they stand, and which of them are shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from jaxtyping import Float64

from kiln.errors import ModelError
from kiln.formats.fbx.notes import Notes
from kiln.formats.fbx.objects import Document, FbxObject
from kiln.formats.fbx.properties import Properties
from kiln.formats.fbx.transforms import ROOT, Matrix, Placement, placement

_MAX_NODES: Final = 50_000
"""Each takes 0.1 ms, and 0.3 ms more where it shows a mesh."""

_LOWER: Final = "lower level(s) of detail were left out"

_COLLISION = re.compile(r"(UCX|UBX|USP|UCP|MCDCX)_")
"""Unreal's names of nodes that are bodies for its physics."""

_LEVEL = re.compile(r"(.*)_LOD(\d+)", re.IGNORECASE)
"""Unity's names of levels of detail."""


@dataclass(frozen=True, eq=False)
class Node:
    """A node where it stands now."""

    item: FbxObject
    parent: Node | None
    placement: Placement
    is_kept: bool
    """Whether it is part of no lower level of detail."""

    @property
    def id(self) -> int:
        """Of its object."""
        return self.item.id

    @property
    def world(self) -> Matrix:
        """To the scene's frame, in the file's units."""
        return self.placement.matrix


@dataclass(frozen=True, eq=False)
class Shown:
    """A mesh that a node shows."""

    node: Node
    geometry: FbxObject


def scene_nodes(document: Document, notes: Notes) -> list[Node]:
    """Every node, depth first, so that parents come before their children. ModelError for cycles, and for more than an asset has."""
    items = document.of_kind("Model")
    if len(items) > _MAX_NODES:
        raise ModelError(f"it has {len(items):,} nodes, more than {_MAX_NODES:,}: export the model alone")
    waiting: list[tuple[FbxObject, Node | None, bool]] = [(item, None, True) for item in reversed(items) if document.parent(item) is None]
    found: dict[int, Node] = {}
    while waiting:
        item, parent, is_kept = waiting.pop()
        if item.id in found:
            continue  # with two parents it stands under the first
        found[item.id] = node = Node(item, parent, placement(item.properties, parent.placement if parent else ROOT), is_kept)
        children = document.children(item, "Model")
        levels = len(children) if _is_lod_group(document, item) else 0
        if levels > 1 and is_kept:
            notes.add(_LOWER, count=levels - 1)
        waiting += [(child, node, is_kept and not (levels and place)) for place, child in reversed(list(enumerate(children)))]
    if len(found) < len(items):
        raise ModelError("nodes are each other's parents: it is damaged; export it again")
    return list(found.values())


def shown_meshes(document: Document, nodes: Sequence[Node], notes: Notes) -> list[Shown]:
    """Every mesh that a node shows; without lower levels of detail, collision bodies and what is hidden, which is noted."""
    meshes = ((node, mesh) for node in nodes if node.is_kept for mesh in document.children(node.item, "Geometry", "Mesh"))
    found = [Shown(node, mesh) for node, mesh in islice(meshes, _MAX_NODES + 1) if _is_seen(node.item, notes)]
    if len(found) > _MAX_NODES:
        raise ModelError(f"it shows more than {_MAX_NODES:,} meshes: join them, or export the model alone")
    best = {match[1].lower() for each in found if (match := _level(each)) and int(match[2]) == 0}
    kept = [each for each in found if not ((match := _level(each)) and int(match[2]) > 0 and match[1].lower() in best)]
    if len(kept) < len(found):
        notes.add(_LOWER, count=len(found) - len(kept))
    return kept


def file_to_kiln(settings: Properties, notes: Notes) -> Float64[np.ndarray, "3 3"]:
    """From the file's axes and units to Kiln's: its coord axis is Kiln's x, its up y, its front z. Of a left-handed file it mirrors."""
    matrix = np.zeros((3, 3))
    for row, (name, usual) in enumerate((("CoordAxis", 0), ("UpAxis", 1), ("FrontAxis", 2))):
        axis = settings.integer(name, usual)
        matrix[row, axis if axis in (0, 1, 2) else usual] = -1 if settings.integer(f"{name}Sign", 1) < 0 else 1
    if abs(np.linalg.det(matrix)) != 1:
        notes.add("its axes make no sense: it was taken as it stands, +Y up")
        matrix = np.eye(3)
    centimetres = settings.number("UnitScaleFactor", 1.0)
    if not centimetres > 0:
        notes.add("its unit makes no sense: it was taken as centimetres")
        centimetres = 1.0
    return matrix * (centimetres / 100)


def _level(shown: Shown) -> re.Match[str] | None:
    return _LEVEL.fullmatch(shown.node.item.name)


def _is_lod_group(document: Document, item: FbxObject) -> bool:
    """Whether a node's children are levels of detail, the finest first."""
    return item.subkind == "LodGroup" or bool(document.children(item, "NodeAttribute", "LodGroup"))


def _is_seen(item: FbxObject, notes: Notes) -> bool:
    if _COLLISION.match(item.name):
        notes.add("collision node(s) (UCX_, UBX_, USP_, UCP_) were left out", count=1)
        return False
    if item.properties.number("Show", 1.0) == 0 or item.properties.number("Visibility", 1.0) == 0:
        notes.add("hidden mesh(es) were left out", count=1)
        return False
    return True
