"""Numbers out of text against Python's own reading."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.kernels.text import count_obj, parse_numbers, parse_obj, parse_stl_vertices


def bytes_of(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8)


def test_numbers_are_read_as_python_reads_them() -> None:
    words = ["0", "-1", "+2.5", ".5", "5.", "1e3", "-2.5E-3", "123456789.123456789", "1e-30", "3.4028235e38", "0.1"]
    values = np.empty(len(words) + 3)
    assert parse_numbers(bytes_of(" \t\r\n".join(words)), 0, values) == len(words)
    assert values[: len(words)] == pytest.approx([float(word) for word in words], rel=1e-15)


@pytest.mark.parametrize("word", ["nonsense", "1.2.3", "--1", "e5", "1x"])
def test_what_is_no_number_is_nan_and_is_stepped_over(word: str) -> None:
    values = np.empty(2)
    assert parse_numbers(bytes_of(f"{word} 7"), 0, values) == 2
    assert np.isnan(values[0])
    assert values[1] == 7


def test_an_obj_is_counted_and_parsed_with_references_from_both_ends() -> None:
    text = bytes_of("# c\nv 1 2 3\nv 4 5 6 0.5 0.25 1\nvt 0 1\nvn 0 0 1\nv 7 8 9\nf 1/1/1 -2//1 3\nf 1 2 9\no x")
    counts = np.zeros(5, np.int64)
    count_obj(text, counts)
    assert counts.tolist() == [2, 3, 1, 1, 2]
    vertices, uvs, normals = np.full((3, 6), np.nan), np.full((1, 2), np.nan), np.full((1, 3), np.nan)
    places, sizes, corners = np.empty(2, np.int64), np.empty(2, np.int64), np.empty((8, 3), np.int64)
    assert parse_obj(text, vertices, uvs, normals, places, sizes, corners) == 6
    assert vertices[1].tolist() == [4, 5, 6, 0.5, 0.25, 1]
    assert sizes.tolist() == [3, 3]
    assert corners[:6].tolist() == [[0, 0, 0], [1, -1, 0], [2, -1, -1], [0, -1, -1], [1, -1, -1], [-2, -1, -1]]


def test_stl_vertices_are_those_behind_the_word() -> None:
    positions = np.full((2, 3), np.nan)
    assert parse_stl_vertices(bytes_of("solid\n outer loop\n  vertex 1 2 3\n VERTEX 4 5 6\nendloop"), positions) == 2
    assert positions.tolist() == [[1, 2, 3], [4, 5, 6]]
