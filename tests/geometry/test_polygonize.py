"""Marching cubes: the 256 cases and random fields, closed and manifold by counting."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.polygonize import CROSSING_MARGIN, _share_a_face, case_table, polygonize
from kiln.geometry.vectors import face_vectors


def directed_edges(mesh: Mesh) -> np.ndarray:
    t = mesh.triangles.astype(np.int64)
    return np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]])


def assert_closed_manifold(mesh: Mesh) -> None:
    edges = directed_edges(mesh)
    forward = np.sort(edges[:, 0] * mesh.vertex_count + edges[:, 1])
    backward = np.sort(edges[:, 1] * mesh.vertex_count + edges[:, 0])
    assert (np.diff(forward) > 0).all(), "a directed edge is used twice"
    np.testing.assert_array_equal(forward, backward)
    assert np.linalg.norm(face_vectors(mesh), axis=1).min() > 0


def volume(mesh: Mesh) -> float:
    a, b, c = (mesh.positions[mesh.triangles[:, k]].astype(np.float64) for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def grid_of(case: int) -> np.ndarray:
    """One cell of this case in the middle of an empty grid."""
    field = np.full((4, 4, 4), -1, np.float32)
    for bit in range(8):
        if case >> bit & 1:
            field[1 + (bit & 1), 1 + (bit >> 1 & 1), 1 + (bit >> 2)] = 1
    return field


@pytest.mark.parametrize("case", range(1, 256))
def test_every_case_is_closed_manifold_and_outward(case: int) -> None:
    mesh = polygonize(grid_of(case))
    assert_closed_manifold(mesh)
    assert volume(mesh) > 0


def test_no_cut_of_any_case_lies_in_a_face() -> None:
    counts, table = case_table()
    for case in range(256):
        sides: dict[frozenset[tuple[int, ...]], int] = {}
        for triangle in table[case, : counts[case]].tolist():
            for n in range(3):
                side = frozenset((tuple(triangle[n]), tuple(triangle[n - 1])))
                sides[side] = sides.get(side, 0) + 1
        assert not [side for side, times in sides.items() if times > 1 and _share_a_face(*side)]  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(6))
def test_random_fields_are_closed_even_on_the_border(seed: int) -> None:
    field = np.random.default_rng(seed).standard_normal((23, 18, 21)).astype(np.float32)
    mesh = polygonize(field, origin=(-1.0, 0.0, 2.0), spacing=(0.1, 0.2, 0.05))
    assert_closed_manifold(mesh)
    assert volume(mesh) > 0


def test_zeros_and_huge_values_give_no_degenerate_triangle() -> None:
    field = np.random.default_rng(1).choice(np.float32([-1e9, -1, -1e-9, 0, 1e-9, 1, 1e9]), (16, 16, 16))
    assert_closed_manifold(polygonize(field))


def test_sphere_has_its_volume_and_winds_outward() -> None:
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, 41, dtype=np.float32),) * 3, indexing="ij")
    mesh = polygonize(0.8 - np.sqrt(x**2 + y**2 + z**2), origin=(-1.0, -1.0, -1.0), spacing=(0.05, 0.05, 0.05))
    assert volume(mesh) == pytest.approx(4 / 3 * np.pi * 0.8**3, rel=0.005)
    np.testing.assert_allclose(np.linalg.norm(mesh.positions, axis=1), 0.8, atol=2e-3)
    assert mesh.vertex_count - mesh.triangle_count // 2 == 2  # Euler: V - E + F with E = 3F/2


def test_number_of_threads_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    field = np.random.default_rng(2).standard_normal((64, 9, 9)).astype(np.float32)
    monkeypatch.setenv("KILN_THREADS", "1")
    one = polygonize(field)
    monkeypatch.setenv("KILN_THREADS", "3")
    three = polygonize(field)
    assert one.positions.tobytes() == three.positions.tobytes()
    assert one.triangles.tobytes() == three.triangles.tobytes()


def test_vertices_are_the_crossed_grid_edges_and_lie_where_the_field_is_zero() -> None:
    field = np.random.default_rng(3).standard_normal((7, 6, 8)).astype(np.float32)
    field[[0, -1]] = field[:, [0, -1]] = field[:, :, [0, -1]] = -1.0
    expected = []
    for axis in range(3):
        here, there = (np.moveaxis(field, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        crossed = (here > 0) != (there > 0)
        at = np.argwhere(crossed).astype(np.float64)
        at[:, 0] += np.clip(here[crossed] / (here - there)[crossed], CROSSING_MARGIN, 1 - CROSSING_MARGIN)
        expected.append(at[:, {0: [0, 1, 2], 1: [1, 0, 2], 2: [1, 2, 0]}[axis]])
    found = polygonize(field).positions.astype(np.float64)
    order = lambda points: points[np.lexsort(points.round(4).T)]  # noqa: E731
    np.testing.assert_allclose(order(found), order(np.concatenate(expected)), atol=1e-5)


def test_an_empty_field_gives_an_empty_mesh() -> None:
    assert polygonize(np.full((3, 3, 3), -1, np.float32)).triangle_count == 0
