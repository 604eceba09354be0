"""Occlusion against places where it is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.geometry.bake import Target, TexelTracer, trace_texels
from kiln.geometry.occlusion import block_side, halo, openness, sobol_square, thickness
from kiln.geometry.unwrap import unwrap
from kiln.geometry.vectors import unit_vectors
from kiln.kernels.bake import scatter_directions
from shapes import cube, mesh, sphere


@pytest.mark.parametrize("count", [4, 16, 64])
def test_points_are_a_net(count: int) -> None:
    """Every elementary box of area 1 / count holds exactly one point, in every aligned run of that length."""
    points = sobol_square(4 * count)
    for first in range(0, 4 * count, count):
        run = points[first : first + count]
        for rows in 2 ** np.arange(int(np.log2(count)) + 1):
            box = np.floor(run[:, 0] * rows) * count + np.floor(run[:, 1] * (count // rows))
            assert len(np.unique(box)) == count


def test_a_ball_sees_the_whole_sky() -> None:
    ball = sphere(24, 48)
    low = unwrap(ball, size=256, padding=4).mesh
    target = Target(ball)
    assert openness(trace_texels(low, target, size=128), target, rays=4, texel_metres=0.03).min() > 0.97


def test_at_the_foot_of_a_wall_half_the_sky_is_gone() -> None:
    floor = [(-9, 0, 0), (-9, 0, 9), (9, 0, 9), (9, 0, 0)]
    wall = [(-90, 0, 0), (90, 0, 0), (90, 90, 0), (-90, 90, 0)]
    scene = mesh(floor + wall, [(0, 1, 2), (0, 2, 3), (4, 5, 6), (4, 6, 7)])
    low = unwrap(mesh(floor, [(0, 1, 2), (0, 2, 3)]), size=256, padding=4).mesh
    target = Target(scene)
    hits = trace_texels(low, target, size=256)
    points = hits.source.take(scene, scene.positions)
    free = openness(hits, target, rays=8, texel_metres=0.1)
    foot = (points[:, 2] < 1) & (abs(points[:, 0]) < 5)
    assert foot.sum() > 100
    assert free[foot].mean() == pytest.approx(0.5, abs=0.02)
    assert abs(free[foot] - 0.5).max() < 0.08


def test_a_plate_is_as_thick_as_it_is() -> None:
    plate = cube(4)
    plate = replace(plate, positions=plate.positions * np.array([1, 0.1, 1], np.float32))
    low = unwrap(plate, size=256, padding=4).mesh
    target = Target(plate)
    hits = trace_texels(low, target, size=128)
    points = hits.source.take(plate, plate.positions)
    middle = (abs(points[:, [0, 2]]) < 0.5).all(axis=1)
    found = thickness(hits, target, rays=4, texel_metres=0.06)
    assert middle.sum() > 50
    assert found[middle] == pytest.approx(0.4, rel=0.05)


@pytest.mark.long
def test_few_rays_are_within_two_hundredths_of_a_thousand() -> None:
    """Every texel of a ball in a bowl on a floor, against the same rays for each of them alone."""
    ball, bowl = sphere(24, 48, 0.5), sphere(24, 48, 1.0)
    bowl = bowl.take_triangles(bowl.positions[bowl.triangles].mean(axis=1)[:, 1] < 0)
    both = mesh(
        np.concatenate([ball.positions, bowl.positions]),
        np.concatenate([ball.triangles, bowl.triangles[:, ::-1] + ball.vertex_count]),
    )
    low = unwrap(both, size=512, padding=4).mesh
    target = Target(both)
    tracer = TexelTracer(low, target, size=512)
    hits = tracer.look((0, 512))
    found = openness(hits, target, rays=4, texel_metres=float(np.median(tracer.texel_metres)))
    points = hits.source.take(target.mesh, target.mesh.positions)
    normals = unit_vectors(hits.source.take(target.mesh, target.normals))
    corners = target.mesh.positions[target.mesh.triangles[hits.source.triangle]]
    faces = unit_vectors(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    origins = points + np.float32(1e-4 * both.diagonal) * faces
    blocked = np.zeros(len(points))
    for sample in sobol_square(1024):
        directions = np.empty((1, len(points), 3), np.float32)
        scatter_directions(normals, sample[None], directions, 0, len(points))
        blocked += target.scene.occluded(origins, directions[0])
    assert np.sqrt(np.mean((found - (1 - blocked / 1024)) ** 2)) < 0.02


def test_blocks_grow_with_the_map_and_the_halo_is_whole_blocks() -> None:
    assert [block_side(size) for size in (256, 1024, 2048, 4096, 8192)] == [2, 2, 3, 4, 6]
    assert halo(2048) == 5 * block_side(2048)
