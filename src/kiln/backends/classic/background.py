"""The background of an opaque picture: a smooth field of colour, fitted to the border and grown inwards from it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from kiln.imaging.spread import spread

_BORDER = 0.02
"""Width of the strip along the border that is taken for background to begin with, as a share of the longer side."""

_ROUNDS = 3
"""Times the field is fitted and grown; from the second to the sixth, fewer than 0.03 % of a picture's pixels change sides."""

_SLACK_SHARE = 0.4
"""How wrong the field may be behind the subject, as a share of its standard deviation elsewhere."""

_NEAR = 3.3
"""Lab units: how far a pixel of a noiseless background may be from the field."""

_SOFT = 2.1
"""Lab units a pixel: the steepest slope inside a soft shadow or a blurred background."""

_SHADOW_TINT = 13.5
"""Lab units: how far a shadow's tint may be from the background's. Beside a wooden house it is 13, by reflected light."""

_LEVEL = 0.85
"""Lab units a pixel: a slope so low that it is followed wherever it leads, through glows and vignettes of any depth."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Background:
    """What was learnt of the background at working size."""

    field: Float32[np.ndarray, "height width 3"]
    """Lab colour the background has, or would have behind the subject."""

    grown: Bool[np.ndarray, "height width"]
    """Pixels that belong to it: reached from the border over like colours, soft gradients and soft shadows."""

    difference: Float32[np.ndarray, "height width"]
    """Lab distance of each pixel to the field."""

    noise: float
    """Lab units: standard deviation of the grain."""

    slack: float
    """Lab units: how wrong the field may be behind the subject. It grows with how much the background varies where it is seen."""


def fit_background(
    lab: Float32[np.ndarray, "height width 3"],
    *,
    known: Bool[np.ndarray, "height width"],
    barred: Bool[np.ndarray, "height width"],
    sensitivity: float = 1.0,
) -> Background:
    """Model the background of a picture from its border and from `known` background; `barred` pixels are known not to be it.

    When the whole border is barred, it is used all the same: there is nothing else to start from. `sensitivity` divides what is tolerated
    as background.
    """
    border = _border(lab.shape[:2])
    border = border & ~barred if (border & ~barred).any() else border
    noise = _noise(lab, border)
    # Grain is smoothed away before slopes are taken, or it would wall the region in.
    blur = 1 + noise / 2
    smooth = cv2.GaussianBlur(lab, (0, 0), blur)
    slope = _slope(smooth) * blur * sensitivity  # an outline's slope is divided by the blur
    near = (_NEAR + noise / 2) / sensitivity
    trend, seed = _fit_polynomial(smooth, border, near=near)
    start = seed | known | (_corners(lab.shape[:2]) & ~barred)
    grown, lit = start, seed | known
    for _ in range(_ROUNDS):
        field = trend + _local(smooth - trend, lit)
        alike = (_length(smooth - field) < near) & (slope < _SOFT)
        shadow = _is_shadow(smooth, field) & (slope < _SOFT)
        grown = _reached((alike | shadow | known | (slope < _LEVEL)) & ~barred, start=start)
        lit = (grown & (alike | ~shadow)) | known
    field = trend + _local(smooth - trend, lit)
    slack = _SLACK_SHARE * float(field[lit].std(axis=0).max())
    return Background(field=field, grown=grown, difference=_length(lab - field), noise=noise, slack=slack)


def _border(shape: tuple[int, ...]) -> Bool[np.ndarray, "height width"]:
    strip = max(2, round(_BORDER * max(shape)))
    border = np.ones(shape, bool)
    border[strip:-strip, strip:-strip] = False
    return border


def _corners(shape: tuple[int, ...]) -> Bool[np.ndarray, "height width"]:
    """The picture's corners: a floor may differ from the wall as it likes, but subjects do not reach there."""
    size = max(2, round(_BORDER * max(shape)))
    corners = np.zeros(shape, bool)
    corners[np.ix_([*range(size), *range(-size, 0)], [*range(size), *range(-size, 0)])] = True
    return corners


def _noise(lab: np.ndarray, border: np.ndarray) -> float:
    """Standard deviation of the grain, by the median, which the subject's details do not move."""
    grain = cv2.absdiff(lab, cv2.GaussianBlur(lab, (0, 0), 1.0))[border]
    return 1.48 * float(np.median(grain.max(axis=1)))


def _length(vectors: np.ndarray) -> Float32[np.ndarray, "height width"]:
    return np.sqrt(np.einsum("hwc,hwc->hw", vectors, vectors))


def _slope(smooth: np.ndarray) -> Float32[np.ndarray, "height width"]:
    """Steepest change of any Lab channel, units a pixel."""
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *axes, scale=1 / 8) for axes in ((1, 0), (0, 1)))
    return np.sqrt(across**2 + down**2).max(axis=2)


def _fit_polynomial(colors: np.ndarray, seed: np.ndarray, *, near: float) -> tuple[np.ndarray, np.ndarray]:
    """(quadratic surface in x and y over the whole picture, the seed's pixels that lie on it), by trimmed least squares.

    It starts from the seed's median colour, so a subject that touches up to half of the border does not bend it.
    """
    y, x = np.mgrid[-1 : 1 : colors.shape[0] * 1j, -1 : 1 : colors.shape[1] * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    basis, values = terms[seed], colors[seed]
    fitted = np.median(values, axis=0)
    for _ in range(6):
        residual = np.linalg.norm(values - fitted, axis=1)
        kept = residual <= max(near, 1.5 * float(np.median(residual)))
        coefficients = np.linalg.lstsq(basis[kept], values[kept], rcond=None)[0]
        fitted = basis @ coefficients
    inliers = seed.copy()
    inliers[seed] = np.linalg.norm(values - fitted, axis=1) <= max(2 * near, 2.5 * float(np.median(residual)))
    return (terms @ coefficients).astype(np.float32), inliers


def _local(residual: np.ndarray, where: np.ndarray) -> Float32[np.ndarray, "height width 3"]:
    """The residual of the known pixels, smoothed over 1/32 of the picture and spread everywhere: horizons, vignettes, glows."""
    cell = max(4, max(residual.shape[:2]) // 64)
    height, width = residual.shape[:2]
    size = (-(-width // cell), -(-height // cell))
    weight = cv2.resize(where.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(residual * where[..., None], size, interpolation=cv2.INTER_AREA)
    coarse = spread(total / np.maximum(weight[..., None], 1e-6), np.minimum(1, 2 * weight))
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


def _is_shadow(colors: np.ndarray, field: np.ndarray) -> Bool[np.ndarray, "height width"]:
    """Pixels that are the background's own colour, only darker: 0.4 to 1 of its lightness, and little change of tint.

    On backgrounds darker than 30 no shadow can be seen, and everything dark would pass for one.
    """
    ratio = colors[..., 0] / np.maximum(field[..., 0], 1)
    tint = _length(colors[..., 1:] - field[..., 1:] * ratio[..., None])
    return (ratio > 0.4) & (ratio < 1) & (tint < _SHADOW_TINT) & (field[..., 0] > 30)


def _reached(passable: np.ndarray, *, start: np.ndarray) -> Bool[np.ndarray, "height width"]:
    """Passable pixels connected with the start over at least three pixels' width, so that nothing leaks through a gap in an outline."""
    wide = cv2.erode(passable.astype(np.uint8), np.ones((3, 3), np.uint8))
    _, labels = cv2.connectedComponents(wide | (start & passable), connectivity=4)
    hit = np.zeros(labels.max() + 1, bool)
    hit[labels[start & passable]] = True
    hit[0] = False
    return (cv2.dilate(hit[labels].astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & passable
