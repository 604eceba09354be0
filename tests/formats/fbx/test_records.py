from __future__ import annotations

import numpy as np
import pytest

from formats.fbx.record_walker import Node, walk
from kiln.formats.fbx.records import WIDE_VERSION, Record, encode_records, plain_size

_ARRAYS = (
    np.array([True, False]),
    np.arange(-3, 3, dtype=np.int32),
    np.arange(400, dtype=np.int64),
    np.linspace(0, 1, 100, dtype=np.float32),
    np.linspace(-1, 1, 1000),
    np.zeros(0),
)


@pytest.mark.parametrize("version", [7400, 7500])
def test_every_kind_of_value_comes_back(version: int) -> None:
    plain = (True, np.int16(-7), -(2**31), np.int64(2**40), np.float32(0.5), 1e300, "Köln\0\1Modèle", b"\0\xff")
    found, top = walk(encode_records([Record("All", (*plain, *_ARRAYS), (Record("Inner", ("x",)),))], version=version))
    assert found == version
    assert top["All"].kinds == "CYILFDSRbilfdd"
    assert top["All"].values[:8] == list(plain)
    for expected, array in zip(_ARRAYS, top["All"].values[8:], strict=True):
        np.testing.assert_array_equal(array, expected)
    assert top["All"]["Inner"].value == "x"


@pytest.mark.parametrize("version", [7400, 7500])
@pytest.mark.parametrize("length", range(17))
def test_the_footer_is_aligned_whatever_comes_before(version: int, length: int) -> None:
    data = encode_records([Record("A", ("x" * length,))], version=version)
    assert walk(data)[1]["A"].value == "x" * length
    assert (len(data) - 144) % 16 == 0


def test_a_record_may_be_empty_or_deep() -> None:
    deep = Record("Leaf")
    for _ in range(50):
        deep = Record("Level", (), (deep, Record("Leaf")))
    node = walk(encode_records([Record("References"), deep], version=7400))[1].children[1]
    for _ in range(49):
        node = node.children[0]
    assert [child.name for child in node.children] == ["Leaf", "Leaf"]


def test_long_arrays_are_compressed_and_short_ones_are_not() -> None:
    assert len(encode_records([Record("A", (np.zeros(100_000),))], version=7400)) < 8000
    assert np.arange(4, dtype=np.int32).tobytes() in encode_records([Record("A", (np.arange(4, dtype=np.int32),))], version=7400)


def test_the_plain_size_counts_arrays_and_files_at_any_depth() -> None:
    inner = Record("B", (bytes(50),), (Record("C", (np.zeros(3), 7, "text")),))
    assert plain_size(Record("A", (np.zeros(2, np.int32),), (inner, inner))) == 8 + 2 * (50 + 24)


def test_what_a_record_cannot_hold_is_refused() -> None:
    with pytest.raises(KeyError):
        encode_records([Record("A", (np.zeros(2, np.complex64),))], version=7400)


def test_wide_records_start_at_7500() -> None:
    assert WIDE_VERSION == 7500
    narrow, wide = (encode_records([Record("A", (1,))], version=version) for version in (7400, 7500))
    assert len(wide) - len(narrow) >= 2 * 12 - 16


def test_the_walker_is_strict() -> None:
    """A judge that accepts everything judges nothing: any byte that is changed in the frame of a record is noticed."""
    data = encode_records([Record("A", (np.arange(50, dtype=np.int32),), (Record("B", (1.5,)),))], version=7400)
    first = walk(data)[1]
    unnoticed = []
    for at in range(len(data)):
        broken = bytearray(data)
        broken[at] ^= 1
        try:
            found = walk(bytes(broken))[1]
        except Exception:  # noqa: BLE001, S112 - however it is noticed
            continue
        if _same(found, first):
            unnoticed.append(at)
    assert unnoticed == []


def _same(one: Node, other: Node) -> bool:
    if (one.name, one.kinds, len(one.children)) != (other.name, other.kinds, len(other.children)):
        return False
    values = all(np.array_equal(a, b) for a, b in zip(one.values, other.values, strict=True))
    return values and all(_same(a, b) for a, b in zip(one.children, other.children, strict=True))
