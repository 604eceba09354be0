"""Texels must find the source point they lie over, and only on the side they face; normals must come back out of the map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.bake import SurfacePoints, Target, tangent_normals, trace_texels
from kiln.geometry.unwrap import unwrap
from shapes import mesh, sphere


def atlas(low: Mesh, size: int = 256) -> Mesh:
    return unwrap(low, size=size, padding=4).mesh


def test_a_mesh_finds_itself() -> None:
    low = atlas(sphere(10, 20))
    hits = trace_texels(low, Target(low), size=64)
    assert not len(hits.lost)
    assert hits.covered == len(hits.texel)
    here = hits.low.take(low, low.positions)
    there = hits.source.take(low, low.positions)
    assert abs(here - there).max() < 1e-5
    assert (hits.low.triangle == hits.source.triangle).mean() > 0.95, "elsewhere the texel lies on an edge"


def test_a_coarse_ball_finds_the_fine_one_around_it() -> None:
    low, fine = atlas(sphere(12, 24)), sphere(64, 128)
    hits = trace_texels(low, Target(fine), size=128)
    assert not len(hits.lost)
    radius = np.linalg.norm(hits.source.take(fine, fine.positions), axis=1)
    assert radius.min() > 0.998
    here, there = hits.low.take(low, low.positions), hits.source.take(fine, fine.positions)
    assert np.linalg.norm(here - there, axis=1).max() < 0.02


def test_thin_parts_do_not_catch_their_other_side() -> None:
    """A plate of which one side is missing: the texels of that side must not take the other side's surface."""
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    front = [(x, y, 0.01) for x, y in corners]
    back = [(x, y, -0.01) for x, y in corners]
    plate = mesh(front + back, [(0, 1, 2), (0, 2, 3), (4, 6, 5), (4, 7, 6)])
    low = atlas(plate)
    hits = trace_texels(low, Target(mesh(front, [(0, 1, 2), (0, 2, 3)])), size=64)
    assert (hits.low.triangle < 2).all()
    assert len(hits.lost) == len(hits.left_out) == pytest.approx(hits.covered / 2, rel=0.1)


@pytest.mark.parametrize("seed", [0, 1])
def test_normals_come_back_from_the_map_within_rounding(seed: int) -> None:
    low = atlas(sphere(8, 16))
    random = np.random.default_rng(seed)
    count = 2000
    bary = random.dirichlet((1, 1, 1), count).astype(np.float32)[:, 1:]
    points = SurfacePoints(triangle=random.integers(0, low.triangle_count, count).astype(np.int32), bary=bary)
    n, t = points.take(low, low.normals), points.take(low, low.tangents)
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    wanted = n + 0.7 * random.normal(size=n.shape) / 2
    wanted = (wanted / np.linalg.norm(wanted, axis=1, keepdims=True)).astype(np.float32)
    coded = tangent_normals(low, points, wanted) / 127.5 - 1
    across = np.cross(n, t[:, :3]) * np.sign(t[:, 3:])
    read = coded[:, :1] * t[:, :3] + coded[:, 1:2] * across + coded[:, 2:] * n
    read /= np.linalg.norm(read, axis=1, keepdims=True)
    error = np.degrees(np.arccos(np.clip((read * wanted).sum(axis=1), -1, 1)))
    assert error.mean() < 0.25
    assert error.max() < 1.0


def test_a_mesh_without_frames_is_refused() -> None:
    bare = sphere(6, 12)
    points = SurfacePoints(triangle=np.zeros(1, np.int32), bary=np.zeros((1, 2), np.float32))
    with pytest.raises(ValueError, match="tangents"):
        tangent_normals(replace(bare, tangents=None), points, np.array([(0, 0, 1)], np.float32))
