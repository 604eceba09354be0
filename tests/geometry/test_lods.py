from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.areas import uv_areas
from kiln.geometry.deviation import deviation
from kiln.geometry.lods import coarsen
from kiln.geometry.normals import smooth_normals
from kiln.geometry.topology import measure_topology
from shapes import sphere


def two_charts() -> Mesh:
    """A sphere whose front and back lie side by side in the atlas, the back mirrored so that nothing is flipped."""
    dense = sphere(24, 48)
    back = dense.positions[dense.triangles].mean(axis=1)[:, 2] < 0
    corners = dense.triangles.reshape(-1)
    behind = np.repeat(back, 3)
    pairs, vertices = np.unique(corners.astype(np.int64) * 2 + behind, return_inverse=True)
    split = dense.take_vertices(pairs // 2, vertices.reshape(-1, 3).astype(np.uint32))
    x, y, z = split.positions.T
    radius = np.sqrt(2 / (1.1 + np.abs(z))) * 0.15
    is_back = pairs % 2 == 1
    uvs = np.stack([np.where(is_back, 0.75 - x * radius, 0.25 + x * radius), 0.5 - y * radius], axis=1)
    return replace(split, uvs=uvs.astype(np.float32), normals=smooth_normals(split))


@pytest.fixture(scope="module")
def chain() -> tuple[Mesh, tuple[Mesh, ...]]:
    mesh = two_charts()
    half = mesh.triangle_count // 2
    return mesh, coarsen(mesh, targets=(half, half // 2))


def test_targets_are_hit(chain):
    mesh, lods = chain
    for lod, ratio in zip(lods, (0.5, 0.25), strict=True):
        assert lod.triangle_count == pytest.approx(ratio * mesh.triangle_count, rel=0.01)


def test_every_vertex_is_one_of_the_mesh_with_all_it_carries(chain):
    mesh, lods = chain
    rows = {row.tobytes() for row in np.concatenate([mesh.positions, mesh.normals, mesh.uvs], axis=1)}
    for lod in lods:
        assert {row.tobytes() for row in np.concatenate([lod.positions, lod.normals, lod.uvs], axis=1)} <= rows


def test_the_surface_stays_closed_and_seams_stay_whole(chain):
    mesh, lods = chain
    assert measure_topology(mesh).is_sound
    for lod in lods:
        assert measure_topology(lod).is_sound


def test_no_triangle_spans_charts_or_turns_over_in_uv(chain):
    mesh, lods = chain
    sign = np.sign(uv_areas(mesh))
    assert len(set(sign.tolist())) == 1
    for lod in lods:
        assert set(np.sign(uv_areas(lod)).tolist()) == {sign[0]}
        left = lod.uvs[lod.triangles][:, :, 0] < 0.5
        assert (left.all(axis=1) | ~left.any(axis=1)).all()


def test_coarser_lods_are_farther_away(chain):
    mesh, lods = chain
    assert deviation(mesh, mesh) < 1e-6
    assert 0 < deviation(mesh, lods[0]) < deviation(mesh, lods[1]) < 0.02


def test_missing_normals_are_those_of_the_mesh():
    plain = replace(two_charts(), normals=None)
    (lod,) = coarsen(plain, targets=(500,))
    assert np.allclose(lod.normals, lod.positions, atol=0.02)
