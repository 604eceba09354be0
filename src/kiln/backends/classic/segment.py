"""Subject or background for every pixel: GrabCut on what differs from the background, then connected components."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kiln.backends.classic.background import Background
from kiln.imaging.matte import border, bounding_box

_SEED = 20
"""For the k-means that GrabCut's colour models start from."""

_DITHER = 1.5
"""Lab units."""

_ITERATIONS = 2
"""GrabCut rounds; a third and fourth change fewer than 0.07 % of a picture's pixels."""

_RIM = 8
"""Pixels of certain background that GrabCut sees around the rest."""

_CLEAR = 5.0
"""Lab units: what differs this much from a plain, noiseless background is the subject, if it is no thinner than 7 pixels."""

_SPECK_SHARE = 0.002
"""Parts smaller than this share of the largest are dropped, unless a hint lies on them."""

_HOLE_MATCH = 4.0
"""Lab units: how near to the background's colour most of a hole's pixels are."""

_PINHOLE_SHARE = 6e-4
"""Holes smaller than this share of the subject are filled: a highlight in an eye is about that large, and may have the background's very
colour."""

_SMALL_HOLE_SHARE = 5e-3
"""Holes smaller than this must match the background in three quarters of their pixels, larger ones in two fifths."""


def segment(
    lab: Float32[np.ndarray, "height width 3"],
    background: Background,
    *,
    subject: Bool[np.ndarray, "height width"],
    outside: Bool[np.ndarray, "height width"],
    sensitivity: float,
) -> Bool[np.ndarray, "height width"]:
    """The subject as a hard mask; `subject` and `outside` are what hints make certain."""
    clear = (_CLEAR + 2 * background.noise + 2 * background.slack) / sensitivity
    differs = ~background.grown & (background.difference > clear)
    if not (differs | subject).any():
        return subject
    labels = _first_guess(background, differs, subject=subject, outside=outside)
    if (labels == cv2.GC_PR_FGD).any() and (labels == cv2.GC_PR_BGD).any():
        labels = _grab_cut(lab, background, labels)
    mask = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    mask = _without_specks(mask, subject)
    return (_with_false_holes_filled(mask, background) | subject) & ~outside


def _first_guess(background: Background, differs: np.ndarray, *, subject: np.ndarray, outside: np.ndarray) -> UInt8[np.ndarray, "h w"]:
    """GrabCut's start: certain background well inside what grew from the border, certain subject only where hints say so."""
    labels = np.where(background.grown, cv2.GC_PR_BGD, cv2.GC_PR_FGD).astype(np.uint8)
    core = cv2.erode(background.grown.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=1) > 0
    labels[core] = cv2.GC_BGD
    deep = cv2.erode(differs.astype(np.uint8), np.ones((7, 7), np.uint8), borderValue=0) > 0
    labels[deep] = cv2.GC_FGD
    labels[~background.grown & (background.difference < 2 + background.noise + background.slack)] = cv2.GC_PR_BGD
    labels[outside] = cv2.GC_BGD
    labels[subject] = cv2.GC_FGD
    return labels


def _grab_cut(lab: np.ndarray, background: Background, labels: np.ndarray) -> UInt8[np.ndarray, "h w"]:
    """GrabCut (Rother et al. 2004) on the difference to the background, which makes any gradient one plain colour.

    Only the part of the picture that is not certain background takes part, with a rim of it.
    """
    # The dither keeps a plain background's colour model from having no width, and makes it as wide as the field is uncertain.
    dither = np.random.default_rng(_SEED).normal(128, _DITHER + background.slack / 2, lab.shape)
    difference = np.clip(lab - background.field + dither, 0, 255).astype(np.uint8)
    top, bottom, left, right = bounding_box(labels != cv2.GC_BGD)
    window = np.s_[max(top - _RIM, 0) : bottom + _RIM, max(left - _RIM, 0) : right + _RIM]
    part = np.ascontiguousarray(labels[window])
    cv2.setRNGSeed(_SEED)
    no_box = (0, 0, 1, 1)  # not looked at when the start is a mask
    cv2.grabCut(
        np.ascontiguousarray(difference[window]), part, no_box, np.zeros((1, 65)), np.zeros((1, 65)), _ITERATIONS, cv2.GC_INIT_WITH_MASK
    )
    labels = labels.copy()
    labels[window] = part
    return labels


def _without_specks(mask: np.ndarray, subject: np.ndarray) -> Bool[np.ndarray, "h w"]:
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = areas >= _SPECK_SHARE * areas[1:].max(initial=0)
    kept[parts[subject]] = True
    kept[0] = False
    return kept[parts]


def _with_false_holes_filled(mask: np.ndarray, background: Background) -> Bool[np.ndarray, "h w"]:
    """Holes filled that are tiny, or that mostly show something other than the background: the white of an eye is shaded, a gap is not."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA]
    alike = (background.difference < _HOLE_MATCH + background.noise + background.slack).astype(np.float32)
    matching = np.bincount(parts.ravel(), weights=alike.ravel(), minlength=count) / np.maximum(areas, 1)
    shares = areas / max(1, int(np.count_nonzero(mask)))
    filled = (shares < _PINHOLE_SHARE) | (matching < np.where(shares < _SMALL_HOLE_SHARE, 0.75, 0.4))
    filled[border(parts)] = False
    filled[0] = False
    return mask | filled[parts]
