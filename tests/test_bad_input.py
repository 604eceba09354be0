"""Bad input at Kiln's doors: a clear sentence, the documented exit code, and no half-written package."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kiln
from kiln.errors import CutoutError, InputError, ModelError, PictureError, RecipeError, SetupError, TimeLimitError

QUICK = {"unwrap": {"size": 256}, "simplify": {"triangles": 200}, "export": {"previews": False}}


def picture(path: Path, *, mode: str = "RGBA", size: int = 64, subject: bool = True) -> Path:
    pixels = np.zeros((size, size, 4), np.uint8)
    if subject:
        pixels[size // 4 : -size // 4, size // 4 : -size // 4] = (200, 80, 40, 255)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def text(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def truncated(path: Path) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (64, 64, 4)).astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:400])


def bomb(path: Path) -> None:
    """A PNG of 60,000 x 60,000 pixels in 100 bytes of header; decoding it would take 14 GB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b""))


def flat(color: tuple[int, int, int, int], size: int = 64) -> Callable[[Path], None]:
    return lambda path: Image.new("RGBA", (size, size), color).save(path)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: None, "there is no file"),
        (lambda path: path.mkdir(), "folder"),
        (text(b""), "empty"),
        (text(b"this is no picture"), "not a picture|not an image|cannot be read"),
        (text(b"PK\x03\x04" + b"\0" * 100), "not a picture|not an image|cannot be read"),
        (truncated, "truncated|broken|damaged"),
        (bomb, "60,?000|megapixel|too large"),
        (flat((0, 0, 0, 0)), "transparent"),
        (flat((120, 130, 140, 255)), "one colou?r|single colou?r|flat"),
        (flat((200, 10, 10, 255), size=1), "small|1 x 1|1x1"),
    ],
)
def test_bad_pictures(write: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    path, out = tmp_path / "thing.png", tmp_path / "out"
    write(path)
    with pytest.raises((PictureError, CutoutError), match=f"(?i){words}"):
        kiln.make(path, out=out, **QUICK)
    assert not out.exists() or not any(out.iterdir())


def test_two_pictures_of_the_same_side(tmp_path: Path) -> None:
    both = [picture(tmp_path / "a_front.png"), picture(tmp_path / "b_front.png")]
    with pytest.raises(PictureError, match="both claim to be the front view"):
        kiln.make(both, out=tmp_path / "out", **QUICK)
    with pytest.raises(InputError, match="one to four"):
        kiln.make([], out=tmp_path / "out")


PLY = "ply\nformat ascii 1.0\nelement vertex 3\n{xyz}element face {faces}\n{list}end_header\n"
XYZ = "property float x\nproperty float y\nproperty float z\n"
LIST = "property list uchar int vertex_indices\n"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.obj", b"", "empty"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\n", "no (faces|triangles|surface)"),
        ("a.obj", b"v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "(?i)nan"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "degenerate|no area"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "do not exist"),
        ("a.ply", (PLY.format(xyz=XYZ, faces=1, list=LIST) + "0 0 0\n1 0 0\n0 inf 0\n3 0 1 2\n").encode(), "(?i)inf|nan"),
        ("a.ply", b"solid nothing", "PLY|ply"),
        ("a.stl", b"solid x\nendsolid x\n", "no (faces|triangles|surface)"),
        ("a.glb", b"glTF" + struct.pack("<II", 2, 500) + b"\0" * 20, "(?i)truncated|broken|ends|bytes"),
        ("a.gltf", b"{", "(?i)json"),
        ("a.fbx", b"Kaydara", "no FBX file.*binary FBX"),
        ("a.fbx", b"; FBX 7.4.0 project file", "ASCII.*binary FBX"),
        ("a.dae", b"<COLLADA>", "glb.*fbx.*obj.*ply.*stl"),
    ],
)
def test_bad_models(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    path, out = tmp_path / name, tmp_path / "out"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=words):
        kiln.process(path, out=out, **QUICK)
    assert not out.exists() or not any(out.iterdir())


@pytest.mark.parametrize("uri", ["../secret.bin", "/etc/passwd", "file:///etc/passwd", "http://example.com/a.bin", "%2e%2e/secret.bin"])
def test_models_may_not_reach_outside_their_folder(uri: str, tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(b"\0" * 36)
    folder = tmp_path / "model"
    folder.mkdir()
    gltf = {
        "asset": {"version": "2.0"},
        "buffers": [{"uri": uri, "byteLength": 36}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "nodes": [{"mesh": 0}],
        "scenes": [{"nodes": [0]}],
    }
    (folder / "model.gltf").write_text(json.dumps(gltf))
    with pytest.raises(ModelError, match=r"outside|folder"):
        kiln.process(folder / "model.gltf", out=tmp_path / "out", **QUICK)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder nobody may write to, which Linux has")
def test_unwritable_output(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="written"):
        kiln.make(picture(tmp_path / "a.png"), out=Path("/proc/self/out"), **QUICK)


def test_output_under_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(SetupError, match="taken"):
        kiln.make(picture(tmp_path / "a.png"), out=tmp_path / "taken" / "out", **QUICK)
    assert (tmp_path / "taken").read_text() == "a file"


def test_bad_recipes_are_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="did you mean 'triangles'"):
        kiln.make("missing.png", out=tmp_path, simplify={"triangels": 100})
    with pytest.raises(RecipeError, match="did you mean 'prop'"):
        kiln.process("missing.glb", recipe="porp", out=tmp_path)


def test_limits_are_kept_and_nothing_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "cube.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n")
    with pytest.raises(TimeLimitError, match="--time-limit"):
        kiln.process(tmp_path / "cube.obj", out=tmp_path / "out", limits={"stage_seconds": 1e-6})
    with pytest.raises(SetupError, match="--memory-limit"):
        kiln.process(tmp_path / "cube.obj", out=tmp_path / "out", limits={"memory_gb": 1e-3})
    assert not (tmp_path / "out").exists()
