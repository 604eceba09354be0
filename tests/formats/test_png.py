from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from kiln.errors import ModelError
from kiln.formats.image import MAX_PIXELS, decode_image
from kiln.formats.png import encode_png, encode_pngs
from kiln.formats.vertex_color import from_linear, to_linear


@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 3), (5, 3, 4)])
def test_pillow_reads_the_same_pixels(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with Image.open(io.BytesIO(encode_png(pixels))) as picture:
        assert picture.format == "PNG"
        assert np.array_equal(np.asarray(picture), pixels)


@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 3)])
def test_sixteen_bits_come_back(shape: tuple[int, ...]) -> None:
    """By OpenCV, because Pillow reads 16-bit colour as 8 bit."""
    pixels = np.random.default_rng(0).integers(0, 65536, shape, dtype=np.uint16)
    stored = cv2.imdecode(np.frombuffer(encode_png(pixels), np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(stored[..., ::-1] if stored.ndim == 3 else stored, pixels)


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = {str(k): np.full((4, 4, 3), k, np.uint8) for k in range(5)}
    monkeypatch.setenv("KILN_THREADS", "3")
    assert encode_pngs(maps) == {name: encode_png(pixels) for name, pixels in maps.items()}


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "I;16"])
def test_every_kind_of_png_becomes_rgba(mode: str) -> None:
    file = io.BytesIO()
    grey = Image.new("RGB", (2, 2), (77, 77, 77))
    deep = Image.fromarray(np.full((2, 2), 257 * 77, np.uint16))
    {"I;16": deep, "P": grey.quantize(4)}.get(mode, grey.convert("RGB" if mode == "I;16" else mode)).save(file, "PNG")
    assert decode_image(file.getvalue(), what="x").tolist() == [[[77, 77, 77, 255]] * 2] * 2


def test_bombs_and_other_files_are_refused_before_decoding() -> None:
    file = io.BytesIO()
    Image.new("1", (MAX_PIXELS // 4096 + 1, 4096)).save(file, "PNG")
    with pytest.raises(ModelError, match="make it smaller"):
        decode_image(file.getvalue(), what="x")
    for data in (b"", b"GIF89a", encode_png(np.zeros((4, 4), np.uint8))[:20]):
        with pytest.raises(ModelError, match="x is "):
            decode_image(data, what="x")


def test_vertex_colors_come_back_exactly() -> None:
    colors = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
    assert np.array_equal(from_linear(to_linear(colors) / 65535), colors)
