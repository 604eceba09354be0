"""Mesh: triangles, and what each vertex carries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Integer, UInt8, UInt16, UInt32

from kiln.asset.freeze import freeze_arrays


@dataclass(frozen=True, eq=False, kw_only=True)
class Projection:
    """A picture painted onto a mesh: where each vertex lies in it, and how much it counts there.

    A mesh's colour is the weighted mean of its projections, each sampled at its own UVs; where all weights are zero, `Mesh.colors`
    stands in.
    """

    pixels: UInt8[np.ndarray, "height width 4"]
    """sRGB colour; alpha is ignored. Colours outside the subject must already be filled in from its rim."""

    uvs: Float32[np.ndarray, "vertices 2"]
    weights: Float32[np.ndarray, " vertices"]
    """Not negative; they need not sum to one."""

    def __post_init__(self) -> None:
        freeze_arrays(self)


@dataclass(frozen=True, eq=False, kw_only=True)
class Mesh:
    """Triangles in metres, +Y up, +Z front, counter-clockwise from outside; per-vertex attributes are None when absent."""

    positions: Float32[np.ndarray, "vertices 3"]
    triangles: UInt32[np.ndarray, "triangles 3"]

    normals: Float32[np.ndarray, "vertices 3"] | None = None
    """Unit length."""

    tangents: Float32[np.ndarray, "vertices 4"] | None = None
    """MikkTSpace: unit xyz, and w = +1 or -1 so that bitangent = cross(normal, tangent) * w (glTF)."""

    uvs: Float32[np.ndarray, "vertices 2"] | None = None
    """Origin top-left."""

    lightmap_uvs: Float32[np.ndarray, "vertices 2"] | None = None
    """A second layout, for baked light: no overlaps, wider gutters; glTF's TEXCOORD_1."""

    colors: UInt8[np.ndarray, "vertices 4"] | None = None
    """sRGB-encoded, straight alpha."""

    seen: Float32[np.ndarray, " vertices"] | None = None
    """How well a picture shows this vertex: 1 seen, 0 guessed. None means that nothing was guessed."""

    importance: Float32[np.ndarray, " vertices"] | None = None
    """How many times the usual detail (triangles, texels per metre) somebody marked this vertex to deserve; 1 is usual, None means 1
    everywhere. glTF's custom attribute _IMPORTANCE."""

    joints: UInt16[np.ndarray, "vertices influences"] | None = None
    """Which joints of the asset's skeleton move each vertex; 4 or 8 of them, 0 where the weight is 0. With `weights`, or not at all."""

    weights: Float32[np.ndarray, "vertices influences"] | None = None
    """How much each of them does: not negative, the largest first, one together."""

    material_ids: UInt32[np.ndarray, " triangles"] | None = None
    """Index of each triangle's material in the list that travels with the mesh; None means all are 0."""

    projections: tuple[Projection, ...] = ()

    def __post_init__(self) -> None:
        freeze_arrays(self)

    @property
    def vertex_count(self) -> int:
        """Vertices, counting those split at seams."""
        return len(self.positions)

    @property
    def triangle_count(self) -> int:
        """Triangles."""
        return len(self.triangles)

    @cached_property
    def bounds(self) -> tuple[Float32[np.ndarray, " 3"], Float32[np.ndarray, " 3"]]:
        """Lowest and highest corner of the axis-aligned bounding box, metres."""
        return self.positions.min(axis=0), self.positions.max(axis=0)

    @property
    def diagonal(self) -> float:
        """Length of the bounding box's diagonal, metres."""
        low, high = self.bounds
        return float(np.linalg.norm(high - low))

    def take_vertices(self, index: Integer[np.ndarray, " kept"], triangles: UInt32[np.ndarray, "faces 3"]) -> Mesh:
        """The mesh whose vertex i is this one's vertex index[i], with every per-vertex attribute, and these triangles.

        `material_ids` is kept when the number of triangles is unchanged; otherwise the caller replaces it.
        """

        def pick(array: np.ndarray | None) -> np.ndarray | None:
            return None if array is None else array[index]

        same_triangles = self.material_ids is not None and len(self.material_ids) == len(triangles)
        return Mesh(
            positions=self.positions[index],
            triangles=triangles,
            normals=pick(self.normals),
            tangents=pick(self.tangents),
            uvs=pick(self.uvs),
            lightmap_uvs=pick(self.lightmap_uvs),
            colors=pick(self.colors),
            seen=pick(self.seen),
            importance=pick(self.importance),
            joints=pick(self.joints),
            weights=pick(self.weights),
            material_ids=self.material_ids if same_triangles else None,
            projections=tuple(replace(p, uvs=p.uvs[index], weights=p.weights[index]) for p in self.projections),
        )

    def take_triangles(self, keep: Bool[np.ndarray, " triangles"] | Integer[np.ndarray, " kept"]) -> Mesh:
        """The mesh of these triangles only (a mask or an index); vertices no longer used are dropped, order is kept."""
        kept = self.triangles[keep]
        used, renumbered = np.unique(kept, return_inverse=True)
        mesh = self.take_vertices(used, renumbered.reshape(-1, 3).astype(np.uint32))
        material_ids = None if self.material_ids is None else self.material_ids[keep]
        return replace(mesh, material_ids=material_ids)

    def moved(self, *, scale: float = 1.0, offset: Float32[np.ndarray, " 3"] | None = None) -> Mesh:
        """The mesh scaled about the origin, then shifted; normals and tangents do not change."""
        positions = self.positions * np.float32(scale)
        return replace(self, positions=positions if offset is None else positions + offset.astype(np.float32))
