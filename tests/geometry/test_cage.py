"""Each island looks as far as it needs, and no farther."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.bake import Target, trace_texels
from kiln.geometry.cage import FARTHEST, NEAREST, island_reach
from kiln.geometry.normals import smooth_normals
from kiln.geometry.trace import Scene
from shapes import mesh


def plate(x: float, y: float, *, cells: int = 8, u: float = 0.0) -> Mesh:
    """A square of side 1 with its corner at (x, y, 0), facing +z, whose UVs fill the half of the atlas that begins at u."""
    line = np.linspace(0, 1, cells + 1)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    at = np.arange(cells * (cells + 1)).reshape(cells, cells + 1)[:, :-1].reshape(-1)
    triangles = np.concatenate([np.stack([at, at + 1, at + cells + 2], 1), np.stack([at, at + cells + 2, at + cells + 1], 1)])
    positions = np.column_stack([grid[:, 0] + x, grid[:, 1] + y, np.zeros(len(grid))])
    uvs = np.column_stack([u + 0.02 + 0.44 * grid[:, 0], 0.95 - 0.44 * grid[:, 1]]).astype(np.float32)
    return mesh(positions, triangles, uvs=uvs)


def both(a: Mesh, b: Mesh) -> Mesh:
    joined = mesh(np.concatenate([a.positions, b.positions]), np.concatenate([a.triangles, b.triangles + a.vertex_count]))
    return replace(joined, uvs=np.concatenate([a.uvs, b.uvs]))


def lifted(plate: Mesh, z: float) -> Mesh:
    return plate.moved(offset=np.array([0, 0, z], np.float32))


def test_a_near_island_looks_less_far_than_a_far_one() -> None:
    low = both(plate(0, 0), plate(4, 0, u=0.5))
    source = both(lifted(plate(0, 0), 0.001), lifted(plate(4, 0), 0.05))
    reach = island_reach(low, smooth_normals(low), Scene(source))
    near, far = reach[:128], reach[128:]
    assert np.allclose(near, max(0.004, NEAREST * low.diagonal), rtol=1e-3)
    assert np.allclose(far, 0.2, rtol=1e-3)


def test_an_island_without_a_source_looks_as_far_as_any_may() -> None:
    low = both(plate(0, 0), plate(4, 0, u=0.5))
    reach = island_reach(low, smooth_normals(low), Scene(plate(0, 0)))
    assert np.allclose(reach[128:], FARTHEST * low.diagonal)


def test_a_gap_in_ones_own_source_does_not_show_the_neighbour_behind() -> None:
    """Of the near plate's source a cell is missing, and another sheet lies 0.1 behind it: closer than the far plate's source."""
    low = both(plate(0, 0), plate(4, 0, u=0.5))
    own = lifted(plate(0, 0), 0.001)
    own = own.take_triangles(np.arange(128) != 40)
    source = both(both(own, lifted(plate(0, 0), -0.1)), lifted(plate(4, 0), 0.05))
    hits = trace_texels(low, Target(source), size=128)
    depth = hits.source.take(source, source.positions)[:, 2]
    here = hits.low.triangle < 128
    assert np.allclose(depth[here], 0.001, atol=1e-6)
    assert np.allclose(depth[~here], 0.05, atol=1e-6)
    assert 0 < len(hits.left_out) == pytest.approx((hits.covered / 2) / 128, rel=0.5)
