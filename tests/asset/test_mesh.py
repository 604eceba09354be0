"""Meshes are values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh, Projection
from shapes import cube, tetrahedron


def rich() -> Mesh:
    n = cube().vertex_count
    row = np.arange(n, dtype=np.float32)
    return replace(
        cube(),
        uvs=np.stack([row, row], axis=1),
        colors=np.arange(4 * n, dtype=np.uint8).reshape(n, 4),
        seen=row,
        material_ids=np.arange(12, dtype=np.uint32),
        projections=(Projection(pixels=np.zeros((1, 1, 4), np.uint8), uvs=np.stack([row, row], axis=1), weights=row),),
    )


def test_arrays_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        tetrahedron().positions[0, 0] = 1


def test_shapes_are_checked_against_each_other() -> None:
    with pytest.raises(Exception, match="uvs"):
        replace(tetrahedron(), uvs=np.zeros((3, 2), np.float32))


def test_taking_triangles_keeps_every_attribute_of_what_is_left() -> None:
    mesh = rich()
    part = mesh.take_triangles(np.arange(12) % 2 == 0)
    used = np.unique(mesh.triangles[::2])
    assert np.array_equal(part.positions, mesh.positions[used])
    assert part.seen is not None and np.array_equal(part.seen, used)
    assert part.material_ids is not None and part.material_ids.tolist() == [0, 2, 4, 6, 8, 10]
    assert np.array_equal(part.projections[0].weights, used)
    assert np.array_equal(part.positions[part.triangles], mesh.positions[mesh.triangles[::2]])


def test_taking_all_vertices_changes_nothing() -> None:
    mesh = rich()
    same = mesh.take_vertices(np.arange(8), mesh.triangles)
    assert same.material_ids is not None and np.array_equal(same.material_ids, np.arange(12))
    assert same.colors is not None and mesh.colors is not None and np.array_equal(same.colors, mesh.colors)


def test_moving_scales_first_then_shifts() -> None:
    moved = cube(2.0).moved(scale=0.5, offset=np.array([1, 0, 0], np.float32))
    low, high = moved.bounds
    assert low.tolist() == [0.5, -0.5, -0.5]
    assert high.tolist() == [1.5, 0.5, 0.5]
