"""Layer elements of an FBX mesh: normals, UVs, colours, materials, brought to one value a corner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from kiln.formats.fbx.properties import floats, integers, text
from kiln.formats.fbx.records import Record


class LayerError(Exception):
    """A layer that does not fit its mesh; the message says how. The mesh is of use without it."""


@dataclass(frozen=True, eq=False)
class Polygons:
    """Polygons of any number of corners, one after the other."""

    point: Int64[np.ndarray, " corners"]
    """The control point at each corner."""

    sizes: Int64[np.ndarray, " polygons"]
    """Corners of each."""

    points: int
    """Control points there are."""


def layers(mesh: Record, kind: str) -> list[Record]:
    """A mesh's layer elements of a kind (LayerElementUV, ...), by their numbers."""

    def number(layer: Record) -> int:
        return int(layer.properties[0]) if layer.properties and isinstance(layer.properties[0], int) else 0

    return sorted((layer for layer in mesh.children if layer.name == kind), key=number)


def corner_vectors(layer: Record, name: str, index: str, width: int, polygons: Polygons) -> Float64[np.ndarray, "corners k"]:
    """A layer's vector at each corner; 0 where its index is negative, as Maya writes for corners that have none."""
    values = floats(layer, name)
    place = _place(layer, polygons)
    if text(layer, "ReferenceInformationType") != "Direct" and (table := integers(layer, index)).size:
        place = _looked_up(table, place)
    rows = values[: len(values) // width * width].reshape(-1, width)
    found = _looked_up(rows, np.maximum(place, 0))
    return np.where(place[:, None] < 0, 0.0, found) if (place < 0).any() else found


def polygon_slots(layer: Record, polygons: Polygons) -> Int64[np.ndarray, " polygons"]:
    """The number of each polygon's material among those of the node that shows the mesh."""
    table = integers(layer, "Materials")
    if text(layer, "MappingInformationType") == "AllSame":
        return _looked_up(table, np.zeros(len(polygons.sizes), np.int64))
    if text(layer, "MappingInformationType") == "ByPolygon":
        return _looked_up(table, np.arange(len(polygons.sizes)))
    raise LayerError("they are not given by polygon")


def _place(layer: Record, polygons: Polygons) -> Int64[np.ndarray, " corners"]:
    """Which of a layer's entries each corner has."""
    match mapping := text(layer, "MappingInformationType"):
        case "ByPolygonVertex":
            return np.arange(len(polygons.point))
        case "ByVertex" | "ByVertice":
            return polygons.point
        case "ByPolygon":
            return np.repeat(np.arange(len(polygons.sizes)), polygons.sizes)
        case "AllSame":
            return np.zeros(len(polygons.point), np.int64)
    raise LayerError(f"they are mapped {mapping[:40]!a}")


def _looked_up(table: np.ndarray, place: Int64[np.ndarray, " n"]) -> np.ndarray:
    """The rows of a table, which must have them all."""
    if len(place) and int(place.max()) >= len(table):
        raise LayerError(f"there are {len(table):,} of them where {int(place.max()) + 1:,} are needed")
    return table[place]
