"""meshopt's streams, decoded by the library that defines them."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.formats.meshopt import encode_attributes, encode_triangles
from kiln.formats.quantize import exponential_rows, exponential_values, octahedral_rows
from kiln.geometry.cache_order import in_cache_order
from packed import Stream, meshopt_decoded, turned
from shapes import grid, sphere

RANDOM = np.random.default_rng(4)


def rows_of_every_kind(count: int, stride: int) -> dict[str, np.ndarray]:
    """Nothing changes; anything may; small steps; one row in sixteen jumps."""
    steps = RANDOM.integers(-3, 4, (count, stride))
    jumps = np.where(np.arange(count)[:, None] % 16 == 7, 100, 0)
    return {
        "same": np.full((count, stride), 5, np.uint8),
        "noise": RANDOM.integers(0, 256, (count, stride)).astype(np.uint8),
        "smooth": steps.cumsum(axis=0).astype(np.uint8),
        "jumps": (steps // 3 + jumps).cumsum(axis=0).astype(np.uint8),
    }


def test_rows_of_any_kind_come_back_exactly() -> None:
    wanted = {
        f"{kind} {count} x {stride}": rows
        for count, stride in [(1, 4), (2, 12), (15, 8), (16, 256), (17, 4), (255, 8), (256, 32), (257, 4), (1000, 20), (1000, 252)]
        for kind, rows in rows_of_every_kind(count, stride).items()
    }
    wanted["70,000"] = RANDOM.integers(0, 20, (70_000, 8)).cumsum(axis=0).astype(np.uint8)
    found = meshopt_decoded({key: Stream(encode_attributes(rows), "ATTRIBUTES", *rows.shape) for key, rows in wanted.items()})
    for key, rows in wanted.items():
        assert np.array_equal(found[key].reshape(rows.shape), rows), key


def triangle_lists() -> dict[str, np.ndarray]:
    return {
        "one": np.array([(0, 1, 2)]),
        "one, backwards": np.array([(2, 1, 0)]),
        "no two vertices alike": np.arange(3000).reshape(-1, 3),
        "a point": np.zeros((5, 3), int),
        "degenerate": RANDOM.integers(0, 2, (200, 3)),
        "crowded": RANDOM.integers(0, 30, (2000, 3)),
        "sparse": RANDOM.integers(0, 70_000, (2000, 3)),
        "largest index": np.array([(0, 0xFFFFFFFE, 1), (0xFFFFFFFE, 0, 2)]),
        "grid": grid(60, 60).triangles,
        "grid in cache order": in_cache_order(grid(60, 60)).triangles,
        "two copies": np.concatenate([grid(9, 9).triangles, grid(9, 9).triangles]),
        "70,000 vertices": in_cache_order(grid(280, 250)).triangles,
    }


def test_triangles_come_back_in_order_and_winding() -> None:
    wanted = {key: triangles.astype(np.uint32) for key, triangles in triangle_lists().items()}
    streams = {key: Stream(encode_triangles(triangles), "TRIANGLES", triangles.size, 4) for key, triangles in wanted.items()}
    found = meshopt_decoded(streams)
    for key, triangles in wanted.items():
        assert np.array_equal(turned(found[key].view(np.uint32).reshape(-1, 3)), turned(triangles)), key


def test_random_triangle_lists_come_back() -> None:
    """Few vertices and many, runs in order of use and jumps between them."""
    wanted = {}
    for number in range(80):
        vertices, count = int(2 ** RANDOM.uniform(0, 17)), int(2 ** RANDOM.uniform(0, 8))
        ordered = np.maximum.accumulate(RANDOM.integers(0, vertices, 3 * count)) - RANDOM.integers(0, 4, 3 * count)
        loose = RANDOM.integers(0, vertices, 3 * count)
        mixed = np.where(RANDOM.random(3 * count) < RANDOM.random(), ordered.clip(0), loose)
        wanted[str(number)] = mixed.reshape(-1, 3).astype(np.uint32)
    found = meshopt_decoded({key: Stream(encode_triangles(t), "TRIANGLES", t.size, 4) for key, t in wanted.items()})
    for key, triangles in wanted.items():
        assert np.array_equal(turned(found[key].view(np.uint32).reshape(-1, 3)), turned(triangles)), triangles.tolist()


def test_sixteen_bit_indices_come_from_the_same_stream() -> None:
    triangles = in_cache_order(sphere()).triangles
    found = meshopt_decoded({"short": Stream(encode_triangles(triangles), "TRIANGLES", triangles.size, 2)})
    assert np.array_equal(turned(found["short"].view(np.uint16).reshape(-1, 3)), turned(triangles))


def test_neighbours_take_about_a_byte() -> None:
    triangles = in_cache_order(grid(100, 100)).triangles
    assert len(encode_triangles(triangles)) < 1.1 * len(triangles)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_octahedral_rows_decode_within_their_bound(bits: int) -> None:
    vectors = RANDOM.normal(size=(2000, 3))
    vectors[:6] = np.concatenate([np.eye(3), -np.eye(3)])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    last = np.where(np.arange(2000) % 2, -1.0, 1.0)
    rows = octahedral_rows(vectors.astype(np.float32), last.astype(np.float32), bits=bits)
    found = meshopt_decoded({"unit": Stream(encode_attributes(rows), "ATTRIBUTES", 2000, 4 * rows.itemsize, "OCTAHEDRAL")})["unit"]
    largest = np.iinfo(rows.dtype).max
    decoded = found.view(rows.dtype).reshape(-1, 4) / largest
    sine = np.linalg.norm(np.cross(decoded[:, :3], vectors), axis=1)
    assert sine.max() <= 4.3 / 2**bits + 0.9 / largest
    assert (np.einsum("nk,nk->n", decoded[:, :3], vectors) > 0).all()
    assert np.array_equal(decoded[:, 3], last)


def test_exponential_rows_decode_to_what_was_foretold() -> None:
    values = (RANDOM.normal(size=(500, 3)) * (1e-3, 1, 40) + (0, 200, 0)).astype(np.float32)
    rows = exponential_rows(values, bits=14)
    found = meshopt_decoded({"float": Stream(encode_attributes(rows), "ATTRIBUTES", 500, 12, "EXPONENTIAL")})["float"]
    assert np.array_equal(found.view(np.float32).reshape(-1, 3), exponential_values(rows))


@pytest.mark.parametrize("shape", [(0, 4), (5, 3), (5, 260)])
def test_rows_that_no_decoder_takes_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="meshopt takes rows"):
        encode_attributes(np.zeros(shape, np.uint8))


def test_the_same_numbers_give_the_same_bytes() -> None:
    mesh = sphere()
    assert encode_attributes(mesh.positions) == encode_attributes(mesh.positions.copy())
    assert encode_triangles(mesh.triangles) == encode_triangles(mesh.triangles.copy())
