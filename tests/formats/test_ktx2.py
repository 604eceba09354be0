"""KTX2 files as Binomial's own transcoder (the one three.js ships) and ktx-parse read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kiln import settings
from kiln.errors import PictureError, SetupError
from kiln.formats.ktx2 import encode_ktx2
from oracles import run_node


def _painted(size: int = 64, channels: int = 3) -> np.ndarray:
    """What a painted texture has: soft shades, hard edges at every angle, fine grain, a flat part; alpha with a soft rim."""
    y, x = np.mgrid[:size, :size] / size
    shades = np.stack([0.5 + 0.4 * np.sin(5 * x + 3 * y), 0.2 + 0.6 * y, 0.9 - 0.7 * x * y], axis=2)
    shades[(x - 0.5) ** 2 + (y - 0.4) ** 2 < 0.08] = (0.8, 0.25, 0.1)
    shades[x + 0.4 * y > 1.15] *= 0.3
    shades += np.random.default_rng(0).normal(0, 0.01, shades.shape)
    shades[:8, :16] = (0.1, 0.7, 0.3)
    if channels == 4:
        shades = np.dstack([shades, 1.5 - 2.5 * np.hypot(x - 0.5, y - 0.5)])
    return np.round(255 * shades.clip(0, 1)).astype(np.uint8)


def _bumps(size: int = 64) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size
    vectors = np.dstack([0.5 * np.sin(9 * x), 0.4 * np.cos(7 * y + x), np.ones((size, size))])
    return np.round((vectors / np.linalg.norm(vectors, axis=2, keepdims=True) + 1) * 127.5).astype(np.uint8)


def _packed(size: int = 64) -> np.ndarray:
    """Occlusion, roughness and metallic that have nothing to do with each other."""
    y, x = np.mgrid[:size, :size] / size
    maps = np.dstack([0.9 - 0.5 * x**2, 0.5 + 0.3 * np.sin(20 * y), (np.hypot(x - 0.5, y - 0.5) < 0.3).astype(float)])
    return np.round(255 * maps).astype(np.uint8)


def _read(folder: Path, pixels: np.ndarray, **options: bool) -> dict[str, Any]:
    file = folder / "a.ktx2"
    file.write_bytes(encode_ktx2(pixels, **options))
    return json.loads(run_node("ktx2.mjs", file))[str(file)]


def _texels(folder: Path, target: str, width: int, height: int, level: int = 0) -> np.ndarray:
    """A level as the transcoder gave it to this target, decoded to RGBA by Pillow (BC1, BC7) or below (ETC1)."""
    data = (folder / f"a.ktx2.{level}.{target}").read_bytes()
    if target == "rgba":
        return np.frombuffer(data, np.uint8).reshape(height, width, 4)
    if target == "etc1":
        return _decoded_etc1(np.frombuffer(data, np.uint8).astype(int).reshape(-1, 8), width, height)
    return np.array(Image.frombytes("RGBA", (width, height), data, "bcn", ({"bc1": 1, "bc7": 7}[target],)))


def _decoded_etc1(blocks: np.ndarray, width: int, height: int) -> np.ndarray:
    """RGB of ETC1 blocks, row by row (OES_compressed_ETC1_RGB8_texture)."""
    modifiers = np.array([(2, 8), (5, 17), (9, 29), (13, 42), (18, 60), (24, 80), (33, 106), (47, 183)])
    pixels = np.empty((height, width, 3), np.uint8)
    for number, block in enumerate(blocks):
        if block[3] & 2:
            first = block[:3] >> 3
            second = first + (block[:3] % 8 + 4) % 8 - 4
            colors = [value * 8 + value // 4 for value in (first, second)]
        else:
            colors = [(block[:3] >> 4) * 17, block[:3] % 16 * 17]
        high, low = int(block[4] << 8 | block[5]), int(block[6] << 8 | block[7])
        top, left = number // (width // 4) * 4, number % (width // 4) * 4
        for x, y in np.ndindex(4, 4):
            half = (y if block[3] & 1 else x) // 2
            table = modifiers[block[3] >> (2 if half else 5) & 7]
            at = 4 * x + y
            shift = table[low >> at & 1] * (-1 if high >> at & 1 else 1)
            pixels[top + y, left + x] = np.clip(colors[half] + shift, 0, 255)
    return pixels


def _decibels(found: np.ndarray, wanted: np.ndarray) -> float:
    """Peak signal-to-noise ratio."""
    return float(10 * np.log10(255**2 / np.mean((found.astype(float) - wanted) ** 2)))


@pytest.mark.parametrize(("srgb", "transfer"), [(True, 2), (False, 1)])
def test_container_says_what_is_in_it(tmp_path: Path, srgb: bool, transfer: int) -> None:
    said = _read(tmp_path, _painted(32), srgb=srgb)
    container = said["container"]
    assert (container["vkFormat"], container["typeSize"], container["supercompressionScheme"]) == (0, 1, 2)
    assert (container["pixelWidth"], container["pixelHeight"], container["faceCount"]) == (32, 32, 1)
    assert [size for _, size in container["levels"]] == [1024, 256, 64, 16, 16, 16]
    (description,) = container["dfd"]
    assert (description["colorModel"], description["colorPrimaries"], description["transferFunction"]) == (166, 1, transfer)
    assert (description["texelBlockDimension"], description["bytesPlane"][0]) == ([3, 3, 0, 0], 16)
    assert container["keyValue"]["KTXorientation"] == "rd"
    assert container["keyValue"]["KTXwriter"].startswith("Kiln ")
    assert said["transcoder"] == {"width": 32, "height": 32, "levels": 6, "alpha": False, "uastc": True}


@pytest.mark.parametrize(("target", "least"), [("rgba", 42), ("bc7", 41.5), ("bc1", 37), ("etc1", 26)])
def test_colour_on_every_kind_of_gpu(tmp_path: Path, target: str, least: float) -> None:
    picture = _painted()
    _read(tmp_path, picture, srgb=True)
    assert _decibels(_texels(tmp_path, target, 64, 64)[..., :3], picture) > least


def test_alpha(tmp_path: Path) -> None:
    picture = _painted(channels=4)
    assert _read(tmp_path, picture, srgb=True)["transcoder"]["alpha"]
    assert _decibels(_texels(tmp_path, "rgba", 64, 64), picture) > 39
    assert _decibels(_texels(tmp_path, "bc7", 64, 64), picture) > 38.5


def test_alpha_that_says_nothing_is_left_out(tmp_path: Path) -> None:
    opaque = np.dstack([_painted(32), np.full((32, 32), 255, np.uint8)])
    assert not _read(tmp_path, opaque, srgb=True)["transcoder"]["alpha"]
    assert (tmp_path / "a.ktx2").read_bytes() == encode_ktx2(opaque[..., :3], srgb=True)


def test_normals_hardly_turn(tmp_path: Path) -> None:
    bumps = _bumps()
    _read(tmp_path, bumps, srgb=False, normal=True)
    found, wanted = (pixels[..., :3] / 127.5 - 1 for pixels in (_texels(tmp_path, "rgba", 64, 64), bumps))
    cosines = (found * wanted).sum(axis=2) / np.linalg.norm(found, axis=2) / np.linalg.norm(wanted, axis=2)
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).mean() < 0.6
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < 2.5


def test_channels_that_have_nothing_in_common(tmp_path: Path) -> None:
    maps = _packed()
    _read(tmp_path, maps, srgb=False)
    assert _decibels(_texels(tmp_path, "rgba", 64, 64)[..., :3], maps) > 45


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (1, 254, 77), (200, 30, 31)])
def test_one_colour_is_exact(tmp_path: Path, color: tuple[int, int, int]) -> None:
    _read(tmp_path, np.full((8, 8, 3), color, np.uint8), srgb=True)
    assert np.array_equal(_texels(tmp_path, "rgba", 8, 8), np.full((8, 8, 4), (*color, 255)))
    assert np.abs(_texels(tmp_path, "etc1", 8, 8).astype(int) - color).max() <= 4


def test_every_value_a_block_can_begin_and_end_with(tmp_path: Path) -> None:
    """Random pairs of colours, in each block shaded from one to the other: all ranges of endpoints, all swaps of ends."""
    pairs = np.random.default_rng(0).integers(0, 256, (16, 16, 2, 4), np.uint8)
    ramp = (np.arange(16).reshape(4, 4) / 15)[None, :, None, :, None]
    blocks = pairs[:, None, :, None, 0] * (1 - ramp) + pairs[:, None, :, None, 1] * ramp
    picture = np.round(blocks).astype(np.uint8).reshape(64, 64, 4)
    _read(tmp_path, picture, srgb=False)
    assert np.abs(_texels(tmp_path, "rgba", 64, 64).astype(int) - picture).max() <= 6
    _read(tmp_path, picture[..., :3].copy(), srgb=False)
    assert np.abs(_texels(tmp_path, "rgba", 64, 64)[..., :3].astype(int) - picture[..., :3]).max() <= 4


def test_smaller_levels_are_smaller_pictures(tmp_path: Path) -> None:
    flat = np.full((8, 16, 3), (90, 160, 30), np.uint8)
    assert _read(tmp_path, flat, srgb=True)["transcoder"]["levels"] == 5
    for level, (width, height) in enumerate([(16, 8), (8, 4), (4, 2), (2, 1), (1, 1)]):
        assert np.array_equal(_texels(tmp_path, "rgba", width, height, level)[..., :3], np.full((height, width, 3), (90, 160, 30)))


def test_same_bytes_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, found = _painted(256), set()
    for threads in (1, 2, 3):
        monkeypatch.setattr(settings, "threads", lambda threads=threads: threads)
        found.add(encode_ktx2(picture, srgb=True))
    assert len(found) == 1


def test_sides_that_gltf_does_not_allow_are_refused() -> None:
    with pytest.raises(PictureError, match="multiples of 4"):
        encode_ktx2(np.zeros((8, 6, 3), np.uint8), srgb=True)


def test_without_zstandard_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiln.formats.ktx2.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"pip install kiln3d\[web\]"):
        encode_ktx2(np.zeros((4, 4, 3), np.uint8), srgb=True)
