from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.normals import smooth_normals
from kiln.geometry.tangents import add_tangents, tangent_space
from oracles import run_node
from shapes import cube, mesh, sphere


def _square(uvs: object) -> Mesh:
    """Looks to +z; u usually runs along +x, and v down along -y."""
    flat = mesh([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], [(0, 1, 2), (0, 2, 3)])
    return replace(flat, uvs=np.array(uvs, np.float32), normals=np.array([(0, 0, 1)] * 4, np.float32))


def _globe(*, mirrored: bool = False, noise: float = 0.0) -> Mesh:
    """A sphere with wrapped UVs: without a UV seam, so that one column of triangles runs backwards."""
    ball = sphere(12, 18)
    bumps = 1 + noise * np.random.default_rng(1).standard_normal((ball.vertex_count, 1))
    positions = (ball.positions * bumps).astype(np.float32)
    x, y, z = ball.positions.T
    u = np.arctan2(x, z) / (2 * np.pi) + 0.5
    uvs = np.stack([np.abs(u - 0.5) if mirrored else u, np.arccos(np.clip(y, -1, 1)) / np.pi], 1)
    ball = replace(ball, positions=positions, uvs=uvs.astype(np.float32))
    return replace(ball, normals=smooth_normals(ball))


def _oracle(subject: Mesh, folder: Path) -> np.ndarray:
    """Tangents at each corner by npm's mikktspace, on u, 1 - v."""
    corner = subject.triangles.reshape(-1)
    uvs = subject.uvs[corner] * np.float32([1, -1]) + np.float32([0, 1])
    np.hstack([subject.positions[corner], subject.normals[corner], uvs]).astype(np.float32).tofile(folder / "corners")
    run_node("mikktspace.mjs", folder / "corners", folder / "tangents")
    return np.fromfile(folder / "tangents", np.float32).reshape(-1, 3, 4)


def test_flat_square_tangent_is_direction_of_u_and_bitangent_points_up_the_texture() -> None:
    tangents = add_tangents(_square([(0, 1), (1, 1), (1, 0), (0, 0)])).tangents
    assert np.array_equal(tangents, [(1, 0, 0, 1)] * 4)


def test_mirrored_square_has_other_handedness() -> None:
    tangents = add_tangents(_square([(1, 1), (0, 1), (0, 0), (1, 0)])).tangents
    assert np.array_equal(tangents, [(-1, 0, 0, -1)] * 4)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_corners_agree_with_mikktspace(mirrored: bool, noise: float, tmp_path: Path) -> None:
    subject = _globe(mirrored=mirrored, noise=noise)
    ours = add_tangents(subject)
    got, wanted = ours.tangents[ours.triangles], _oracle(subject, tmp_path)
    # Triangles at the poles are left out: there opposite directions cancel, and which remain is a matter of rounding.
    judged = (np.abs(subject.positions[subject.triangles][..., 1]) < 0.9).all(axis=1)
    assert judged.sum() > 200
    assert np.array_equal(got[judged, :, 3], wanted[judged, :, 3])
    assert (got[judged, :, :3] * wanted[judged, :, :3]).sum(axis=2).min() > 0.99999


def test_handedness_is_the_same_within_a_triangle_and_tangents_are_unit_and_perpendicular() -> None:
    ours = add_tangents(_globe(mirrored=True, noise=0.3))
    handedness = ours.tangents[ours.triangles][..., 3]
    assert (handedness == handedness[:, :1]).all()
    assert set(np.unique(handedness)) == {-1, 1}
    assert np.allclose(np.linalg.norm(ours.tangents[:, :3], axis=1), 1, atol=1e-6)
    assert np.abs((ours.tangents[:, :3] * ours.normals).sum(axis=1)).max() < 1e-6


def test_vertices_split_only_where_handedness_changes_and_keep_their_attributes() -> None:
    """Two squares joined at x = 1, the right one mirrored: the two shared vertices become four."""
    pair = mesh([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (2, 0, 0), (2, 1, 0)], [(0, 1, 2), (0, 2, 3), (1, 4, 5), (1, 5, 2)])
    pair = replace(
        pair,
        uvs=np.float32([(0, 1), (1, 1), (1, 0), (0, 0), (0, 1), (0, 0)]),
        normals=np.float32([(0, 0, 1)] * 6),
        colors=np.arange(24, dtype=np.uint8).reshape(6, 4),
        material_ids=np.uint32([0, 0, 1, 1]),
    )
    space, split = tangent_space(pair), add_tangents(pair)
    assert np.array_equal(space.source, [0, 1, 1, 2, 2, 3, 4, 5])
    assert np.array_equal(split.colors, pair.colors[space.source])
    assert np.array_equal(split.positions[split.triangles], pair.positions[pair.triangles])
    assert np.array_equal(split.material_ids, pair.material_ids)


def test_nothing_is_split_or_reordered_where_all_agree() -> None:
    square = _square([(0, 1), (1, 1), (1, 0), (0, 0)])
    split = add_tangents(square)
    assert np.array_equal(split.triangles, square.triangles)
    assert np.array_equal(split.positions, square.positions)


def test_triangles_without_uv_area_take_their_neighbours_tangents() -> None:
    """The second triangle's UVs lie on a line."""
    tangents = add_tangents(_square([(0, 1), (1, 1), (1, 0), (0.5, 0.5)]))
    assert np.allclose(tangents.tangents[tangents.triangles][1], tangents.tangents[tangents.triangles][0, 0])


def test_no_uv_area_anywhere_still_gives_valid_tangents() -> None:
    box = cube()
    ours = add_tangents(replace(box, uvs=np.zeros((8, 2), np.float32), normals=smooth_normals(box)))
    assert np.allclose(np.linalg.norm(ours.tangents[:, :3], axis=1), 1, atol=1e-6)
    assert np.abs((ours.tangents[:, :3] * ours.normals).sum(axis=1)).max() < 1e-6


def test_needs_normals_and_uvs() -> None:
    with pytest.raises(ValueError, match="unwrap"):
        add_tangents(cube())
