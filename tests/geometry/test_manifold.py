from __future__ import annotations

import numpy as np

from kiln.geometry.manifold import part_doubled_edges
from kiln.geometry.topology import find_edges
from shapes import sphere


def test_a_doubled_edge_is_parted_without_tearing_the_surface() -> None:
    """Two edges far apart on a sphere, made to join the same two points."""
    base = sphere(8, 12)
    points, faces = base.positions, base.triangles.astype(np.int32)
    u, v = _two_edges_far_apart(faces)
    glue = np.arange(len(points), dtype=np.int32)
    glue[v[0]], glue[v[1]] = u
    pinched = glue[faces]
    assert find_edges(pinched, point_count=len(points)).non_manifold_count == 1
    parted_points, parted = part_doubled_edges(points, pinched)
    edges = find_edges(parted, point_count=len(parted_points))
    assert (edges.non_manifold_count, edges.open_count) == (0, 0)
    assert len(parted) == len(pinched) + 2


def _two_edges_far_apart(faces: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
    """Two edges of the sphere whose fans share no point."""
    a, b = (int(n) for n in faces[20, :2])
    near = set(faces[np.isin(faces, (a, b)).any(axis=1)].ravel().tolist())
    far = next(face for face in faces[::-1].tolist() if not near & set(faces[np.isin(faces, face).any(axis=1)].ravel().tolist()))
    return (a, b), (int(far[0]), int(far[1]))
