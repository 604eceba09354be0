"""Which nodes of an FBX scene are shown, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from jaxtyping import Float64

from kiln.errors import ModelError
from kiln.formats.fbx.notes import Notes
from kiln.formats.fbx.objects import Document, FbxObject
from kiln.formats.fbx.properties import Properties, floats
from kiln.formats.fbx.transforms import ROOT, Matrix, Placement, geometric, placement

_MAX_NODES: Final = 50_000
"""Each takes 0.1 ms, and 0.3 ms more where it shows a mesh."""

_LOWER: Final = "lower level(s) of detail were left out"

_COLLISION = re.compile(r"(UCX|UBX|USP|UCP|MCDCX)_")
"""Unreal's names of nodes that are bodies for its physics."""

_LEVEL = re.compile(r"(.*)_LOD(\d+)", re.IGNORECASE)
"""Unity's names of levels of detail."""


@dataclass(frozen=True, eq=False)
class Node:
    """A node that shows a mesh."""

    item: FbxObject
    geometry: FbxObject
    matrix: Matrix
    """Of the mesh to the scene's frame, in the file's units."""


def shown_nodes(document: Document, notes: Notes) -> list[Node]:
    """Every node with a mesh, depth first; without lower levels of detail, collision bodies and what is hidden, which is noted."""
    found = [node for node in islice(_placed(document, notes), _MAX_NODES + 1) if _is_seen(node.item, notes)]
    if len(found) > _MAX_NODES:
        raise ModelError(f"it shows more than {_MAX_NODES:,} meshes: join them, or export the model alone")
    best = {match[1].lower() for node in found if (match := _LEVEL.fullmatch(node.item.name)) and int(match[2]) == 0}
    kept = [node for node in found if not ((match := _LEVEL.fullmatch(node.item.name)) and int(match[2]) > 0 and match[1].lower() in best)]
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


def _placed(document: Document, notes: Notes) -> Iterator[Node]:
    """The nodes with meshes, without the lower levels of LodGroups."""
    items = document.of_kind("Model")
    if len(items) > _MAX_NODES:
        raise ModelError(f"it has {len(items):,} nodes, more than {_MAX_NODES:,}: export the model alone")
    waiting = [(item, ROOT, True) for item in reversed(items) if document.parent(item) is None]
    seen: set[int] = set()
    while waiting:
        item, parent, is_kept = waiting.pop()
        if item.id in seen:
            continue  # with two parents it stands under the first
        seen.add(item.id)
        stand = placement(item.properties, parent)
        for geometry in document.children(item, "Geometry", "Mesh") if is_kept else ():
            yield Node(item, geometry, _mesh_matrix(document, item, geometry, stand, notes))
        children = document.children(item, "Model")
        levels = len(children) if _is_lod_group(document, item) else 0
        if levels > 1 and is_kept:
            notes.add(_LOWER, count=levels - 1)
        waiting += [(child, stand, is_kept and not (levels and place)) for place, child in reversed(list(enumerate(children)))]
    if len(seen) < len(items):
        raise ModelError("nodes are each other's parents: it is damaged; export it again")


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


def _mesh_matrix(document: Document, item: FbxObject, geometry: FbxObject, stand: Placement, notes: Notes) -> Matrix:
    """Of the mesh to the scene's frame: as it was bound to its skeleton, if it has one, however that poses now."""
    world = stand.matrix
    for skin in document.children(geometry, "Deformer", "Skin"):
        notes.add("skeletons and skins were left out: the mesh stands as it was bound")
        for cluster in document.children(skin, "Deformer", "Cluster"):
            mesh_to_bone, bone = floats(cluster.record, "Transform"), floats(cluster.record, "TransformLink")
            if len(mesh_to_bone) == len(bone) == 16:
                with np.errstate(over="ignore", invalid="ignore"):
                    world = bone.reshape(4, 4).T @ mesh_to_bone.reshape(4, 4).T
                break
    with np.errstate(over="ignore", invalid="ignore"):
        return world @ geometric(item.properties)
