"""Edges of triangles drawn over a picture, hidden ones left out."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32

from kiln.geometry.areas import flat_areas
from kiln.render.view import Shot


def edge_coverage(shot: Shot, *, line_width: float = 0.9) -> Float32[np.ndarray, "height width"]:
    """How much of each pixel is covered by the edges of visible triangles; line_width in pixels."""
    a, b, c = (shot.points[shot.triangles[:, k]] for k in range(3))
    double_area = 2 * np.abs(flat_areas(shot.points, shot.triangles))
    opposite = np.stack([np.linalg.norm(c - b, axis=1), np.linalg.norm(a - c, axis=1), np.linalg.norm(b - a, axis=1)], axis=1)
    altitude = (double_area[:, None] / np.maximum(opposite, 1e-9)).astype(np.float32)
    shown = shot.fragments.triangle >= 0
    triangle, bary = shot.fragments.triangle[shown], shot.fragments.bary[shown]
    weights = np.stack([1 - bary.sum(axis=1), bary[:, 0], bary[:, 1]], axis=1)
    distance = (weights * altitude[triangle]).min(axis=1)
    fine = np.zeros(shot.fragments.triangle.shape, np.float32)
    # Each side of an edge draws its half of the line; one more half fragment softens the border.
    fine[shown] = np.clip(line_width * shot.samples / 2 + 0.5 - distance, 0, 1)
    return cv2.resize(fine, None, fx=1 / shot.samples, fy=1 / shot.samples, interpolation=cv2.INTER_AREA)
