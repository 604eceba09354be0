"""What a rebuild missed: sheets and parts that are thinner than its voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas
from kiln.geometry.topology import label_components, point_triangles
from kiln.geometry.triangle_tree import TriangleTree

_PIECE = 0.002
"""A missed piece of at least this share of the area is a blade, an ear or a cloth; smaller ones are corners cut off and splinters."""


_BESIDE = 0.3
"""Share of its longest edges, about half a voxel, within which a rebuilt surface runs along the true one."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Missed:
    """What of a surface a rebuilt one does not show."""

    share: float
    """Of the area, seen from outside the rebuilt solid."""

    pieces: Bool[np.ndarray, " triangles"]
    """Triangles of the larger missed pieces."""


def missed_by(rebuilt: Mesh, mesh: Mesh) -> Missed:
    """What of the mesh lies outside the rebuilt one, farther from it than its own longest edges; pieces reach down to it."""
    if rebuilt.triangle_count == 0:
        return Missed(share=1.0, pieces=np.ones(mesh.triangle_count, bool))
    middles = mesh.positions.astype(np.float64)[mesh.triangles].mean(axis=1)
    tree = TriangleTree(rebuilt)
    edge = float(np.quantile(np.linalg.norm(np.diff(rebuilt.positions[rebuilt.triangles[:, :2]], axis=1), axis=2), 0.99))
    away = np.flatnonzero(tree.nearest(middles, reach=_BESIDE * edge).triangle < 0)
    outside = away[tree.winding(middles[away]) < 0.5]
    far = tree.nearest(middles[outside], reach=edge).triangle < 0
    areas = triangle_areas(mesh)
    faces, point_count = point_triangles(mesh)
    labels, count = label_components(faces[outside], point_count=point_count)
    large = np.bincount(labels, areas[outside] * far, minlength=count) >= _PIECE * areas.sum()
    pieces = np.zeros(mesh.triangle_count, bool)
    pieces[outside[large[labels]]] = True
    return Missed(share=float(areas[outside[far]].sum() / max(areas.sum(), 1e-300)), pieces=pieces)
