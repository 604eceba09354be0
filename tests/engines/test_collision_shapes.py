from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import trimesh

from kiln.asset import Mesh, Primitive
from kiln.engines.collision_shapes import is_same_body, shape_mesh
from kiln.geometry.convex import hull_mesh
from kiln.geometry.fit import heights_over, primitive_hull, primitive_volume
from shapes import cube

TURN = (0.18257419, 0.36514837, 0.54772256, 0.73029674)
BOX = Primitive(kind="box", center=(1.0, 2.0, 3.0), size=(0.2, 0.5, 0.9), rotation=TURN)
SPHERE = Primitive(kind="sphere", center=(0.0, -1.0, 0.5), size=(0.6, 0.6, 0.6))
CAPSULE = Primitive(kind="capsule", center=(0.5, 0.0, 0.0), size=(0.2, 0.7, 0.2), rotation=TURN)


@pytest.mark.parametrize("primitive", [BOX, SPHERE, CAPSULE], ids=lambda p: p.kind)
def test_the_mesh_is_closed_outward_and_lies_on_the_primitive(primitive: Primitive) -> None:
    mesh = shape_mesh(primitive)
    solid = trimesh.Trimesh(mesh.positions, mesh.triangles, process=False)
    assert solid.is_watertight and solid.is_winding_consistent
    assert solid.volume == pytest.approx(primitive_volume(primitive), rel=0.08)
    assert np.abs(heights_over(primitive, mesh.positions.astype(np.float64))).max() < 1e-6


def test_unreal_finds_the_box_by_its_pairs_of_faces() -> None:
    distances: dict[int, list[float]] = {}
    normals: list[np.ndarray] = []
    for corners in _corners(shape_mesh(BOX)):
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        normal /= np.linalg.norm(normal)
        number = next((i for i, known in enumerate(normals) if abs(known @ normal) > 0.999), len(normals))
        normals += [normal] if number == len(normals) else []
        found = distances.setdefault(number, [])
        distance = float(corners[0] @ normals[number])
        # A third distance, and the first one after the second, make Unreal drop the box.
        if not found or abs(found[-1] - distance) > 1e-3:
            found.append(distance)
    assert [len(found) for found in distances.values()] == [2, 2, 2]
    assert sorted(abs(a - b) for a, b in distances.values()) == pytest.approx(sorted(BOX.size), abs=1e-5)


def test_unreal_finds_the_sphere_by_its_bounds() -> None:
    points = shape_mesh(SPHERE).positions
    sides = np.ptp(points, axis=0)
    assert np.ptp(sides) / sides.max() < 0.05
    assert sides.max() == pytest.approx(0.6, abs=1e-6)


@pytest.mark.parametrize("height", [0.21, 0.7, 3.0])
def test_unreal_finds_the_capsule_by_its_farthest_corners(height: float) -> None:
    points = shape_mesh(Primitive(kind="capsule", center=CAPSULE.center, size=(0.2, height, 0.2), rotation=TURN)).positions.astype(
        np.float64
    )
    a, b = max(combinations(points, 2), key=lambda pair: float(np.linalg.norm(pair[0] - pair[1])))
    assert np.linalg.norm(a - b) == pytest.approx(height, abs=1e-6)
    axis = (b - a) / np.linalg.norm(b - a)
    radii = np.linalg.norm(np.cross(points[:-1] - a, axis), axis=1)  # it forgets the last corner
    assert radii.max() == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize("primitive", [BOX, SPHERE, CAPSULE], ids=lambda p: p.kind)
def test_a_hull_of_few_corners_on_a_primitive_is_that_primitive(primitive: Primitive) -> None:
    corners = primitive_hull(primitive)
    assert is_same_body(hull_mesh(corners if len(corners) == 8 else corners[::12]), primitive)


def test_a_block_is_no_capsule_however_near() -> None:
    block = cube(0.2)
    assert not is_same_body(block, Primitive(kind="capsule", center=(0.0, 0.0, 0.0), size=(0.22, 0.24, 0.22)))
    assert is_same_body(block, Primitive(kind="box", center=(0.0, 0.0, 0.0), size=(0.2, 0.2, 0.2)))


def _corners(mesh: Mesh) -> np.ndarray:
    return mesh.positions[mesh.triangles].astype(np.float64)
