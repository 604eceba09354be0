"""A mesh's surface made ready for losing edges while every vertex that is left stays one of its own, with all it carries."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.collapse import Collapsing
from kiln.geometry.manifold import split_non_manifold
from kiln.geometry.topology import find_edges, has_repeated_corner, welded_points
from kiln.kernels.weld import equal_rows


@dataclass(frozen=True, eq=False, kw_only=True)
class Subset:
    """The triangles of a mesh that have three different points, over points and over wedges."""

    mesh: Mesh

    index: Int64[np.ndarray, " proper"]
    """Which of the mesh's triangles they are."""

    points: Float32[np.ndarray, "points 3"]

    faces: Int32[np.ndarray, "proper 3"]
    """Over points; sheets that meet along an edge are parted."""

    wedges: Int32[np.ndarray, "proper 3"]
    """A vertex where materials meet has a wedge for each material, so that the border between them is a seam."""

    vertices: Int64[np.ndarray, " wedges"]
    """Each wedge's vertex."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    @classmethod
    def of(cls, mesh: Mesh) -> Subset:
        """The mesh's."""
        points, faces = welded_points(mesh)
        index = np.flatnonzero(~has_repeated_corner(faces))
        faces, origin = split_non_manifold(find_edges(faces[index], point_count=len(points)), points)
        wedges, vertices = _wedges(mesh, index)
        return cls(mesh=mesh, index=index, points=points[origin], faces=faces, wedges=wedges, vertices=vertices)

    def collapsing(self, *, anchors: Float64[np.ndarray, "points 3 3"] | None = None) -> Collapsing:
        """The surface to be collapsed: both sides of seams stay together, UVs and importance count; see `Collapsing`."""
        at = np.empty(len(self.points), np.int64)
        at[self.faces] = self.vertices[self.wedges]
        return Collapsing(
            self.points.astype(np.float64),
            self.faces,
            wedges=self.wedges,
            uvs=None if self.mesh.uvs is None else self.mesh.uvs[self.vertices].astype(np.float64),
            anchors=anchors,
            importance=None if self.mesh.importance is None else self.mesh.importance[at],
        )

    def left(self, collapsing: Collapsing) -> tuple[Int64[np.ndarray, " used"], Mesh]:
        """What is left, made of the mesh's vertices in their order; and which of them those are."""
        triangles = self.vertices[collapsing.wedges]
        used = np.zeros(self.mesh.vertex_count, bool)
        used[triangles.reshape(-1)] = True
        renumbered = np.cumsum(used, dtype=np.uint32) - np.uint32(1)
        vertices = np.flatnonzero(used)
        material_ids = None if self.mesh.material_ids is None else self.mesh.material_ids[self.index[collapsing.alive]]
        return vertices, replace(self.mesh.take_vertices(vertices, renumbered[triangles]), material_ids=material_ids)


def _wedges(mesh: Mesh, index: Int64[np.ndarray, " proper"]) -> tuple[Int32[np.ndarray, "proper 3"], Int64[np.ndarray, " wedges"]]:
    """The wedge at each corner of these triangles, and each wedge's vertex."""
    corners = mesh.triangles[index].astype(np.int64)
    if mesh.material_ids is None:
        return corners.astype(np.int32), np.arange(mesh.vertex_count)
    materials = np.repeat(mesh.material_ids[index].astype(np.int64), 3)
    rows = np.stack([corners.reshape(-1), materials], axis=1)
    wedges, count = equal_rows(rows)
    vertices = np.empty(count, np.int64)
    vertices[wedges] = rows[:, 0]
    return wedges.astype(np.int32).reshape(-1, 3), vertices
