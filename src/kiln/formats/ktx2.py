"""KTX 2.0 files (Khronos) of UASTC blocks, as glTF's KHR_texture_basisu holds them. Needs the extra `web`."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Final

import numpy as np
from jaxtyping import UInt8

from kiln.errors import PictureError, SetupError
from kiln.formats.mips import mip_chain
from kiln.version import VERSION

_IDENTIFIER: Final = b"\xabKTX 20\xbb\r\n\x1a\n"
_ZSTANDARD: Final = 2
_ZSTANDARD_LEVEL: Final = 19
"""Of 22. Measured on a painted map of 2048 x 2048: 2.54 MB in 1.2 s; level 9 gives 2.67 MB in 0.1 s, level 22 no less than 19."""

_HEADER_BYTES: Final = 80
_LEVEL_BYTES: Final = 24

_UASTC_MODEL: Final = 166
_BT709: Final = 1
_LINEAR, _SRGB = 1, 2
_RGB, _RGBA = 0, 3
"""Channel ids of the UASTC model."""

_BLOCK_BYTES: Final = 16
_SIDE: Final = 4


def encode_ktx2(pixels: UInt8[np.ndarray, "height width channels"], *, srgb: bool, normal: bool = False) -> bytes:
    """The picture (3 or 4 channels) and its mip levels as a .ktx2 that GPUs get as BC7, ASTC or ETC2: 8 bits a texel, or 4 as ETC1.

    `srgb` for colour, which is filtered in linear light; `normal` for vectors. glTF wants sides that are multiples of 4.
    """
    height, width = pixels.shape[:2]
    if height % _SIDE or width % _SIDE:
        raise PictureError(f"a texture of {width} x {height} cannot be written as KTX2: make its sides multiples of {_SIDE}")
    if find_spec("zstandard") is None:
        raise SetupError("KTX2 textures need the package zstandard: pip install kiln3d[web], or take --web-textures webp")
    from zstandard import ZstdCompressor

    from kiln.kernels.uastc import encode_uastc

    levels = [encode_uastc(_blocks(level)).tobytes() for level in mip_chain(pixels, srgb=srgb, normal=normal)]
    packed = [ZstdCompressor(level=_ZSTANDARD_LEVEL).compress(level) for level in levels]
    has_alpha = pixels.shape[2] == 4 and bool(pixels[..., 3].min() < 255)
    description = _description(srgb=srgb, has_alpha=has_alpha)
    return _container(width, height, description, [len(level) for level in levels], packed)


def _blocks(pixels: UInt8[np.ndarray, "height width channels"]) -> UInt8[np.ndarray, "blocks 16 4"]:
    """Blocks row by row, each with its texels row by row; the last texels are repeated where a level is not as large as a block."""
    height, width = pixels.shape[:2]
    full = np.pad(pixels, ((0, -height % _SIDE), (0, -width % _SIDE), (0, 0)), mode="edge")
    if full.shape[2] == 3:
        full = np.dstack([full, np.full(full.shape[:2], 255, np.uint8)])
    tiled = full.reshape(full.shape[0] // _SIDE, _SIDE, full.shape[1] // _SIDE, _SIDE, 4)
    return np.ascontiguousarray(tiled.swapaxes(1, 2)).reshape(-1, 16, 4)


def _description(*, srgb: bool, has_alpha: bool) -> bytes:
    """The data format descriptor: one basic block with a single sample of 128 bits (Khronos Data Format Specification 1.3, chapter 5)."""
    sample = struct.pack("<HBB4xII", 0, 8 * _BLOCK_BYTES - 1, _RGBA if has_alpha else _RGB, 0, 0xFFFFFFFF)
    size = 24 + len(sample)
    block = struct.pack("<IHH", 0, 2, size) + bytes([_UASTC_MODEL, _BT709, _SRGB if srgb else _LINEAR, 0])
    block += bytes([_SIDE - 1, _SIDE - 1, 0, 0, _BLOCK_BYTES]) + bytes(7) + sample
    return struct.pack("<I", 4 + len(block)) + block


def _key_values(values: Mapping[str, str]) -> bytes:
    """Text under names, sorted, each entry padded to 4 bytes."""
    entries = []
    for key in sorted(values):
        entry = key.encode() + b"\0" + values[key].encode() + b"\0"
        entries.append(struct.pack("<I", len(entry)) + entry + bytes(-len(entry) % 4))
    return b"".join(entries)


def _container(width: int, height: int, description: bytes, sizes: Sequence[int], packed: Sequence[bytes]) -> bytes:
    """The file: header, index of levels (largest first), descriptions, and the levels, smallest first."""
    key_values = _key_values({"KTXorientation": "rd", "KTXwriter": f"Kiln {VERSION}"})
    at = _HEADER_BYTES + _LEVEL_BYTES * len(packed)
    header = _IDENTIFIER + struct.pack("<9I", 0, 1, width, height, 0, 0, 1, len(packed), _ZSTANDARD)
    header += struct.pack("<4I2Q", at, len(description), at + len(description), len(key_values), 0, 0)
    at += len(description) + len(key_values)
    index = []
    for size, data in zip(reversed(sizes), reversed(packed), strict=True):
        index.append(struct.pack("<3Q", at, len(data), size))
        at += len(data)
    return b"".join([header, *reversed(index), description, key_values, *reversed(packed)])
