"""Where guessed colour has dissolved: smoother than what is known of the same colour, as if sprayed on."""

from __future__ import annotations

import math

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

_FINE = 1.5e-3
"""Standard deviation, as a share of the map's side, up to which what varies counts as detail: 3 texels of 2048."""

_AROUND = 5e-3
"""Standard deviation, as a share of the map's side, over which detail is averaged."""

_SMOOTHER = 0.15
"""Share of the detail usual for its colour below which a place has dissolved; around it, twice that is enough. Of a goblin, 6 % are found;
of a dragon, a crate and a mailbox, whose guessed sides are copies of the picture, nothing. With 0.3 panels of the crate are, too."""

_WORTH = 0.02
"""Share of all covered texels below which nothing counts as dissolved: where a whole side has dissolved, it is more than that."""

_FEWEST = 500
"""Texels of a colour that must be known before its own usual detail outweighs that of all colours."""

_NOISE = 0.6
"""Detail, in 8-bit levels, that rounding to bytes makes by itself."""

_TRACE = 0.2
"""Detail beyond that below which a colour counts as plain."""

_LEAST = 0.05
"""Side of the smallest place worth filling, as a share of the map's: 100 texels of 2048. What is smaller may well be meant smooth."""

_SIGMA = 2.0
"""Pixels of standard deviation that a blur needs at least to be taken in a smaller picture."""

_GROWN = 6e-3
"""How far a dissolved place is widened, as a share of the map's side: its border fades into detail that the average above still counts."""


def detail(color: UInt8[np.ndarray, "height width 3"], covered: Bool[np.ndarray, "height width"]) -> Float32[np.ndarray, "height width"]:
    """How much the colour varies around each covered texel at the finest scale: standard deviation in 8-bit levels, all channels summed."""
    side = color.shape[1]
    inside = covered.astype(np.float32)
    values = color.astype(np.float32)
    apart = values - masked_blur(values, inside, sigma=max(_FINE * side, 1.0))
    energy = masked_blur(np.square(apart).sum(axis=2, keepdims=True), inside, sigma=max(_AROUND * side, 2.0))
    return np.sqrt(energy[..., 0])


def masked_blur(
    values: Float32[np.ndarray, "height width channels"], weight: Float32[np.ndarray, "height width"], *, sigma: float
) -> Float32[np.ndarray, "height width channels"]:
    """Gaussian mean of the values where the weight is positive; sigma in pixels. 0 where there is nothing near.

    Wide means are taken in a smaller picture: with sigma 9 and a million pixels 0.03 s instead of 0.07 s.
    """
    height, width, _ = values.shape
    step = max(1, int(sigma / _SIGMA))
    both = cv2.merge([*(cv2.multiply(channel, weight) for channel in cv2.split(values)), weight])
    if step > 1:
        both = cv2.resize(both, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA)
    # Reducing and enlarging blur by themselves: their variance is a quarter of a small pixel's square.
    both = cv2.GaussianBlur(both, (0, 0), math.sqrt((sigma / step) ** 2 - (0.25 if step > 1 else 0)))
    if step > 1:
        both = cv2.resize(both, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(both[..., :-1] / np.maximum(both[..., -1:], 1e-4))


def dissolved(
    color: UInt8[np.ndarray, "height width 3"],
    *,
    covered: Bool[np.ndarray, "height width"],
    known: Bool[np.ndarray, "height width"],
) -> Bool[np.ndarray, "height width"]:
    """Which covered texels that are not known vary less than known ones of their colour do; a little wider, without specks.

    color is sRGB-encoded. Where nothing is known nothing has dissolved. A map reduced to 512 x 512 texels shows it as well as one of 2048
    and takes 0.02 s: of a goblin 7.2 % instead of 7.6 % are found, 94 % of them the same places.
    """
    known = known & covered
    if not known.any():
        return np.zeros(covered.shape, bool)
    varies = detail(color, covered)
    tone = _tone(color)
    usual = _usual(varies[known], tone[known])
    share = np.maximum(varies - _NOISE, _TRACE) / np.maximum(usual[tone] - _NOISE, _TRACE)
    weak, side = covered & ~known, color.shape[1]
    # Between islands everything counts as smooth, or small islands would have no place that is large enough.
    core = cv2.morphologyEx((~covered | (weak & (share < _SMOOTHER))).astype(np.uint8), cv2.MORPH_OPEN, _square(_LEAST * side))
    near = cv2.dilate(core * weak, _square(_LEAST * side)) * (share < 2 * _SMOOTHER)
    found = (cv2.dilate(near * weak, _square(2 * _GROWN * side)) > 0) & weak
    return found & (found.sum() >= _WORTH * covered.sum())


def _square(side: float) -> UInt8[np.ndarray, "side side"]:
    return np.ones((max(3, round(side) | 1),) * 2, np.uint8)


def _tone(color: UInt8[np.ndarray, "height width 3"]) -> Int64[np.ndarray, "height width"]:
    """One of 512 colours: the three highest bits of each channel."""
    red, green, blue = np.moveaxis(color.astype(np.int64) >> 5, 2, 0)
    return red * 64 + green * 8 + blue


def _usual(varies: Float32[np.ndarray, " known"], tone: Int64[np.ndarray, " known"]) -> Float32[np.ndarray, " tones"]:
    """The geometric mean of each colour's detail; where a colour is rare, of all."""
    log = np.log(np.maximum(varies, _NOISE))
    counts, sums = np.bincount(tone, minlength=512), np.bincount(tone, log, minlength=512)
    return np.exp((sums + _FEWEST * log.mean()) / (counts + _FEWEST)).astype(np.float32)
