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
from jaxtyping import Bool, Float32, Int64

from kiln.asset.freeze import freeze_arrays
from kiln.imaging.dissolved import masked_blur

PATCH = 72
"""Pixels on a side of a patch, laid every half patch."""

_SHRINK = 8
"""How many times smaller the pictures are in which patches are looked for: colours are blurred by then."""

_STEP = 2
"""Small pixels from one patch that may be taken to the next."""

_CELLS = PATCH // _SHRINK
"""Small pixels on a side of a patch."""

_BLUR = 9.0
"""Standard deviation, in pixels, of what counts as the colours under a texture. Twice as much carries eyes and buckles over."""

_LOUD = 12.0
"""How much a patch's own variance counts against it, beside the squared difference in colour. With 4, cracks and scars are strewn over a
dragon's smooth head; with 30, texture stays where a whole material has it, and what is smooth stays smooth."""

_AGAIN = 600.0
"""How much it counts against a patch that its place was used before (as squared difference, 8-bit levels), lest a pattern repeats."""

_AGAIN_REACH = 3.0
"""Standard deviation of that, in small pixels."""

_KNOWN = 0.8
"""Share of a patch that must be known for it to be taken."""

_APART = 1 << 12
"""Rows between two swatches' patches where they are numbered together: more than a swatch has."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Swatch:
    """A picture that patches are taken from, made ready."""

    apart: Float32[np.ndarray, "height width 3"]
    """What varies: the picture less its blurred colours, 8-bit levels."""

    usable: Float32[np.ndarray, "height width"]
    """1 where it may be taken from."""

    start: Int64[np.ndarray, "patches 2"]
    """Row and column, in small pixels, of each patch that may be taken."""

    features: Float32[np.ndarray, "patches features"]
    """See `_features`."""

    penalty: Float32[np.ndarray, " patches"]
    """What speaks against each."""

    def __post_init__(self) -> None:
        freeze_arrays(self)


def swatch(
    color: Float32[np.ndarray, "height width 3"], *, inside: Bool[np.ndarray, "height width"], usable: Bool[np.ndarray, "height width"]
) -> Swatch:
    """Make a picture ready to be taken patches from: colours in sRGB-encoded 8-bit levels, `inside` where it shows a subject at all."""
    apart = np.where(inside[..., None], color - under_colors(color, inside), np.float32(0))
    known = usable.astype(np.float32)
    window = np.ones((_CELLS, _CELLS), np.float32)
    share = cv2.matchTemplate(_small(known), window, cv2.TM_CCORR) / window.size
    energy = cv2.matchTemplate(_small(np.square(apart).mean(axis=2) * known), window, cv2.TM_CCORR) / window.size
    start = _STEP * np.argwhere(share[::_STEP, ::_STEP] >= _KNOWN)
    rows, columns = start.T
    penalty = np.float32(_LOUD) * energy[rows, columns] / share[rows, columns]
    return Swatch(apart=apart, usable=known, start=start, features=_features(_windows(_levels(color, inside), start)), penalty=penalty)


def _levels(
    color: Float32[np.ndarray, "height width 3"], inside: Bool[np.ndarray, "height width"]
) -> Float32[np.ndarray, "rows columns 3"]:
    """The small picture's blurred colours as whole levels about the middle one."""
    weight = _small(inside.astype(np.float32))
    mean = _small(color * inside[..., None]) / np.maximum(weight, 1e-4)[..., None]
    return np.round(masked_blur(mean, weight, sigma=_BLUR / _SHRINK)) - np.float32(128)


def _windows(
    small: Float32[np.ndarray, "rows columns channels"], start: Int64[np.ndarray, "n 2"]
) -> Float32[np.ndarray, "n cells channels"]:
    """The small pixels of the patches that start at these."""
    across = np.arange(_CELLS)
    rows, columns = start[:, 0, None, None] + across[:, None], start[:, 1, None, None] + across
    return small[rows, columns].reshape(len(start), _CELLS * _CELLS, small.shape[2])


def _features(windows: Float32[np.ndarray, "n cells 3"]) -> Float32[np.ndarray, "n features"]:
    """A patch's colours, and their squares' sum in each small pixel: times `_wish` this is the squared difference, less a constant."""
    return np.concatenate([windows.reshape(len(windows), 3 * _CELLS**2), np.square(windows).sum(axis=2)], axis=1)


def _wish(windows: Float32[np.ndarray, "n cells 3"], subject: Float32[np.ndarray, "n cells"]) -> Float32[np.ndarray, "n features"]:
    """What is looked for, where subject is 1, in the form that `_features` is multiplied by.

    All are whole numbers and their products' sums stay below 2^24, so float32 is exact, in whatever order a library adds them up.
    """
    colors = np.float32(-2) * windows * subject[..., None]
    return np.concatenate([colors.reshape(len(windows), 3 * _CELLS**2), subject], axis=1)


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
    total, squares = np.zeros((*wanted.shape, 3), np.float32), np.zeros((*wanted.shape, 1), np.float32)
    places = np.array(list(_places(wanted)), np.int64).reshape(-1, 2)
    window = _window()
    for (y, x), (which, top, left) in zip(places, _chosen(color, inside, places, swatches), strict=True):
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


def _chosen(
    color: Float32[np.ndarray, "height width 3"],
    inside: Bool[np.ndarray, "height width"],
    places: Int64[np.ndarray, "places 2"],
    swatches: tuple[Swatch, ...],
) -> list[tuple[int, int, int]]:
    """For each place the swatch, and the row and column of its small picture, whose colours are most like it."""
    subject = np.round(_windows(_small(inside.astype(np.float32))[..., None], places // _SHRINK)[..., 0])
    wishes = _wish(_windows(_levels(color, inside), places // _SHRINK), subject)
    start = np.concatenate([each.start + np.array((_APART * number, 0)) for number, each in enumerate(swatches)])
    apart = np.hstack([_product(wishes, each.features) for each in swatches]) / np.maximum(3 * subject.sum(axis=1), 1)[:, None]
    cost = apart + np.concatenate([each.penalty for each in swatches])
    again, found = np.zeros(len(start), np.float32), []
    for speaks_against in cost:
        best = start[int((speaks_against + again).argmin())]
        again += _bump(start, best)
        found.append((int(best[0]) // _APART, int(best[0]) % _APART, int(best[1])))
    return found


def _product(a: Float32[np.ndarray, "n features"], b: Float32[np.ndarray, "m features"]) -> Float32[np.ndarray, "n m"]:
    """a @ b.T, without the BLAS library, whose threads wait busily for more work: a goblin's fill took 1.4 s of CPU, not 1.0 s."""
    return np.einsum("nf,mf->nm", a, b)


def _bump(start: Int64[np.ndarray, "patches 2"], used: Int64[np.ndarray, " 2"]) -> Float32[np.ndarray, " patches"]:
    """What speaks against all patches after one has been used."""
    row, column = np.square(start - used).T
    return np.float32(_AGAIN) * np.exp((row + column).astype(np.float32) / np.float32(-2 * _AGAIN_REACH**2))


def _window() -> Float32[np.ndarray, "patch patch"]:
    """Weights that fall to 0 at a patch's border; those of patches half a patch apart sum to 1."""
    side = np.sin(np.pi * (np.arange(PATCH) + 0.5) / PATCH) ** 2
    return np.outer(side, side).astype(np.float32)


def _small(values: Float32[np.ndarray, "height width *channels"]) -> Float32[np.ndarray, "rows columns *channels"]:
    height, width = values.shape[:2]
    return cv2.resize(values, (max(1, width // _SHRINK), max(1, height // _SHRINK)), interpolation=cv2.INTER_AREA)
