"""Meshes as FBX geometries: welded control points, polygons, and layers of what each corner carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, Int32, Int64, Shaped, UInt8

from kiln.asset import Mesh
from kiln.formats.fbx.frame import Frame
from kiln.formats.fbx.records import Record
from kiln.kernels.weld import equal_rows, first_of_classes

UV_SETS: Final = ("UVMap", "Lightmap")
"""Names of the two sets: textures refer to the first."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ControlPoints:
    """A mesh's points as FBX has them: vertices that differ in normals or UVs alone are one."""

    first: Int64[np.ndarray, " points"]
    """A vertex of each point."""

    of_vertex: Int64[np.ndarray, " vertices"]


def control_points(mesh: Mesh) -> ControlPoints:
    """Vertices at bit-equal positions as one point; of a skinned mesh only where the same joints move them alike, too."""
    keys = [mesh.positions]
    if mesh.joints is not None and mesh.weights is not None:
        keys += [mesh.joints.astype(np.float32), mesh.weights]
    of_vertex, count = equal_rows(np.concatenate(keys, axis=1))
    return ControlPoints(first=first_of_classes(of_vertex, count), of_vertex=of_vertex)


def geometry_records(mesh: Mesh, points: ControlPoints, *, frame: Frame, slots: Int32[np.ndarray, " triangles"] | None) -> list[Record]:
    """What stands in a Geometry. `slots` says which of its node's materials each triangle has; None: it has none."""
    ends = points.of_vertex[mesh.triangles].astype(np.int32)
    ends[:, 2] = ~ends[:, 2]  # the complement marks a polygon's last corner
    positions = frame.turned(mesh.positions[points.first]).astype(np.float64) * frame.units_per_metre
    elements = _elements(mesh, points, frame=frame, slots=slots)
    return [
        Record("GeometryVersion", (124,)),
        Record("Vertices", (positions.reshape(-1),)),
        Record("PolygonVertexIndex", (ends.reshape(-1),)),
        *elements,
        *_layers(elements),
    ]


def _elements(mesh: Mesh, points: ControlPoints, *, frame: Frame, slots: Int32[np.ndarray, " triangles"] | None) -> list[Record]:
    found = [] if mesh.normals is None else _directions(mesh, mesh.normals, frame)
    found.append(_element("Smoothing", 102, "ByPolygon", Smoothing=np.ones(mesh.triangle_count, np.int32)))
    if mesh.uvs is not None:
        sets = (mesh.uvs,) if mesh.lightmap_uvs is None else (mesh.uvs, mesh.lightmap_uvs)
        found += [_uv_set(mesh, points, uvs, number) for number, uvs in enumerate(sets)]
    if mesh.colors is not None:
        found.append(_colors(mesh, mesh.colors))
    if slots is not None:
        found.append(_element("Material", 101, "ByPolygon", indexed=True, Materials=slots))
    return found


def _directions(mesh: Mesh, normals: Float32[np.ndarray, "vertices 3"], frame: Frame) -> list[Record]:
    """Normals, and with tangents both other axes of tangent space: Unreal takes tangents only when binormals come along."""
    found = [("Normal", normals)]
    if mesh.tangents is not None:
        tangents = mesh.tangents[:, :3]
        found += [("Binormal", np.cross(normals, tangents) * mesh.tangents[:, 3:]), ("Tangent", tangents)]
    corners = mesh.triangles.reshape(-1)
    return [
        _element(name, 101, "ByPolygonVertex", **{f"{name}s": frame.turned(vectors).astype(np.float64)[corners].reshape(-1)})
        for name, vectors in found
    ]


def _uv_set(mesh: Mesh, points: ControlPoints, uvs: Float32[np.ndarray, "vertices 2"], number: int) -> Record:
    """UVs with v upwards. Vertices of one point with equal UVs share one, so that editors show islands whole, split normals or not."""
    of_vertex, count = equal_rows(np.concatenate([points.of_vertex[:, None].astype(np.float64), uvs], axis=1))
    table = uvs[first_of_classes(of_vertex, count)].astype(np.float64)
    table[:, 1] = 1.0 - table[:, 1]
    index = of_vertex[mesh.triangles].astype(np.int32).reshape(-1)
    return _element("UV", 101, "ByPolygonVertex", number=number, title=UV_SETS[number], indexed=True, UV=table.reshape(-1), UVIndex=index)


def _colors(mesh: Mesh, colors: UInt8[np.ndarray, "vertices 4"]) -> Record:
    """Vertex colours, sRGB-encoded as they are. FBX does not say; engines keep 8 bits of what stands in the file without looking at it,
    which would band linear colours in the dark, and Blender takes them as sRGB unless told otherwise."""
    words = colors.copy().view(np.uint32)  # a copy, because numba would compile anew for a read-only array
    of_vertex, count = equal_rows(words)
    table = colors[first_of_classes(of_vertex, count)] / 255.0
    index = of_vertex[mesh.triangles].astype(np.int32).reshape(-1)
    return _element("Color", 101, "ByPolygonVertex", title="Color", indexed=True, Colors=table.reshape(-1), ColorIndex=index)


def _element(
    kind: str, version: int, mapping: str, *, number: int = 0, title: str = "", indexed: bool = False, **arrays: Shaped[np.ndarray, " _"]
) -> Record:
    """A layer element: what it is mapped to, and its arrays by the names of their records."""
    head = (
        Record("Version", (version,)),
        Record("Name", (title,)),
        Record("MappingInformationType", (mapping,)),
        Record("ReferenceInformationType", ("IndexToDirect" if indexed else "Direct",)),
    )
    return Record(f"LayerElement{kind}", (number,), (*head, *(Record(name, (array,)) for name, array in arrays.items())))


def _layers(elements: Sequence[Record]) -> list[Record]:
    """Layer 0 names every first element, layer 1 the second UV set."""
    layers: dict[int, list[Record]] = {}
    for element in elements:
        number = element.properties[0]
        entry = (Record("Type", (element.name,)), Record("TypedIndex", (number,)))
        layers.setdefault(int(number), []).append(Record("LayerElement", (), entry))
    return [Record("Layer", (number,), (Record("Version", (100,)), *entries)) for number, entries in layers.items()]
