"""Maps made smaller: each texel the mean of those it replaces, taken of what they stand for (light, directions), not of their bytes."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from kiln.imaging.color import linear_to_srgb, srgb_to_linear

MapKind = Literal["color", "normal", "data"]
"""sRGB-encoded colour with or without straight alpha, tangent-space normals, or linear numbers."""


def shrink(
    pixels: UInt8[np.ndarray, "height width channels"], size: tuple[int, int], *, kind: MapKind
) -> UInt8[np.ndarray, "new_height new_width channels"]:
    """The map in `size` (width, height); meant for smaller ones, since it filters by area.

    Colours are averaged in linear light, weighted by alpha, so that what cannot be seen does not bleed; normals are averaged as vectors and
    made unit vectors again.
    """
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    if kind == "normal":
        return _shrunk_normals(pixels, size)
    if kind == "color":
        return _shrunk_colors(pixels, size)
    return np.ascontiguousarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1))


def fitting_size(shape: tuple[int, ...], longest: int, *, multiple: int = 1) -> tuple[int, int]:
    """Width and height of a map of this shape (height, width, ...) whose longer side is at most `longest`, both of them multiples."""
    height, width = shape[:2]
    scale = min(1.0, longest / max(height, width))
    return (
        max(1, round(width * scale / multiple)) * multiple,
        max(1, round(height * scale / multiple)) * multiple,
    )


def _area(values: Float32[np.ndarray, "h w"], size: tuple[int, int]) -> Float32[np.ndarray, "nh nw"]:
    return cv2.resize(values, size, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)


def _shrunk_colors(pixels: UInt8[np.ndarray, "h w c"], size: tuple[int, int]) -> UInt8[np.ndarray, "nh nw c"]:
    """Channel by channel: an 8192 x 8192 map as floats takes 256 MB each."""
    shrunk = np.empty((size[1], size[0], pixels.shape[2]), np.uint8)
    if pixels.shape[2] == 3:
        for channel in range(3):
            shrunk[..., channel] = linear_to_srgb(_area(srgb_to_linear(pixels[..., channel]), size))
        return shrunk
    weight = np.maximum(pixels[..., 3].astype(np.float32) / np.float32(255), np.float32(1e-4))  # where all is clear the colour stays, too
    total = _area(weight, size)
    for channel in range(3):
        shrunk[..., channel] = linear_to_srgb(_area(srgb_to_linear(pixels[..., channel]) * weight, size) / total)
    shrunk[..., 3] = cv2.resize(pixels[..., 3], size, interpolation=cv2.INTER_AREA)
    return shrunk


def _shrunk_normals(pixels: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[np.ndarray, "nh nw 3"]:
    mean = np.stack([_area(pixels[..., k].astype(np.float32) - np.float32(127.5), size) for k in range(3)], axis=-1)
    length = np.linalg.norm(mean, axis=-1, keepdims=True)
    unit = np.where(length > 1, mean / np.maximum(length, 1), np.array((0, 0, 1), np.float32))  # opposite normals cancel
    return np.round(unit * 127.5 + 127.5).astype(np.uint8)
