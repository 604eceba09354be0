"""Texture for places that have none: patches of detail from where it is known, laid like a quilt, over colours that stay as they are.

After Efros and Freeman's texture transfer (Image Quilting, 2001, section 4): each patch is chosen for the likeness of its blurred colours
to those that it shall lie on. Only what varies within a patch is carried over, so no wrong colour and no light comes along; and patches are
blended so that their contrast stays (Heitz and Neyret 2018, "variance-preserving"), not cut along seams.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from kiln.asset.freeze import freeze_arrays
from kiln.imaging.dissolved import masked_blur

PATCH = 72
"""Pixels on a side of a patch, laid every half patch."""

_SHRINK = 8
"""How many times smaller the pictures are in which patches are looked for: colours are blurred by then."""

_BLUR = 9.0
"""Standard deviation, in pixels, of what counts as the colours under a texture. Twice as much carries eyes and buckles over."""

_LOUD = 12.0
"""How much a patch's own variance counts against it, beside the squared difference in colour. With 4, cracks and scars are strewn over a
dragon's smooth head; with 30, texture stays where a whole material has it, and what is smooth stays smooth."""

_AGAIN = 600.0
"""How much it counts against a patch that its place was used before (as squared difference, 8-bit levels), lest a pattern repeats."""

_AGAIN_REACH = 3.0
"""Standard deviation of that, in small pixels."""

_UNUSABLE = 60_000.0
"""How much it counts against a patch that it lies where nothing is known."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Swatch:
    """A picture that patches are taken from, made ready."""

    apart: Float32[np.ndarray, "height width 3"]
    """What varies: the picture less its blurred colours, 8-bit levels."""

    usable: Float32[np.ndarray, "height width"]
    """1 where it may be taken from."""

    small: Float32[np.ndarray, "rows columns 3"]
    """The blurred colours."""

    penalty: Float32[np.ndarray, "starts_y starts_x"]
    """What speaks against the patch that starts at each small pixel."""

    def __post_init__(self) -> None:
        freeze_arrays(self)


def swatch(
    color: Float32[np.ndarray, "height width 3"], *, inside: Bool[np.ndarray, "height width"], usable: Bool[np.ndarray, "height width"]
) -> Swatch:
    """Make a picture ready to be taken patches from: colours in sRGB-encoded 8-bit levels, `inside` where it shows a subject at all."""
    low = under_colors(color, inside)
    apart = np.where(inside[..., None], color - low, 0).astype(np.float32)
    known = usable.astype(np.float32)
    window = np.ones((PATCH // _SHRINK,) * 2, np.float32)
    share = cv2.matchTemplate(_small(known), window, cv2.TM_CCORR) / window.size
    energy = cv2.matchTemplate(_small(np.square(apart).mean(axis=2) * known), window, cv2.TM_CCORR) / window.size
    penalty = (1 - share) * np.float32(_UNUSABLE) + np.float32(_LOUD) * energy / np.maximum(share, 0.1)
    return Swatch(apart=apart, usable=known, small=_small(low), penalty=penalty.astype(np.float32))


def under_colors(
    color: Float32[np.ndarray, "height width 3"], inside: Bool[np.ndarray, "height width"]
) -> Float32[np.ndarray, "height width 3"]:
    """The blurred colours that a texture varies about."""
    return masked_blur(color, inside.astype(np.float32), sigma=_BLUR)


def quilt(
    color: Float32[np.ndarray, "height width 3"],
    *,
    inside: Bool[np.ndarray, "height width"],
    wanted: Bool[np.ndarray, "height width"],
    swatches: tuple[Swatch, ...],
) -> Float32[np.ndarray, "height width 3"]:
    """Detail to add to the colours (sRGB-encoded 8-bit levels, both) where it is wanted; its mean is about 0. Elsewhere it is void."""
    height, width = wanted.shape
    low, subject = _small(under_colors(color, inside)), _small(inside.astype(np.float32))
    again = [np.zeros_like(each.penalty) for each in swatches]
    total, squares = np.zeros((height, width, 3), np.float32), np.zeros((height, width, 1), np.float32)
    window = _window()
    for y, x in _places(wanted):
        cell = slice(y // _SHRINK, (y + PATCH) // _SHRINK), slice(x // _SHRINK, (x + PATCH) // _SHRINK)
        which, top, left = _best(low[cell], subject[cell], swatches, again)
        again[which] += _bump(again[which].shape, top, left)
        rows, columns = slice(top * _SHRINK, top * _SHRINK + PATCH), slice(left * _SHRINK, left * _SHRINK + PATCH)
        weight = (window * swatches[which].usable[rows, columns])[..., None]
        total[y : y + PATCH, x : x + PATCH] += weight * swatches[which].apart[rows, columns]
        squares[y : y + PATCH, x : x + PATCH] += weight * weight
    return total / np.sqrt(np.maximum(squares, 1e-3))


def _places(wanted: Bool[np.ndarray, "height width"]) -> Iterator[tuple[int, int]]:
    """Top-left corners of the patches that cover what is wanted."""
    height, width = wanted.shape
    for y in range(0, height - PATCH + 1, PATCH // 2):
        for x in range(0, width - PATCH + 1, PATCH // 2):
            if wanted[y : y + PATCH, x : x + PATCH].any():
                yield y, x


def _best(
    low: Float32[np.ndarray, "p p 3"],
    subject: Float32[np.ndarray, "p p"],
    swatches: tuple[Swatch, ...],
    again: list[Float32[np.ndarray, "_ _"]],
) -> tuple[int, int, int]:
    """The swatch, and the row and column of its small picture, whose colours are most like these."""
    mask = cv2.merge([subject] * 3)
    found = []
    for number, (each, used) in enumerate(zip(swatches, again, strict=True)):
        apart = cv2.matchTemplate(each.small, np.ascontiguousarray(low), cv2.TM_SQDIFF, mask=mask) / max(float(mask.sum()), 1e-6)
        cost = apart + each.penalty + used
        place = int(cost.argmin())
        found.append((float(cost.flat[place]), number, *divmod(place, cost.shape[1])))
    return min(found)[1:]


def _bump(shape: tuple[int, ...], top: int, left: int) -> Float32[np.ndarray, "rows columns"]:
    row, column = np.ogrid[: shape[0], : shape[1]]
    return (_AGAIN * np.exp(-((row - top) ** 2 + (column - left) ** 2) / (2 * _AGAIN_REACH**2))).astype(np.float32)


def _window() -> Float32[np.ndarray, "patch patch"]:
    """Weights that fall to 0 at a patch's border; those of patches half a patch apart sum to 1."""
    side = np.sin(np.pi * (np.arange(PATCH) + 0.5) / PATCH) ** 2
    return np.outer(side, side).astype(np.float32)


def _small(values: Float32[np.ndarray, "height width *channels"]) -> Float32[np.ndarray, "rows columns *channels"]:
    height, width = values.shape[:2]
    return cv2.resize(values, (max(1, width // _SHRINK), max(1, height // _SHRINK)), interpolation=cv2.INTER_AREA)
