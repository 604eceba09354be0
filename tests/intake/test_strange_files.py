"""Cases 24 to 27 of the abuse list: every file is refused, or gives the right picture, in seconds and without this process growing."""

from __future__ import annotations

import io
import resource
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hostile import CORNERS, animated_png, glb, ply, png, png_chunk, png_header, triangle, true_png_bomb, webp
from kiln.errors import InputError, ModelError, PictureError, RefusedError
from kiln.formats.model import read_model
from kiln.intake.admit import admit_model, admit_picture
from kiln.intake.sniff import PICTURES, sniff

MOST_SECONDS = 5.0
MOST_GROWTH_KIB = 32 * 1024


@contextmanager
def bounded() -> Iterator[None]:
    """However it ends, it takes less than 5 s, and the peak of this process grows by less than 32 MiB."""
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    try:
        yield
    finally:
        assert time.monotonic() - started < MOST_SECONDS
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_GROWTH_KIB


@contextmanager
def refused(*errors: type[InputError], words: str | None = None) -> Iterator[pytest.ExceptionInfo[InputError]]:
    """One of these errors, soon and without this process growing."""
    with pytest.raises(errors or RefusedError, match=words) as found, bounded():
        yield found


def strange(folder: Path, data: bytes, name: str = "upload") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def gradient(mode: str = "RGB") -> Image.Image:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    return Image.fromarray(
        np.stack([np.tile(ramp, (32, 1)), np.tile(ramp[:32, None], (1, 64)), np.full((32, 64), 90, np.uint8)], 2)
    ).convert(mode)


# --- 24: pictures ---


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (lambda: true_png_bomb(13_000), "size", "13,000 x 13,000"),
        (lambda: png(30_000, 30_000, rows=b""), "size", "30,000 x 30,000"),
        (lambda: png(65_535, 1), "size", "65,535 x 1"),
        (lambda: png(8193, 16), "size", "8,192 on a side"),
        (lambda: animated_png(10_000), "size", "10,000 frames"),
        (lambda: webp(10_000), "size", "10,000 frames"),
        (lambda: webp(width=16_384, height=16_384), "size", "16,384 x 16,384"),
        (lambda: png(16, 16, between=png_chunk(b"tEXt", bytes(5 << 20))), "damaged", "texts"),
        (lambda: b"\xff\xda".join([saved(gradient(), "JPEG", progressive=True)[:-2], *[b""] * 64, b"\xff\xd9"]), "damaged", "64 scans"),
        (lambda: png(0, 16), "damaged", "no pixels"),
        (lambda: png(16, 16, between=png_header(30_000, 30_000)), "damaged", "only one"),
        (
            lambda: saved(gradient(), "JPEG")[:2] + b"\xff\xc0\0\x11\x08\xff\xff\xff\xff" + bytes(10) + saved(gradient(), "JPEG")[2:],
            "damaged",
            "two",
        ),
        (lambda: png(64, 64)[:60], "damaged", "cut short"),
        (lambda: b"\xff\xd8\xff\xe0\0\x10JFIF", "damaged", "cut short"),
        (lambda: webp(3)[:-20], "damaged", "cut short"),
    ],
)
def test_24_picture_bombs_are_refused_by_their_headers(tmp_path: Path, data: Callable[[], bytes], reason: str, words: str) -> None:
    path = strange(tmp_path, data())
    with refused(words=words) as found:
        sniff(path, wanted=PICTURES)
    assert found.value.reason == reason


def test_24_a_500_mb_text_chunk_is_refused_unread(tmp_path: Path) -> None:
    path = strange(tmp_path, png(16, 16)[:33] + struct.pack(">I4s", 500 << 20, b"tEXt"))
    with path.open("r+b") as file:
        file.truncate(600 << 20)
    with refused(words="600 MiB"):
        sniff(path)


def test_24_a_picture_whose_pixels_are_cut_short_is_refused_by_its_reader(tmp_path: Path) -> None:
    with refused(PictureError, words="damaged"):
        admit_picture(strange(tmp_path, png(64, 64, rows=b"\0" * 100)), name="a.png")


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "P", "L", "RGBA"])
def test_24_unusual_pictures_come_out_right(tmp_path: Path, mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    data = saved(gradient(mode), kind, **({"quality": 100, "subsampling": 0} if kind == "JPEG" else {}))
    picture, _ = admit_picture(strange(tmp_path, data), name="knight_left.png")
    meant = np.asarray(gradient(mode).convert("RGB")).astype(int)
    assert np.abs(picture.pixels[..., :3].astype(int) - meant).max() <= 4
    assert (picture.name, picture.view) == ("knight", "left")


def test_24_a_rotated_photo_stands_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture, _ = admit_picture(strange(tmp_path, saved(gradient(), "JPEG", exif=exif)), name="a.jpg")
    assert (picture.width, picture.height) == (32, 64)


def test_24_sixteen_bits_become_eight(tmp_path: Path) -> None:
    deep = Image.fromarray(np.tile(np.linspace(0, 65_535, 64).astype(np.uint16), (32, 1)))
    picture, _ = admit_picture(strange(tmp_path, saved(deep, "PNG")), name="a.png")
    assert picture.pixels[0, :, 0].tolist() == np.round(np.linspace(0, 65_535, 64).astype(np.uint16) / 257).astype(int).tolist()


# --- 25: kinds ---


@pytest.mark.parametrize(
    "data",
    [
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        b"<svg/>",
        b"%PDF-1.7\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"\xc5\xd0\xd3\xc6" + bytes(40),
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"GIF89a" + bytes(40),
        b"II*\0" + bytes(40),
        b"BM" + bytes(60),
        b"8BPS\0\1",
        b"push graphic-context\nviewbox 0 0 1 1\n",
        b"#!/bin/sh\n",
        b"",
        bytes(100),
    ],
)
def test_25_what_is_no_picture_is_refused_whatever_its_name(tmp_path: Path, data: bytes) -> None:
    with refused() as found:
        admit_picture(strange(tmp_path, data, "image.png"), name="image.png")
    assert found.value.reason == "kind"


def test_25_kinds_are_told_by_content(tmp_path: Path) -> None:
    files = {
        "png": png(16, 16),
        "jpeg": saved(gradient(), "JPEG"),
        "webp": saved(gradient(), "WEBP"),
        "glb": glb(triangle(), CORNERS),
        "gltf": b'\xef\xbb\xbf {"asset": {}}',
        "ply": ply(),
        "obj": b"# made by hand\n\nv 0 0 0\n",
        "stl": bytes(80) + struct.pack("<I", 1) + bytes(50),
        "fbx": b"Kaydara FBX Binary  \0\x1a\0" + bytes(40),
        "npz": b"PK\3\4" + bytes(22) + struct.pack("<HH", 6, 0) + b"xy.npy",
        "zip": b"PK\3\4" + bytes(22) + struct.pack("<HH", 6, 0) + b"xy.txt",
    }
    assert {kind: sniff(strange(tmp_path, data, "image.png")).kind for kind, data in files.items()} == {kind: kind for kind in files}
    assert sniff(strange(tmp_path, b"solid x\n facet")).kind == "stl"


# --- 26: GLB ---

GLBS = {
    "count 2^31": (
        glb(triangle(accessors=[{"bufferView": 0, "componentType": 5126, "count": 2**31, "type": "VEC3"}]), CORNERS),
        "2147483648",
    ),
    "300 M without view": (glb(triangle(accessors=[{"componentType": 5126, "count": 300_000_000, "type": "VEC3"}]), CORNERS), "300000000"),
    "30 M without view": (glb(triangle(accessors=[{"componentType": 5126, "count": 30_000_000, "type": "VEC3"}]), CORNERS), "30,000,000"),
    "total length lies": (glb(triangle(), CORNERS, length=4000), "length in its header"),
    "total length too short": (glb(triangle(), CORNERS, length=20), "length in its header"),
    "JSON length lies": (glb(triangle(), CORNERS, json_length=0xFFFFFFF0), "first chunk"),
    "deep JSON": (glb(b"[" * 400_000), "JSON cannot be read"),
    "deep JSON inside": (glb(b'{"asset":{"version":"2.0"},"extras":' + b"[" * 200_000 + b"]" * 200_000 + b"}"), "JSON cannot be read"),
    "node cycle": (glb(triangle(nodes=[{"children": [1]}, {"children": [0]}]), CORNERS), "own ancestor"),
    "self-child": (glb(triangle(nodes=[{"mesh": 0, "children": [0]}]), CORNERS), "own ancestor"),
    "2^25 instances": (glb(triangle(nodes=[*({"children": [k + 1, k + 1]} for k in range(25)), {"mesh": 0}]), CORNERS), "two parents"),
    "external file": (glb(triangle(buffers=[{"byteLength": 36, "uri": "file:///etc/passwd"}])), "outside its own folder"),
    "external http": (glb(triangle(buffers=[{"byteLength": 36, "uri": "http://169.254.169.254/"}])), "outside its own folder"),
    "external climb": (glb(triangle(buffers=[{"byteLength": 36, "uri": "../../../../etc/passwd"}])), "outside its own folder"),
    "external neighbour": (glb(triangle(buffers=[{"byteLength": 36, "uri": "neighbour"}])), "not there"),
    "bad Draco": (
        glb(triangle(extensionsRequired=["KHR_draco_mesh_compression"], extensionsUsed=["KHR_draco_mesh_compression"]), CORNERS),
        "KHR_draco",
    ),
    "view beyond buffer": (
        glb(triangle(bufferViews=[{"buffer": 0, "byteOffset": 30, "byteLength": 36}]), CORNERS),
        "byte 66 of a buffer of 36",
    ),
    "NaN": (glb(triangle(), struct.pack("<9f", *[float("nan")] * 9)), "not finite"),
}


def test_26_a_triangle_comes_through(tmp_path: Path) -> None:
    model = admit_model(strange(tmp_path, glb(triangle(), CORNERS)), name="../../tri angle.exe")
    assert (model.name, model.mesh.triangle_count, model.inputs[0].name) == ("tri_angle", 1, "tri_angle.glb")
    assert model.mesh.positions.tobytes() == CORNERS


def test_26_instances_that_multiply_are_counted(tmp_path: Path) -> None:
    """5,000 nodes that show one mesh of 4,100 vertices without data: 20.5 million vertices out of 150 KB."""
    many = triangle(
        nodes=[{"mesh": 0}] * 5000,
        scenes=[{"nodes": list(range(5000))}],
        accessors=[{"componentType": 5126, "count": 4100, "type": "VEC3"}],
    )
    with refused(ModelError, words="more than the 20,000,000"):
        admit_model(strange(tmp_path, glb(many, CORNERS)), name="a.glb")


# --- 27: PLY ---

PLYS = {
    "4e9 vertices": (ply("4000000000"), "cannot hold"),
    "4e9 faces": (ply(faces="4000000000"), "cannot hold"),
    "negative count": (ply("-3"), "cannot hold"),
    "truncated": (ply(body="0 0 0\n1 0 0\n"), "cut short"),
    "endless header": (b"ply\nformat ascii 1.0\n" + b"comment x\n" * 2_000_000, "within 64 KiB"),
    "list bomb": (ply(body="0 0 0\n1 0 0\n0 1 0\n4294967295 0 1 2\n"), "cut short"),
    "NaN": (ply(body="0 0 0\n1 nan 0\n0 1 0\n3 0 1 2\n"), "not finite"),
    "inf": (ply(body="0 0 0\n1 inf 0\n0 1 0\n3 0 1 2\n"), "not finite"),
    "1e38": (ply(body="0 0 0\n1e38 0 0\n0 1e38 0\n3 0 1 2\n"), "from the origin"),
    "duplicate property": (ply(extra="property float x\n"), "'x' twice"),
    "duplicate element": (ply(extra="element vertex 3\n"), "'vertex' twice"),
    "corner beyond": (ply(body="0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n"), "beyond the 3"),
    "splats with scales of 1e38": (
        ply(faces="0", extra="property float f_dc_0\nproperty float scale_0\n", body="0 0 0 0 1e38\n" * 3),
        "Gaussian splats",
    ),
}


HOSTILE = [("glb", name) for name in GLBS] + [("ply", name) for name in PLYS]

NEVER_ALLOCATED = [("glb", "300 M without view"), ("glb", "external file"), ("ply", "list bomb")]


@pytest.mark.parametrize(("kind", "name"), HOSTILE)
def test_26_27_hostile_models_are_refused_by_their_headers_or_readers(tmp_path: Path, kind: str, name: str) -> None:
    """Here, in this process, so that what they would cost is seen."""
    read_model(strange(tmp_path, {"glb": glb(triangle(), CORNERS), "ply": ply()}[kind], f"whole.{kind}"))  # kernels are loaded
    data, words = (GLBS if kind == "glb" else PLYS)[name]
    path = strange(tmp_path, data, f"upload.{kind}")
    with refused(RefusedError, ModelError, words=words):
        sniff(path)
        read_model(path)


@pytest.mark.parametrize(
    ("kind", "name"), [case if case in NEVER_ALLOCATED else pytest.param(*case, marks=pytest.mark.long) for case in HOSTILE]
)
def test_26_27_hostile_models_are_refused_in_a_confined_child(tmp_path: Path, kind: str, name: str) -> None:
    data, words = (GLBS if kind == "glb" else PLYS)[name]
    with refused(RefusedError, ModelError, words=words):
        admit_model(strange(tmp_path, data), name="a.obj")


def test_27_a_header_with_windows_line_ends_is_read(tmp_path: Path) -> None:
    assert admit_model(strange(tmp_path, ply(line="\r\n")), name="a.ply").mesh.triangle_count == 1
