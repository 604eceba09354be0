from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from kiln.asset import Mesh, Projection, Voxels
from kiln.geometry.areas import volume
from kiln.geometry.symmetry import Kaleidoscope, symmetrized
from kiln.geometry.symmetry_axis import asymmetry, best_part, find_axis, find_mirror
from kiln.geometry.symmetry_voxels import symmetrized_voxels
from kiln.geometry.topology import measure_topology
from shapes import cube, mesh, sphere


def symmetric(solid: Mesh, glass: Kaleidoscope) -> Mesh:
    """Alone what is made; each of its triangles lies on, or is an image of a piece of, the one that it says it was of."""
    made, owners = symmetrized(solid, glass)
    assert len(owners) == made.triangle_count and len(owners) % len(glass.images()) == 0
    return made


def bumpy(rings: int = 24, segments: int = 40) -> Mesh:
    """A closed blob without any symmetry, off the origin, with all that a vertex may carry."""
    ball = sphere(rings, segments)
    x, y, z = ball.positions.T
    positions = ball.positions * (1 + 0.2 * np.sin(3 * x + 1) * np.cos(2 * z) + 0.1 * y)[:, None] + np.array([0.2, 0.1, -0.3])
    rng = np.random.default_rng(1)
    count = len(positions)
    return Mesh(
        positions=positions.astype(np.float32),
        triangles=ball.triangles,
        normals=ball.positions,
        tangents=np.tile(np.array([1, 0, 0, 1], np.float32), (count, 1)),
        uvs=(ball.positions[:, :2] / 2 + 0.5).astype(np.float32),
        colors=rng.integers(0, 256, (count, 4), dtype=np.uint8),
        seen=rng.random(count, np.float32),
        importance=rng.random(count, np.float32),
        material_ids=(np.arange(ball.triangle_count) % 3).astype(np.uint32),
        projections=(
            Projection(pixels=np.zeros((2, 2, 4), np.uint8), uvs=rng.random((count, 2), np.float32), weights=rng.random(count, np.float32)),
        ),
    )


def rows(*columns: np.ndarray) -> set[bytes]:
    table = np.concatenate([np.asarray(c, np.float64).reshape(len(c), -1) + 0.0 for c in columns], axis=1)
    return {row.tobytes() for row in table}


@pytest.mark.parametrize(("azimuth", "normal"), [(0.0, 0), (180.0, 0), (-90.0, 2), (90.0, 2)])
def test_a_mirrored_mesh_is_exactly_its_own_mirror_image(azimuth, normal):
    blob = bumpy()
    place = 0.137 if normal == 0 else -0.21
    glass = Kaleidoscope(axis=(place, 0.0) if normal == 0 else (0.0, place), azimuth_degrees=azimuth).rounded(blob)
    made = symmetric(blob, glass)
    image = made.positions.astype(np.float64)
    image[:, normal] = 2 * glass.axis[0 if normal == 0 else 1] - image[:, normal]
    attributes = (made.uvs, made.colors, made.seen, made.importance, made.projections[0].uvs, made.projections[0].weights)
    assert rows(image, *attributes) == rows(made.positions, *attributes)
    topology = measure_topology(made)
    assert topology.is_sound and topology.components == 1 and topology.euler == 2


def test_the_kept_half_is_the_original():
    blob = bumpy()
    made = symmetric(blob, Kaleidoscope(axis=(0.137, 0.0), azimuth_degrees=0.0))
    clear = 0.137 + 0.2
    before, after = blob.positions[:, 0] > clear, made.positions[:, 0] > clear
    assert len(before[before]) == len(after[after])
    key = np.lexsort(blob.positions[before].T), np.lexsort(made.positions[after].T)
    assert made.positions[after][key[1]] == pytest.approx(blob.positions[before][key[0]], abs=1e-6)
    assert np.array_equal(made.colors[after][key[1]], blob.colors[before][key[0]])


def test_volume_is_twice_the_halfs():
    blob = bumpy(48, 80)
    halves = [volume(symmetric(blob, Kaleidoscope(axis=(0.2, 0.0), azimuth_degrees=a))) / 2 for a in (0.0, 180.0)]
    assert sum(halves) == pytest.approx(volume(blob), rel=2e-3)


@pytest.mark.parametrize("sectors", [2, 3, 5, 6])
def test_sectors_are_alike_and_joined(sectors):
    blob = bumpy()
    glass = Kaleidoscope(axis=(0.21, -0.28), azimuth_degrees=7.0, sectors=sectors)
    made = symmetric(blob, glass)
    topology = measure_topology(made)
    assert topology.is_closed and topology.is_manifold and topology.inconsistent_edges == 0 and volume(made) > 0
    points = made.positions.astype(np.float64) - (0.21, 0, -0.28)
    for image in glass.images():
        moved = points @ image.T
        assert cKDTree(points).query(moved)[0].max() < 1e-6


def test_normals_are_unit_and_lie_in_the_mirror_where_it_cuts():
    made = symmetric(bumpy(), Kaleidoscope(axis=(0.25, 0.0), azimuth_degrees=0.0))
    assert np.linalg.norm(made.normals, axis=1) == pytest.approx(1, abs=1e-5)
    on_wall = np.abs(made.positions[:, 0] - 0.25) < 1e-6
    assert on_wall.any() and np.abs(made.normals[on_wall, 0]).max() < 1e-6
    assert made.tangents is None and len(made.material_ids) == made.triangle_count


def test_no_sliver_is_left_at_the_cut():
    ball = sphere(32, 64).moved(offset=np.array([1e-4, 0, 0], np.float32))  # a meridian just beside the mirror
    made = symmetric(ball, Kaleidoscope(axis=(0.0, 0.0), azimuth_degrees=0.0))
    assert made.triangle_count == ball.triangle_count and measure_topology(made).is_sound
    edges = np.linalg.norm(made.positions[made.triangles] - np.roll(made.positions[made.triangles], 1, axis=1), axis=2)
    before = np.linalg.norm(ball.positions[ball.triangles] - np.roll(ball.positions[ball.triangles], 1, axis=1), axis=2)
    assert edges.min() > 0.7 * before.min()


def test_a_surface_that_only_touches_the_mirror_is_not_doubled_there():
    valley = mesh([(0, 0, -1), (0, 0, 1), (1, 1, 0), (1, -1, 0)], [(0, 1, 2), (1, 0, 3)])
    made = symmetric(valley, Kaleidoscope(axis=(0.0, 0.0), azimuth_degrees=0.0))
    assert measure_topology(made).non_manifold_edges == 0


def test_seams_are_cut_at_the_same_place_on_both_sides():
    ball = bumpy()
    corners = ball.triangles.reshape(-1)
    apart = ball.take_vertices(corners, np.arange(len(corners), dtype=np.uint32).reshape(-1, 3))
    made = symmetric(apart, Kaleidoscope(axis=(0.137, 0.0), azimuth_degrees=0.0))
    assert measure_topology(made).is_sound


def test_the_mirror_is_found_where_it_was():
    lopsided = bumpy()
    made = symmetric(lopsided, Kaleidoscope(axis=(0.25, 0.0), azimuth_degrees=0.0))
    knob = cube(0.1).moved(offset=np.array([1.1, 0.2, 0], np.float32))
    with_knob = mesh(np.concatenate([made.positions, knob.positions]), np.concatenate([made.triangles, knob.triangles + made.vertex_count]))
    found = find_mirror(with_knob, axis="x")
    assert found.axis[0] == pytest.approx(0.25, abs=2e-3)
    assert asymmetry(made, found) < 1e-3 < asymmetry(lopsided, find_mirror(lopsided, axis="x"))
    middle = find_mirror(with_knob, axis="x", found=False).axis[0]
    assert middle == pytest.approx(float(with_knob.bounds[0][0] + with_knob.bounds[1][0]) / 2)


def test_the_axis_and_the_walls_of_a_prism_are_found():
    square = cube().moved(offset=np.array([3, 0, -2], np.float32))
    glass = find_axis(square, sectors=4)
    assert glass.axis == pytest.approx((3, -2), abs=1e-2)
    made = symmetric(square, best_part(square, glass))
    assert volume(made) == pytest.approx(1, rel=0.02)


def test_the_best_seen_part_is_kept_then_the_richest_then_the_first():
    ball = sphere()
    left, right = (np.float32(ball.positions[:, 0] * side > 0) for side in (1, -1))
    glass = find_mirror(ball, axis="x")
    kept = [best_part(replace(ball, seen=seen), glass).azimuth_degrees % 360 for seen in (left, right, None)]
    assert kept == [0, 180, 0]
    assert best_part(ball, glass, keep="negative").azimuth_degrees % 360 == 180
    front = best_part(ball, Kaleidoscope(axis=(0.0, 0.0), azimuth_degrees=100.0, sectors=6))
    assert abs((front.azimuth_degrees + 15 + 180) % 360 - 180) <= 15


@pytest.mark.parametrize("glass", [
    Kaleidoscope(axis=(0.0, 0.0), azimuth_degrees=0.0),
    Kaleidoscope(axis=(0.013, 0.0), azimuth_degrees=180.0),
    Kaleidoscope(axis=(0.0, 0.0), azimuth_degrees=10.0, sectors=5),
])  # fmt: skip
def test_voxels_follow(glass):
    size, reach = 0.1, 12
    grid = np.stack(np.meshgrid(*[np.arange(-reach, reach)] * 3, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.int32)
    cells = grid[np.abs(np.linalg.norm((grid + 0.5) * size, axis=1) - 1) < 0.12]  # a shell one metre out
    values = ((cells + 0.5) * size).astype(np.float32)  # its colour is its place
    made = symmetrized_voxels(Voxels(cells=cells, values=values, layout=("red", "green", "blue"), size=size), glass)
    centres = (made.cells + 0.5) * size
    assert np.linalg.norm(glass.folded(centres) - made.values, axis=1).max() <= 0.9 * size
    assert len(np.unique(made.cells, axis=0)) == len(made.cells)
    surface = symmetric(sphere(24, 48), glass).positions
    assert cKDTree(centres).query(surface)[0].max() <= size
