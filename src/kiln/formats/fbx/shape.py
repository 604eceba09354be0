"""An FBX mesh as triangles over vertices that are split where their corners differ, in the mesh's own frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8, UInt32

from kiln.errors import ModelError
from kiln.formats.attributes import flipped_v, unit_rows
from kiln.formats.content import MAX_VERTICES, check_counts
from kiln.formats.fbx.layers import LayerError, Polygons, corner_vectors, layers, polygon_slots
from kiln.formats.fbx.notes import Notes
from kiln.formats.fbx.properties import floats, integers, text
from kiln.formats.fbx.records import Record
from kiln.formats.polygons import equal_corners, triangulate

_MOST_CORNERS = 3 * MAX_VERTICES

_MOST_UV_SETS = 8
"""Further ones are not looked at; 3ds Max alone can write more, up to 99."""

_SKEW = 0.1
"""How far tangents may be from unit length and from right angles to be somebody's tangent space rather than noise."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Shape:
    """Per-vertex arrays are None when absent. `mesh.Mesh` says what they hold."""

    points: Float64[np.ndarray, "points 3"]
    """Control points, in the file's units."""

    vertex_point: Int64[np.ndarray, " vertices"]
    triangles: UInt32[np.ndarray, "triangles 3"]

    slots: Int64[np.ndarray, " triangles"]
    """The number of each triangle's material among those of the node that shows the mesh."""

    normals: Float32[np.ndarray, "vertices 3"] | None
    tangents: Float32[np.ndarray, "vertices 4"] | None
    uvs: Float32[np.ndarray, "vertices 2"] | None
    lightmap_uvs: Float32[np.ndarray, "vertices 2"] | None
    colors: UInt8[np.ndarray, "vertices 4"] | None


def read_shape(mesh: Record, notes: Notes) -> Shape | None:
    """The mesh in a Geometry record; None when it has no polygons. ModelError where it contradicts itself."""
    points = np.array(floats(mesh, "Vertices"))  # a copy: kernels compile anew for arrays that are read-only
    points = points[: len(points) // 3 * 3].reshape(-1, 3)
    polygons = _polygons(integers(mesh, "PolygonVertexIndex"), len(points))
    whole = polygons.sizes >= 3
    if not whole.all():
        notes.add("faces of fewer than 3 corners were left out", count=int((~whole).sum()))
    if not whole.any():
        return None
    check_counts(vertices=len(points), triangles=int((polygons.sizes[whole] - 2).sum()))
    attributes = _Corners(mesh, polygons, notes)
    vertex, corner = equal_corners(attributes.keys())
    chosen, face = _triangles(points, polygons, whole)
    return Shape(
        points=points,
        vertex_point=polygons.point[corner],
        triangles=vertex[chosen],
        slots=attributes.slots()[face],
        normals=None if attributes.normals is None else attributes.normals[corner],
        tangents=None if attributes.tangents is None else attributes.tangents[corner],
        uvs=None if attributes.uvs is None else attributes.uvs[corner],
        lightmap_uvs=None if attributes.lightmap_uvs is None else attributes.lightmap_uvs[corner],
        colors=None if attributes.colors is None else attributes.colors[corner],
    )


def _polygons(index: Int64[np.ndarray, " corners"], points: int) -> Polygons:
    """Polygons of a PolygonVertexIndex, in which the last corner of each is i written as -i - 1."""
    if len(index) > _MOST_CORNERS:
        raise ModelError(
            f"a mesh declares {len(index):,} face corners, more than the {_MOST_CORNERS:,} that fit in memory: simplify it before"
        )
    last = index < 0
    if len(index) and not last[-1]:
        raise ModelError("a mesh's last face has no end: the file is damaged; export it again")
    point = np.where(last, -index - 1, index)
    if len(point) and point.max() >= points:
        raise ModelError(f"a face refers to vertex {int(point.max()):,} of {points:,}: the file is damaged; export it again")
    return Polygons(point, np.diff(np.flatnonzero(last), prepend=-1), points)


def _triangles(
    points: Float64[np.ndarray, "points 3"], polygons: Polygons, whole: np.ndarray
) -> tuple[Int64[np.ndarray, "triangles 3"], Int64[np.ndarray, " triangles"]]:
    """Triangles as corner numbers, and the polygon of each; only of polygons that are `whole`."""
    if whole.all():
        return triangulate(points, polygons.sizes, polygons.point)
    corners = np.flatnonzero(whole.repeat(polygons.sizes))
    chosen, face = triangulate(points, polygons.sizes[whole], polygons.point[corners])
    return corners[chosen], np.flatnonzero(whole)[face]


class _Corners:
    """What a mesh's layers say at each corner; what does not fit the mesh is left out with a note."""

    def __init__(self, mesh: Record, polygons: Polygons, notes: Notes) -> None:
        self._mesh, self._polygons, self._notes = mesh, polygons, notes
        normals = self._vectors("Normal", "Normals", "NormalsIndex", 3)
        self.normals = None if normals is None else unit_rows(normals)
        self.tangents = self._tangents()
        uv_sets = layers(mesh, "LayerElementUV")
        self.uvs = self._uvs(uv_sets[0]) if uv_sets else None
        self.lightmap_uvs = self._lightmap_uvs(uv_sets[1:_MOST_UV_SETS])
        self.colors = self._colors()

    def keys(self) -> UInt32[np.ndarray, "corners k"]:
        """Words that are equal where corners are one vertex."""
        floats_ = [a + np.float32(0) for a in (self.normals, self.tangents, self.uvs, self.lightmap_uvs) if a is not None]  # -0 becomes 0
        words = [np.ascontiguousarray(a).view(np.uint32) for a in (*floats_, *([] if self.colors is None else [self.colors]))]
        return np.column_stack([self._polygons.point.astype(np.uint32), *words])

    def slots(self) -> Int64[np.ndarray, " polygons"]:
        """The material number of each polygon; 0 where none is given."""
        for layer in layers(self._mesh, "LayerElementMaterial")[:1]:
            try:
                return polygon_slots(layer, self._polygons)
            except LayerError as error:
                self._notes.add(f"a mesh's material numbers were left out: {error}")
        return np.zeros(len(self._polygons.sizes), np.int64)

    def _vectors(self, kind: str, name: str, index: str, width: int) -> Float64[np.ndarray, "corners k"] | None:
        """The first layer of a kind, a vector a corner."""
        found = layers(self._mesh, f"LayerElement{kind}")
        return self._read(found[0], name, index, width) if found else None

    def _read(self, layer: Record, name: str, index: str, width: int) -> Float64[np.ndarray, "corners k"] | None:
        try:
            return corner_vectors(layer, name, index, width, self._polygons)
        except LayerError as error:
            self._notes.add(f"a mesh's {name} were left out: {error}")
            return None

    def _tangents(self) -> Float32[np.ndarray, "corners 4"] | None:
        """Tangents with the sign that leads to the file's binormals; None unless all three are a tangent space at every corner."""
        if self.normals is None or not layers(self._mesh, "LayerElementBinormal"):
            return None
        tangents = self._vectors("Tangent", "Tangents", "TangentsIndex", 3)
        binormals = self._vectors("Binormal", "Binormals", "BinormalsIndex", 3)
        if tangents is None or binormals is None:
            return None
        turns = np.einsum("ck,ck->c", np.cross(self.normals, tangents), binormals)
        skew = np.abs(np.einsum("ck,ck->c", self.normals, tangents))
        if not (np.abs(np.abs(turns) - 1) < _SKEW).all() or not (skew < _SKEW).all():
            self._notes.add("a mesh's tangents were left out: they do not fit its normals")
            return None
        return np.column_stack([unit_rows(tangents), np.sign(turns).astype(np.float32)])

    def _uvs(self, layer: Record) -> Float32[np.ndarray, "corners 2"] | None:
        uvs = self._read(layer, "UV", "UVIndex", 2)
        return None if uvs is None else flipped_v(uvs)

    def _lightmap_uvs(self, further: list[Record]) -> Float32[np.ndarray, "corners 2"] | None:
        """The first further UV set that is called a light map and lies within the unit square, where a light map must."""
        for layer in further:
            uvs = self._uvs(layer) if "light" in text(layer, "Name").lower() else None
            if uvs is not None and uvs.min() >= 0 and uvs.max() <= 1:
                return uvs
        if further:
            self._notes.add("further UV sets were left out: none is a light map's")
        return None

    def _colors(self) -> UInt8[np.ndarray, "corners 4"] | None:
        """Colours as people paint them: FBX does not say, and Blender and Maya write them sRGB-encoded."""
        colors = self._vectors("Color", "Colors", "ColorIndex", 4)
        return None if colors is None else np.round(np.nan_to_num(colors).clip(0, 1) * 255).astype(np.uint8)
