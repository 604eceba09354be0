"""Kernels of baking against their slow twins."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.kernels.bake import (
    encode_normals,
    gather_openness,
    interpolate_rows,
    mark_jumps,
    nearest_facing,
    sample_decoded,
    scatter_directions,
    texture_shares,
)

RANDOM = np.random.default_rng(4)


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def test_interpolation_weighs_the_corners() -> None:
    attribute = RANDOM.random((9, 4)).astype(np.float32)
    triangles = RANDOM.integers(0, 9, (5, 3)).astype(np.uint32)
    triangle, bary = RANDOM.integers(0, 5, 30).astype(np.int32), (RANDOM.random((30, 2)) / 2).astype(np.float32)
    out = np.empty((30, 4), np.float32)
    interpolate_rows(attribute, triangles, triangle, bary, out, 0, 30)
    weights = np.column_stack([1 - bary.sum(axis=1), bary])
    assert np.allclose(out, np.einsum("nk,nkc->nc", weights, attribute[triangles[triangle]]), atol=1e-6)


def test_the_nearest_hit_that_faces_the_texel_stays() -> None:
    normals, positions = unit(RANDOM.normal(size=(50, 3))), RANDOM.normal(size=(9, 3)).astype(np.float32)
    triangles = RANDOM.integers(0, 9, (7, 3)).astype(np.uint32)
    a, b, c = (positions[corner] for corner in triangles.T)
    faces = np.cross(b - a, c - a)
    best = np.full(50, -1, np.int32), np.zeros((50, 2), np.float32), np.full(50, np.inf, np.float32)
    expected = np.full(50, np.inf)
    for _ in range(3):
        triangle, distance = RANDOM.integers(-1, 7, 50).astype(np.int32), RANDOM.normal(size=50).astype(np.float32)
        nearest_facing(normals, positions, triangles, triangle, np.ones((50, 2), np.float32), distance, *best)
        seen = (triangle >= 0) & ((normals * faces[triangle]).sum(axis=1) > 0)
        expected = np.where(seen, np.minimum(expected, np.abs(distance)), expected)
    assert np.array_equal(best[2], expected.astype(np.float32))
    assert np.array_equal(best[0] >= 0, np.isfinite(expected))


def test_encoded_normals_decode_to_the_wanted_direction() -> None:
    normal, tangent, wanted = (unit(RANDOM.normal(size=(40, 3))) for _ in range(3))
    tangent = unit(tangent + unit(np.cross(normal, tangent)))
    wanted = unit(wanted + 2 * normal)
    sign = np.where(np.arange(40) % 2, 1, -1).astype(np.float32)
    out = np.empty((40, 3), np.uint8)
    encode_normals(np.column_stack([normal * 0.7, tangent, sign]).astype(np.float32), wanted, 127.5, out, 0, 40)
    x, y, z = (out / 127.5 - 1).T[..., None]
    decoded = unit(x * tangent + y * np.cross(normal, tangent) * sign[:, None] + z * normal)
    assert (decoded * wanted).sum(axis=1).min() > np.cos(np.radians(3))


def test_scattered_directions_are_cosine_weighted_about_any_normal() -> None:
    cells = (np.stack(np.meshgrid(np.arange(32), np.arange(32)), axis=-1).reshape(-1, 2) + 0.5) / 32
    normals = np.array([(0, 0, 1), (0, 0, -1), (0.6, -0.8, 0)], np.float32)
    out = np.empty((len(cells), 3, 3), np.float32)
    scatter_directions(normals, cells, out, 0, 3)
    cosine = (out * normals).sum(axis=2)
    assert np.allclose(np.linalg.norm(out, axis=2), 1, atol=1e-5)
    assert cosine.min() >= 0
    assert cosine.mean(axis=0) == pytest.approx([2 / 3] * 3, abs=5e-3)  # the integral of cos^2 over pi


def test_openness_is_the_mean_of_the_blocks_around() -> None:
    size, step = 8, 2
    texel = np.arange(size * size)
    block = np.arange(16, dtype=np.int32).reshape(4, 4)
    openness = np.column_stack([RANDOM.random(16), np.zeros((16, 3))]).astype(np.float32)
    out = np.empty(len(texel), np.float32)
    gather_openness(texel, size, np.zeros((64, 3), np.float32), openness, block, step, 4, 1.0, out, 0, 64)
    values = openness[:, 0].reshape(4, 4)
    rows, columns = texel // size, texel % size
    top, left = np.floor((rows + 0.5) / step - 0.5).astype(int) - 1, np.floor((columns + 0.5) / step - 0.5).astype(int) - 1
    expected = [values[max(0, t) : t + 4, max(0, c) : c + 4].mean() for t, c in zip(top, left, strict=True)]
    assert np.allclose(out, expected, atol=1e-6)


@pytest.mark.parametrize("wrap", [False, True])
def test_sampling_is_bilinear_between_decoded_centres(wrap: bool) -> None:
    pixels = RANDOM.integers(0, 256, (5, 7, 2)).astype(np.uint8)
    decode = RANDOM.random((2, 256)).astype(np.float32)
    uvs = RANDOM.uniform(-0.4, 1.4, (60, 2)).astype(np.float32)
    out = np.empty((60, 2), np.float32)
    sample_decoded(pixels, decode, uvs, wrap, out)
    values = np.stack([decode[k][pixels[..., k]] for k in range(2)], axis=-1)
    x, y = uvs[:, 0] * 7 - 0.5, uvs[:, 1] * 5 - 0.5
    i, j = np.floor(x).astype(int), np.floor(y).astype(int)
    expected = np.zeros((60, 2))
    for di in (0, 1):
        for dj in (0, 1):
            column, row = i + di, j + dj
            column, row = (column % 7, row % 5) if wrap else (column.clip(0, 6), row.clip(0, 4))
            weight = np.abs(1 - di - (x - i)) * np.abs(1 - dj - (y - j))
            expected += weight[:, None] * values[row, column]
    assert np.allclose(out, expected, atol=1e-4)


def test_jumps_mark_both_neighbours_and_the_rim_of_what_is_covered() -> None:
    number = np.where(RANDOM.random((12, 14)) < 0.95, 0, -1).astype(np.int32)
    count = int((number >= 0).sum())
    number[number >= 0] = np.arange(count)
    normals, colors = unit(RANDOM.normal(size=(count, 3)) + 9), (RANDOM.random((count, 4)) / 50).astype(np.float32)
    points = (RANDOM.random((count, 3)) * 2).astype(np.float32)
    limits = np.array([0.96, 0.13, 2.6], np.float32)
    found = np.zeros(number.shape, bool)
    mark_jumps(number, normals, colors, points, limits, found)

    def differs(a: int, b: int) -> bool:
        if a < 0 or b < 0:
            return (a < 0) != (b < 0)
        step = abs(np.sqrt(colors[a]) - np.sqrt(colors[b])).max()
        return bool(normals[a] @ normals[b] < limits[0] or step > limits[1] or np.linalg.norm(points[a] - points[b]) > limits[2])

    wanted = np.zeros(number.shape, bool)
    for j, i in np.ndindex(number.shape):
        for y, x in ((j, i + 1), (j + 1, i)):
            if y < 12 and x < 14 and differs(number[j, i], number[y, x]):
                wanted[j, i] = wanted[y, x] = True
    assert 0 < wanted.sum() < wanted.size
    assert np.array_equal(found, wanted)


def test_a_texture_share_is_the_root_of_both_areas() -> None:
    positions = np.array([(0, 0, 0), (2, 0, 0), (0, 2, 0), (4, 0, 0)], np.float32)
    uvs = np.array([(0, 0), (0.5, 0), (0, 0.5), (1, 0)], np.float32)
    out = np.empty(2, np.float32)
    texture_shares(positions, uvs, np.array([(0, 1, 2), (0, 1, 3)], np.uint32), np.arange(2, dtype=np.int32), out)
    assert np.allclose(out, (0.25, 0))
