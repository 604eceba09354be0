"""Light that is painted into a surface's colours: what of their brightness its shape explains, and the colours without that.

Colour is taken for paint times light, and light's logarithm for a low-order function of the normal and of how much of the sky is hidden.
Spherical harmonics to order 2 hold 99 % of any distant light on a matt surface (Ramamoorthi and Hanrahan 2001), and 96 % of its logarithm;
fitted to the light itself instead, the fit is drawn to lights that are next to 0 somewhere. Height was tried, too: it takes for light what
paint does from head to foot. Paint changes in steps, light does not (Land and McCann, 1971): so light is fitted to the differences
between neighbours, and steps count as outliers. What is smooth and does not go with the shape is left alone, too.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, UInt8

from kiln.imaging.color import linear_to_srgb, srgb_to_linear

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Rec. 709 weights of linear red, green and blue."""

_DARKEST = 0.15
"""Light, as a share of the mean light, below which it is not undone further: what is almost black has no colour to bring back."""

_ROUNDS = 8
"""Reweighted least squares; 5 rounds give the same to three digits."""

_HUE_STEP = 0.02
"""Difference in chromaticity (share of a colour's sum, per channel) of neighbours beyond which they are different paints."""

_RIDGE = 1e-4
"""Weight of the assumption that there is no light, as a share of the mean square of what light changes."""

_OUTLIER = 3.0
"""Standard deviations from which a difference counts less than half."""

_LEAST_SCALE = 2e-3
"""Difference in log luminance that is never an outlier: what is left of rounding to bytes."""

_LEAST_PAIRS = 200
"""Neighbours needed for a fit of nine numbers to mean anything."""

_LEAST_CERTAINTY = 10.0
"""F statistic (explained variance a coefficient over unexplained variance a pair) above which light is believed. Paint without light gives
0.1 at most; a lit ball 10,000; painted pictures, whose texture hides what light there is, 20 to 70."""

_RANGE = (30, 243)
"""sRGB levels that colours stay within when light is taken out of them: physically plausible paint; what lay beyond may stay there."""

_KNEE = 0.8
"""Share of the upper end from which brightening is slowed down."""


def light_basis(normals: Float32[np.ndarray, "n 3"], openness: Float32[np.ndarray, " n"]) -> Float64[np.ndarray, "n 9"]:
    """What the logarithm of light may depend on: spherical harmonics of the unit normal, order 1 and 2 (unnormalized), and the logarithm
    of openness (0 to 1).
    """
    x, y, z = normals.astype(np.float64).T
    sky = np.log(np.maximum(openness.astype(np.float64), _DARKEST))
    return np.stack([x, y, z, x * y, y * z, z * x, x * x - y * y, 3 * z * z - 1, sky], axis=1)


def fit_light(
    color: Float32[np.ndarray, "n 3"], basis: Float64[np.ndarray, "n k"], pairs: Int32[np.ndarray, "pairs 2"]
) -> Float64[np.ndarray, " k"]:
    """Coefficients of the logarithm of the light in linear colours; all 0 where shape explains nothing of the differences between pairs."""
    luminance = color @ LUMINANCE
    a, b = pairs[_alike(color, luminance, pairs)].T
    if len(a) < _LEAST_PAIRS:
        return np.zeros(basis.shape[1])
    return _robust(np.log(luminance[b] / luminance[a]).astype(np.float64), basis[b] - basis[a])


def _robust(wanted: Float64[np.ndarray, " pairs"], terms: Float64[np.ndarray, "pairs k"]) -> Float64[np.ndarray, " k"]:
    """Coefficients c such that terms @ c is what is wanted for most pairs (Cauchy weights)."""
    found, weight = np.zeros(terms.shape[1]), np.ones(len(terms))
    for _ in range(_ROUNDS):
        error = wanted - terms @ found
        scale = 1.4826 * np.median(np.abs(error)) + _LEAST_SCALE
        weight = 1 / (1 + np.square(error / (_OUTLIER * scale)))
        rest = terms * weight[:, None]
        square = rest.T @ terms
        ridge = _RIDGE * np.trace(square) / len(square) * np.eye(len(square))
        found = np.linalg.solve(square + ridge + 1e-12 * np.eye(len(square)), rest.T @ wanted)
    left, whole = float(weight @ np.square(wanted - terms @ found)), float(weight @ np.square(wanted))
    certainty = (whole - left) / len(found) / max(left / len(wanted), 1e-30)
    return found if certainty > _LEAST_CERTAINTY and whole > len(wanted) * _LEAST_SCALE**2 else np.zeros_like(found)


def _alike(
    color: Float32[np.ndarray, "n 3"], luminance: Float32[np.ndarray, " n"], pairs: Int32[np.ndarray, "pairs 2"]
) -> Bool[np.ndarray, " pairs"]:
    """Which neighbours have one hue, and are bright enough to have any."""
    share = color / np.maximum(color.sum(axis=1, keepdims=True), 1e-6)
    a, b = pairs.T
    same = (np.abs(share[a] - share[b]) < _HUE_STEP).all(axis=1)
    return np.asarray(same & (np.minimum(luminance[a], luminance[b]) > 0.01))


def light_at(basis: Float64[np.ndarray, "n k"], coefficients: Float64[np.ndarray, " k"]) -> Float32[np.ndarray, " n"]:
    """The light, about 1 on average, never darker than can be undone nor as much brighter."""
    log = basis @ coefficients
    most = -np.log(_DARKEST)
    return np.exp(np.clip(log - log.mean(), -most, most)).astype(np.float32)


def without_light(color: UInt8[np.ndarray, "n 3"], light: Float32[np.ndarray, " n"], *, strength: float) -> UInt8[np.ndarray, "n 3"]:
    """sRGB colours with a share (0 to 1) of the light divided out; their mean luminance and each one's hue stay.

    What would get brighter or darker than paint can be ends smoothly at that limit.
    """
    linear = srgb_to_linear(color)
    gain = light ** np.float32(-strength)
    luminance = linear @ LUMINANCE
    gain *= luminance.sum() / max(float((gain * luminance).sum()), 1e-9)
    lowest, highest = srgb_to_linear(np.array(_RANGE, np.uint8))
    peak = linear.max(axis=1)
    wanted = np.maximum(peak * gain, np.minimum(peak, lowest))
    top = np.maximum(peak, highest)
    over = np.maximum(wanted - _KNEE * top, 0) / ((1 - _KNEE) * top)
    limited = np.where(over > 0, top * (1 - (1 - _KNEE) * np.exp(-over)), wanted)
    return linear_to_srgb(linear * (limited / np.maximum(peak, 1e-6))[:, None])
