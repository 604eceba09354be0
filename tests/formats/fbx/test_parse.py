"""Hostile and broken bytes. What is well formed is tested where it is read."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from formats.fbx.handmade import Made, layer, properties, square, table
from kiln.errors import ModelError
from kiln.formats.content import Content
from kiln.formats.fbx.parse import parse_fbx
from kiln.formats.fbx.read import read_fbx
from kiln.formats.fbx.records import MAGIC, Record, encode_records
from kiln.formats.folder import Folder

HEADER = MAGIC + struct.pack("<I", 7400)
CURE = "export it again as binary FBX, version 2014 or newer"


def _everything() -> bytes:
    """Small, with every kind of thing that the reader looks at."""
    made = Made(templates={"Material": {"DiffuseColor": (0.5, 0.5, 0.5)}})
    group = made.add_node("levels", subkind="LodGroup")
    node = made.add_node("fine", group, Lcl_Rotation=(1.0, 2.0, 3.0), RotationActive=1, PreRotation=(4.0, 5.0, 6.0))
    made.add_node("coarse", group)
    mesh = made.add_mesh(
        node,
        ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0.2, 0.2, 1), (0, 1, 0)),
        [(0, 1, 2, 3, 4), (0, 1, 3), (2, 3)],
        layer("Normal", "ByPolygonVertex", "Direct", table("Normals", [(0, 0, 1)] * 10)),
        layer("UV", "ByPolygonVertex", "IndexToDirect", table("UV", [(0, 0), (1, 0)]), table("UVIndex", [0, 1] * 5, np.int32)),
        layer("Color", "ByVertice", "Direct", table("Colors", [(1, 0.5, 0, 1)] * 5)),
        layer("Material", "ByPolygon", "IndexToDirect", table("Materials", [0, 1, 0], np.int32)),
    )
    material = made.add("Material", "paint", "", Record("ShadingModel", ("phong",)), properties({"Shininess": 25.0}), under=node)
    texture = made.add("Texture", "t", "", Record("RelativeFilename", ("gone.png",)), under=material, slot="DiffuseColor")
    made.add("Video", "v", "Clip", Record("Content", (b"no picture",)), under=texture)
    skin = made.add("Deformer", "", "Skin", under=mesh)
    made.add("Deformer", "", "Cluster", table("Transform", np.eye(4)), table("TransformLink", np.eye(4)), under=skin)
    return made.data()


EVERYTHING = _everything()


def _outcome(data: bytes) -> Content | ModelError:
    """What came of the bytes; any other exception, and any warning, is the test's failure."""
    try:
        return read_fbx(data, Folder(Path("nowhere") / "a.fbx"))
    except ModelError as error:
        return error


def test_every_type_of_value_comes_back() -> None:
    scalars = (True, np.int16(-3), 7, np.int64(1 << 40), np.float32(0.5), 0.25, "tèxt", b"\0raw")
    arrays = tuple(np.array([0, 1, 0], kind) for kind in (np.bool_, np.int32, np.int64, np.float32, np.float64))
    long = np.arange(1000.0)
    for version in (7400, 7500):
        tree = parse_fbx(encode_records([Record("a", scalars, (Record("b", arrays), Record("c", (long,))))], version=version))
        found = tree.children[0]
        assert found.properties == scalars
        assert [type(value) for value in found.properties] == [type(value) for value in scalars]
        for ours, theirs in zip((*found.children[0].properties, found.children[1].properties[0]), (*arrays, long), strict=True):
            assert ours.dtype == theirs.dtype
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"; FBX 7.4.0 project file\n", f"ASCII FBX file: {CURE}"),
        (b"\n\n  FBXHeaderExtension: {", f"ASCII FBX file: {CURE}"),
        (b"glTF", f"no FBX file: {CURE}"),
        (b"", "no FBX file"),
        (MAGIC, "cut short"),
        (MAGIC[:-1] + b"\1" + bytes(4), "byte order"),
        (MAGIC + struct.pack("<I", 6100), f"FBX version 6100; Kiln reads 7100 to 7700: {CURE}"),
        (MAGIC + struct.pack("<I", 9000), "FBX version 9000"),
        (HEADER, "cut short"),
        (HEADER + bytes(12), "cut short"),
        (HEADER + struct.pack("<IIIB", 60, 0, 1 << 31, 1), "damaged|cut short"),
        (HEADER + struct.pack("<IIIB", 0, 5, 0, 0) + bytes(99), "damaged"),
        (HEADER + struct.pack("<IIIB", 1 << 30, 0, 0, 1) + bytes(99), "cut short"),
        (HEADER + struct.pack("<IIIB", 27 + 13 + 2, 1 << 31, 2, 0) + bytes(99), "declares 2,147,483,648 values"),
    ],
)
def test_what_is_no_such_file_is_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        parse_fbx(data)


def _with_array(head: tuple[int, int, int], payload: bytes, code: bytes = b"d") -> bytes:
    value = code + struct.pack("<III", *head) + payload
    start = len(HEADER) + 13
    return HEADER + struct.pack("<IIIB", start + 1 + len(value), 1, len(value), 1) + b"x" + value + bytes(200)


PACKED = zlib.compress(bytes(80))
LONG = zlib.compress(np.random.default_rng(0).bytes(80_000))


@pytest.mark.parametrize(
    ("head", "payload", "message"),
    [
        ((0xFFFFFFFF, 1, len(PACKED)), PACKED, "declares 4,294,967,295 values in"),
        ((10, 1, 1 << 31), PACKED, "cut short or damaged"),
        ((10, 2, len(PACKED)), PACKED, "declares 10 values"),
        ((10, 0, 79), bytes(79), "declares 10 values in 79 bytes"),
        ((9, 1, len(PACKED)), PACKED, "unpacks to another size"),
        ((11, 1, len(PACKED)), PACKED, "unpacks to another size"),
        ((10, 1, len(PACKED) - 2), PACKED[:-2], "unpacks to another size"),
        ((10, 1, len(PACKED)), PACKED[:-4] + b"bad!", "cannot be unpacked"),
        ((10_000, 1, len(LONG)), LONG[:-4] + b"bad!", "cannot be unpacked"),
        ((10, 1, 9), b"not zlib.", "cannot be unpacked"),
        ((0, 1, 0), b"", "unpacks to another size"),
    ],
)
def test_arrays_must_be_as_long_as_they_say(head: tuple[int, int, int], payload: bytes, message: str) -> None:
    assert len(parse_fbx(_with_array((10, 1, len(PACKED)), PACKED)).children[0].properties[0]) == 10
    with pytest.raises(ModelError, match=message):
        parse_fbx(_with_array(head, payload))


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    """Twelve arrays that say they hold 400 MB of zeros each: 4.8 GB out of 5 MB. Only what is unpacked before the limit takes time, so
    the limit is lowered for the test to take none."""
    packed = zlib.compress(bytes(8_000_000), 9)
    value = b"d" + struct.pack("<III", 1_000_000, 1, len(packed)) + packed
    start = len(HEADER) + 14
    data = HEADER + struct.pack("<IIIB", start + 12 * len(value), 12, 12 * len(value), 1) + b"x" + 12 * value + bytes(200)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(ModelError, match="GiB unpacked"):
        patch.setattr("kiln.formats.fbx.parse._MAX_UNPACKED_BYTES", 40_000_000)
        parse_fbx(data)


def test_records_within_records_without_end_are_refused() -> None:
    record = Record("x", (1,))
    for _ in range(40):
        record = Record("x", (), (record,))
    with pytest.raises(ModelError, match="nested more than 32 deep"):
        parse_fbx(encode_records([record], version=7400))


def test_cut_short_at_any_byte() -> None:
    """Up to the record of zeros at the end all is needed; of the footer behind it nothing."""
    footer = len(EVERYTHING) - len(EVERYTHING.rstrip(b"\0")) if EVERYTHING.endswith(b"\0") else 0
    assert footer == 0  # it ends in a magic number, so no byte of it is a zero that strip could take
    outcomes = [isinstance(_outcome(EVERYTHING[:length]), ModelError) for length in range(0, len(EVERYTHING), 37)]
    first_whole = outcomes.index(False)
    assert all(outcomes[:first_whole])
    assert not any(outcomes[first_whole:])
    assert (len(outcomes) - first_whole) * 37 < 200


@settings(max_examples=150, deadline=1000, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.lists(st.tuples(st.integers(27, len(EVERYTHING) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_random_bytes_in_random_places(changes: list[tuple[int, int]]) -> None:
    data = bytearray(EVERYTHING)
    for at, value in changes:
        data[at] = value
    _outcome(bytes(data))


@settings(max_examples=100, deadline=1000, derandomize=True)
@given(st.binary(max_size=300))
def test_noise_behind_a_good_header(noise: bytes) -> None:
    _outcome(HEADER + noise)


def test_the_small_file_is_read_whole() -> None:
    outcome = _outcome(EVERYTHING)
    assert isinstance(outcome, Content)
    assert outcome.mesh.triangle_count == 4
    assert outcome.mesh.colors is not None
    assert isinstance(_outcome(square()), Content)
