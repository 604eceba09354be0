"""Every noun comes back as it was, to the bit; anything else is refused."""

from __future__ import annotations

import dataclasses
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from kiln import asset as nouns
from kiln.asset import (
    Asset,
    FileRecord,
    Line,
    Material,
    Mesh,
    Package,
    Picture,
    Primitive,
    Projection,
    Report,
    Skeleton,
    Step,
    Verdict,
    Voxels,
)
from kiln.errors import InputError
from kiln.formats import array_digest
from kiln.formats.noun_codec import decode, digest, encode
from shapes import mesh


def numbers(dtype: type, *shape: int) -> np.ndarray:
    """Different in every place; a fraction where the type has any."""
    return (np.arange(1, 1 + np.prod(shape)).reshape(shape) * (0.1 if np.issubdtype(dtype, np.floating) else 1)).astype(dtype)


def full_mesh() -> Mesh:
    return mesh(
        numbers(np.float32, 4, 3),
        [(0, 1, 2), (1, 2, 3)],
        normals=numbers(np.float32, 4, 3) + 1,
        tangents=numbers(np.float32, 4, 4),
        uvs=numbers(np.float32, 4, 2),
        lightmap_uvs=numbers(np.float32, 4, 2) + 1,
        colors=numbers(np.uint8, 4, 4),
        seen=numbers(np.float32, 4),
        importance=numbers(np.float32, 4) + 2,
        joints=numbers(np.uint16, 4, 4),
        weights=numbers(np.float32, 4, 4) + 2,
        material_ids=numbers(np.uint32, 2),
        projections=(Projection(pixels=numbers(np.uint8, 2, 3, 4), uvs=numbers(np.float32, 4, 2), weights=numbers(np.float32, 4)),),
    )


MATERIAL = Material(
    name="höhle\n",
    base_color=numbers(np.uint8, 2, 3, 4),
    base_color_factor=(0.1, 1 / 3, 5e-324, -0.0),
    normal=numbers(np.uint8, 4, 4, 3),
    orm=numbers(np.uint8, 1, 1, 3),
    roughness_factor=0.7,
    metallic_factor=0.25,
    emissive=numbers(np.uint8, 1, 2, 3),
    emissive_factor=(float("inf"), 2.0, 3.0),
    guessed=numbers(np.uint8, 2, 2),
    extras={"position": numbers(np.uint16, 2, 2, 3), "curvature": numbers(np.uint8, 2, 2)},
    alpha_mode="MASK",
    double_sided=True,
)
STEP = Step(
    stage="repair", params={"weld": 1e-5, "deep": [{"a": [None, True, "x", 3]}]}, notes=("one", "two"), measures={"z": 1.5, "a": 2.0}
)
RECORD = FileRecord(name="a b.png", sha256="00" * 32, size=3)
PICTURE = Picture(pixels=numbers(np.uint8, 3, 2, 4), name="p", view="left", has_matte=True, file=RECORD)
BOX = Primitive(kind="box", center=(0.0, 1.0, 2.0), size=(1.0, 1.0, 1.0), rotation=(0.5, 0.5, 0.5, 0.5))
VERDICT = Verdict(contract="unity", lines=(Line(key="triangles", limit="<= 3", value=4, passed=False),), attempts=("tried",))
REPORT = Report(name="thing", measures={"b": 1, "a": 1.0, "s": "yes", "n": None}, steps=(STEP,), warnings=("careful",), contract=VERDICT)
ASSET = Asset(
    name="thing",
    source=full_mesh(),
    source_materials=(MATERIAL, Material()),
    source_voxels=Voxels(
        cells=numbers(np.int32, 2, 3) - 3, values=numbers(np.float32, 2, 1), layout=("red",), origin=(1.0, 2.0, 3.0), size=0.5
    ),
    mesh=full_mesh(),
    atlas_size=2048,
    material=MATERIAL,
    lods=(full_mesh(), full_mesh()),
    hulls=(mesh([(0, 0, 0)], np.zeros((0, 3))),),
    fits=(None, BOX),
    skeleton=Skeleton(names=("root", "arm"), parents=np.array([-1, 0], np.int32), local_matrices=numbers(np.float64, 2, 4, 4)),
    pictures=(PICTURE,),
    inputs=(RECORD,),
    history=(STEP,),
)
PACKAGE = Package(
    name="thing",
    folder=Path("out/thing"),
    archive=Path("out/thing.zip"),
    engine_archives={"unreal": Path("u.zip")},
    files=("a",),
    report=REPORT,
)


def as_bytes(value: Any, kind: Any) -> bytes:
    return b"".join(encode(value, kind).parts)


def again(value: Any, kind: Any | None = None) -> Any:
    kind = kind or type(value)
    return decode(as_bytes(value, kind), kind)


def assert_same(one: Any, other: Any) -> None:
    """Equal to the bit: types, dtypes, order of keys and signs of zeros included."""
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    elif is_dataclass(one):
        for entry in fields(one):
            assert_same(getattr(one, entry.name), getattr(other, entry.name))
    elif isinstance(one, dict):
        assert list(one) == list(other)
        assert_same(list(one.values()), list(other.values()))
    elif isinstance(one, (tuple, list)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        assert repr(one) == repr(other)


def found_in(value: Any) -> list[Any]:
    """The value and every dataclass in it."""
    if is_dataclass(value):
        return [value, *(part for entry in fields(value) for part in found_in(getattr(value, entry.name)))]
    if isinstance(value, (tuple, list, dict)):
        return [part for item in (value.values() if isinstance(value, dict) else value) for part in found_in(item)]
    return []


EVERYTHING = [*found_in(ASSET), *found_in(PACKAGE)]


def test_the_examples_have_every_noun_and_every_field_that_may_be_missing() -> None:
    """So that a new noun, or a new field, cannot be forgotten here."""
    known = {noun for noun in vars(nouns).values() if isinstance(noun, type) and is_dataclass(noun)}
    assert known - {type(value) for value in EVERYTHING} == set()
    for noun in known:
        for entry in fields(noun):
            values = [getattr(value, entry.name) for value in EVERYTHING if type(value) is noun]
            assert any(value is not None and (not hasattr(value, "__len__") or len(value)) for value in values), (
                f"{noun.__name__}.{entry.name}"
            )


@pytest.mark.parametrize("value", [ASSET, PACKAGE], ids=lambda value: type(value).__name__)
def test_every_noun_comes_back_to_the_bit(value: Any) -> None:
    for part in found_in(value):
        assert_same(again(part), part)


def test_arrays_come_back_read_only_and_shared_ones_are_written_once() -> None:
    source = full_mesh()
    both = again(Asset(name="x", source=source, mesh=replace(source, uvs=None)))
    assert both.mesh.positions is both.source.positions
    assert not both.source.positions.flags.writeable
    alone = len(as_bytes(Asset(name="x", source=source), Asset))
    assert len(as_bytes(Asset(name="x", source=source, mesh=source), Asset)) < 1.5 * alone


def test_the_same_value_gives_the_same_bytes_whatever_its_arrays_lie_like() -> None:
    pixels = numbers(np.uint8, 3, 2, 4)
    turned = np.asfortranarray(pixels)
    assert as_bytes(Picture(pixels=turned, name="p"), Picture) == as_bytes(Picture(pixels=pixels, name="p"), Picture)
    extras = {"a": np.asfortranarray(numbers(np.uint8, 3, 2))}
    assert_same(again(Material(extras=extras)).extras["a"], numbers(np.uint8, 3, 2))


@pytest.mark.parametrize("entry", fields(Material), ids=lambda entry: entry.name)
def test_the_digest_knows_every_field(entry: dataclasses.Field[Any]) -> None:
    other = replace(
        MATERIAL, **{entry.name: getattr(Material(name="x", alpha_mode="BLEND", extras={"c": numbers(np.uint8, 1, 1)}), entry.name)}
    )
    assert digest(other, Material) != digest(MATERIAL, Material)
    assert digest(again(MATERIAL), Material) == digest(MATERIAL, Material)


def test_equal_values_have_equal_digests_whether_they_share_arrays_or_not() -> None:
    source = full_mesh()
    shared = Asset(name="x", source=source, mesh=source)
    assert digest(Asset(name="x", source=source, mesh=full_mesh()), Asset) == digest(shared, Asset)


def test_bytes_are_little_endian_whatever_the_array_is() -> None:
    big = Projection(pixels=numbers(np.uint8, 1, 1, 4), uvs=numbers(np.float32, 3, 2).astype(">f4"), weights=numbers(np.float32, 3))
    little = replace(big, uvs=numbers(np.float32, 3, 2))
    assert as_bytes(big, Projection) == as_bytes(little, Projection)
    assert_same(again(big), little)


def test_an_array_is_hashed_once_while_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[int] = []
    monkeypatch.setattr(array_digest, "raw", lambda array: hashed.append(array.nbytes) or array.tobytes())
    source = full_mesh()
    digest(source, Mesh)
    assert len(hashed) == 15
    digest(Asset(name="x", source=source, lods=(replace(source, uvs=None),)), Asset)
    assert len(hashed) == 15
    back = again(source)
    digest(back, Mesh)
    assert len(hashed) == 15  # reading has checked them already


def test_an_array_that_can_be_written_to_is_hashed_anew() -> None:
    table = {"a": numbers(np.uint8, 2, 2)}
    before = digest(Material(extras=table), Material)
    table["a"][0, 0] += 1
    assert digest(Material(extras=table), Material) != before


def test_it_works_without_the_checks_that_tests_switch_on() -> None:
    """They give each function lengths of its own to remember; without them, those of one noun must agree, and only those."""
    script = """
import numpy as np
from kiln.asset import Asset, Material, Mesh
from kiln.errors import InputError
from kiln.formats.noun_codec import decode, encode
def mesh(vertices, normals):
    arrays = (np.zeros((count, 3), np.float32) for count in (vertices, normals))
    return Mesh(positions=next(arrays), normals=next(arrays), triangles=np.zeros((1, 3), np.uint32))
maps = {"a": np.zeros((2, 3), np.uint8), "b": np.zeros((4, 5, 3), np.uint8)}
asset = Asset(name="x", source=mesh(3, 3), mesh=mesh(4, 4), lods=(mesh(5, 5),), material=Material(extras=maps))
print(decode(b"".join(encode(asset, Asset).parts), Asset).lods[0].vertex_count)
try:
    decode(b"".join(encode(mesh(3, 4), Mesh).parts), Mesh)
except InputError as error:
    print(error)
"""
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout.startswith("5\nthese are no bytes of a noun: value.normals is not")


@dataclass(frozen=True)
class Odd:
    """Annotations that no noun has yet."""

    kind: Literal["a", "b"] = "a"
    several: int | str | tuple[float, ...] = ()
    data: object = None


def test_unions_keep_which_it_was() -> None:
    for several in (3, "3", (), (3.0,)):
        assert_same(again(Odd(several=several)), Odd(several=several))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.float64(1.5), float),
        (True, int),
        (1.5, int),
        ("c", Literal["a", "b"]),
        ((1.0, 2.0), tuple[float, float, float]),
        (Odd(data={1: "a"}), Odd),
        (Odd(data=(1,)), Odd),
        (Odd(several=b"bytes"), Odd),
        ({"x": 1}, {"y": int}),
        (object(), Mesh),
        ({1: 2.0}, dict[str, float]),
    ],
    ids=repr,
)
def test_what_would_come_back_otherwise_is_not_written(value: Any, kind: Any) -> None:
    with pytest.raises(TypeError, match="value"):
        encode(value, kind)


def test_every_damaged_byte_and_every_cut_is_noticed() -> None:
    data = as_bytes(BOX, Primitive) + b""
    picture = as_bytes(Picture(pixels=numbers(np.uint8, 1, 2, 4), name="p"), Picture)
    for whole, kind in ((data, Primitive), (picture, Picture)):
        for end in range(len(whole)):
            with pytest.raises(InputError, match="no bytes of a noun"):
                decode(whole[:end], kind)
        with pytest.raises(InputError):
            decode(whole + b"\0", kind)
    head_and_pixels = [i for i in range(len(picture)) if picture[i]]
    for place in head_and_pixels:
        broken = bytearray(picture)
        broken[place] ^= 1
        with pytest.raises(InputError):
            decode(bytes(broken), Picture)


def forged(change: Callable[[dict[str, Any]], None]) -> bytes:
    """A picture whose head was changed by somebody who knows the format."""
    import hashlib

    encoded = encode(PICTURE, Picture)
    head = json.loads(encoded.head)
    change(head)
    text = json.dumps(head).encode()
    start = struct.pack("<8sQ32s", b"KILNNOUN", len(text), hashlib.sha256(text).digest()) + text
    return start + bytes(-len(start) % 64) + b"".join(encoded.parts[3:])


@pytest.mark.parametrize(
    "change",
    [
        lambda head: head.update(format=2),
        lambda head: head["arrays"][0].__setitem__(0, "|O"),
        lambda head: head["arrays"][0].__setitem__(0, "<f4"),
        lambda head: head["arrays"][0].__setitem__(1, [3, 2, 4, 2**60]),
        lambda head: head["arrays"][0].__setitem__(1, [-3, -2, 4]),
        lambda head: head["arrays"][0].__setitem__(1, [4, 2, 3]),
        lambda head: head["arrays"][0].__setitem__(1, [3, 2, "4"]),
        lambda head: head["value"].update(pixels=1),
        lambda head: head["value"].update(pixels=-1),
        lambda head: head["value"].update(pixels=False),
        lambda head: head["value"].update(pixels=None),
        lambda head: head["value"].update(more=1),
        lambda head: head["value"].pop("name"),
        lambda head: head["value"].update(name=1),
        lambda head: head["value"].update(view="above"),
        lambda head: head["value"].update(has_matte=1),
        lambda head: head["value"].update(file=[0, []]),
        lambda head: head["value"].update(file=[7, {}]),
        lambda head: head["value"].update(file=[]),
        lambda head: head.update(value=[]),
        lambda head: head.pop("arrays"),
    ],
)
def test_a_forged_head_is_refused(change: Callable[[dict[str, Any]], None]) -> None:
    with pytest.raises(InputError):
        decode(forged(change), Picture)


def test_a_deep_head_is_refused() -> None:
    import hashlib

    text = b"[" * 100_000
    data = struct.pack("<8sQ32s", b"KILNNOUN", len(text), hashlib.sha256(text).digest()) + text
    with pytest.raises(InputError):
        decode(data + bytes(-len(data) % 64), Picture)


def test_a_head_that_is_too_long_is_neither_written_nor_read(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = as_bytes(PICTURE, Picture)
    monkeypatch.setattr("kiln.formats.noun_codec._MOST_HEAD_BYTES", 100)
    with pytest.raises(ValueError, match="more than the 100"):
        encode(PICTURE, Picture)
    with pytest.raises(InputError):
        decode(whole, Picture)


def test_bytes_of_another_noun_are_refused() -> None:
    with pytest.raises(InputError):
        decode(as_bytes(PICTURE, Picture), Mesh)
