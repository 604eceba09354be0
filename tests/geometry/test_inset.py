from __future__ import annotations

from dataclasses import replace

import numpy as np

from kiln.asset import Mesh
from kiln.geometry.areas import uv_areas
from kiln.geometry.inset import inset
from shapes import mesh


def notched(*, neighbour: bool) -> Mesh:
    """A flat chart with a notch in its lower side, at (0.3, 0.15), and if asked another chart whose tip lies in that notch."""
    corners = [(0.1, 0.3), (0.3, 0.15), (0.5, 0.3), (0.5, 0.1), (0.1, 0.1)]
    tip = [(0.3, 0.2), (0.4, 0.9), (0.2, 0.9)]
    uvs = np.array(corners + tip if neighbour else corners, np.float32)
    faces = [(0, 1, 4), (1, 3, 4), (1, 2, 3)] + ([(5, 6, 7)] if neighbour else [])
    flat = mesh([(u, -v, 0) for u, v in uvs.tolist()], faces)
    return replace(flat, uvs=uvs)


def without_the_notch(whole: Mesh) -> tuple[Mesh, np.ndarray]:
    """The chart with a straight edge across the notch."""
    used = np.delete(np.arange(whole.vertex_count), 1)
    faces = [(0, 1, 3), (1, 2, 3)] + ([(4, 5, 6)] if whole.vertex_count > 5 else [])
    return whole.take_vertices(used, np.array(faces, np.uint32)), used


def test_an_edge_across_another_chart_is_moved_back_into_its_own():
    whole = notched(neighbour=True)
    lod, used = without_the_notch(whole)
    moved = inset(whole, lod, used)
    assert (uv_areas(moved) * uv_areas(lod) > 0).all()
    assert np.array_equal(moved.positions, lod.positions) and np.array_equal(moved.uvs[2:], lod.uvs[2:])
    assert np.allclose(moved.uvs[:2], [(0.1, 0.151), (0.5, 0.151)], atol=1e-6)  # but for two texels of 2048 in the notch, at 0.15


def test_an_edge_across_free_texels_stays():
    whole = notched(neighbour=False)
    lod, used = without_the_notch(whole)
    assert np.array_equal(inset(whole, lod, used).uvs, lod.uvs)


def test_what_has_no_uvs_stays():
    whole = replace(notched(neighbour=True), uvs=None)
    lod, used = without_the_notch(whole)
    assert inset(whole, lod, used) is lod
