"""Neighbours in the atlas are neighbours in space, seams included."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.bake import SurfacePoints
from kiln.geometry.diffuse import harmonic_fill
from kiln.geometry.rasterize import rasterize_uvs
from kiln.geometry.texel_graph import TexelGraph, texel_graph
from kiln.geometry.topology import label_components
from kiln.geometry.unwrap import unwrap
from shapes import cube, sphere

SIZE = 128


def unwrapped(shape: object) -> tuple[TexelGraph, np.ndarray, object]:
    mesh = unwrap(shape, size=SIZE, padding=4)
    mesh = getattr(mesh, "mesh", mesh)
    fragments = rasterize_uvs(mesh, width=SIZE, height=SIZE)
    graph = texel_graph(mesh, fragments)
    places = SurfacePoints(triangle=fragments.triangle.reshape(-1)[graph.texel], bary=fragments.bary.reshape(-1, 2)[graph.texel])
    return graph, places.take(mesh, mesh.positions), mesh


@pytest.mark.parametrize("shape", [cube(), sphere()])
def test_linked_texels_lie_side_by_side_in_space(shape: object) -> None:
    graph, points, _ = unwrapped(shape)
    texel = np.median(np.linalg.norm(np.diff(points[graph.beside], axis=1), axis=2))
    assert np.linalg.norm(np.diff(points[graph.beside], axis=1), axis=2).max() < 2 * texel
    assert len(graph.across) > 50
    assert np.linalg.norm(np.diff(points[graph.across], axis=1), axis=2).max() < 4 * texel


def test_the_surface_hangs_together_only_by_its_links_across_seams() -> None:
    graph, _, _ = unwrapped(cube())

    def parts(pairs: np.ndarray) -> int:
        return label_components(np.column_stack([pairs, pairs[:, :1]]).astype(np.int32), point_count=len(graph))[1]

    islands = len(np.unique(graph.island))
    assert islands > 1
    assert parts(graph.beside) == islands
    assert parts(graph.pairs) == 1


def test_a_linear_function_is_carried_over_a_hole_that_seams_cut() -> None:
    graph, points, _ = unwrapped(cube())
    known = ~((points[:, 1] > 0.2) & (np.abs(points[:, 0]) < 0.3))
    wanted = (points[:, :1] + 0.5).astype(np.float32)
    filled = harmonic_fill(np.where(known[:, None], wanted, 0).astype(np.float32), known, graph.pairs, cells=graph.cells)
    assert np.abs(filled - wanted)[~known].max() < 0.05
    first, second = graph.across.T
    assert np.abs(filled[first] - filled[second]).mean() <= np.abs(wanted[first] - wanted[second]).mean() + 0.002


def test_a_mesh_without_uvs_is_refused() -> None:
    with pytest.raises(ValueError, match="no UVs"):
        texel_graph(cube(), rasterize_uvs(unwrapped(cube())[2], width=8, height=8))
