"""A picture fitted to a body whose outline is not quite its own: opposite views rarely agree, and the hull lies in between."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from kiln.imaging.spread import spread

FARTHEST = 0.07
"""A place of one outline belongs to a place of the other at most this far away, heights of the subject."""

SOFTNESS = 0.008
"""Standard deviation over which the shift is smoothed, heights of the subject."""

SAME_WAY = 0.5
"""Least cosine between the two outlines' directions at places that belong together."""


def outline_shift(
    body: Bool[np.ndarray, "height width"], subject: Bool[np.ndarray, "height width"]
) -> Float32[np.ndarray, "height width 2"]:
    """How far (pixels right, down) each pixel of the body's image lies from where the picture shows it.

    Each pixel on the body's outline is shifted to the nearest one on the subject's outline that runs the same way; between them the
    shift is a smooth mean, so that a limb that is a little off is moved as a whole.
    """
    height = float(max(np.ptp(np.flatnonzero(subject.any(axis=1)), axis=0) + 1, 1))
    ours, theirs = _outline(body), _outline(subject)
    away, label = cv2.distanceTransformWithLabels((~theirs).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.nonzero(theirs)
    order = np.argsort(label[rows, columns])
    rows, columns = rows[order], columns[order]
    here = np.stack(np.nonzero(ours), axis=1)
    nearest = label[here[:, 0], here[:, 1]] - 1
    there = np.stack([rows[nearest], columns[nearest]], axis=1)
    along, other = _direction(body), _direction(subject)
    same = (along[here[:, 0], here[:, 1]] * other[there[:, 0], there[:, 1]]).sum(axis=1) > SAME_WAY
    sure = same & (away[here[:, 0], here[:, 1]] < FARTHEST * height)
    at = here[sure]
    toward = np.square(along[at[:, 0], at[:, 1]])
    components = []
    for axis in (1, 0):
        # An outline tells how far it moved across itself and nothing of how far along.
        shift, known = np.zeros((2, *body.shape), np.float32)
        shift[at[:, 0], at[:, 1]] = (there - here)[sure][:, axis]
        known[at[:, 0], at[:, 1]] = toward[:, 1 - axis]
        components.append(spread(shift[..., None], known)[..., 0])
    return np.asarray(cv2.GaussianBlur(np.stack(components, axis=2), (0, 0), SOFTNESS * height), np.float32)


def _outline(mask: Bool[np.ndarray, "height width"]) -> Bool[np.ndarray, "height width"]:
    """The mask's pixels that have a neighbour outside."""
    return mask & (cv2.erode(mask.view(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) == 0)


def _direction(mask: Bool[np.ndarray, "height width"]) -> Float32[np.ndarray, "height width 2"]:
    """The unit vector into the mask, near its outline."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 3)
    slope = np.stack([cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)], axis=2)
    return slope / np.maximum(np.linalg.norm(slope, axis=2, keepdims=True), 1e-9)
