"""Fine relief from a picture's shading: gaps between planks sink in, rivets and scales stand out.

A picture does not tell shading from paint. What is used is what shading does and paint seldom: small-scale changes of lightness without a
change of hue. Each octave is squashed, so that a hard painted edge moves the surface no more than a soft groove does.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from kiln.asset import Mesh
from kiln.backends.silhouette.frame import PlacedView
from kiln.backends.silhouette.rim import extend, rim_depth
from kiln.geometry.normals import smooth_normals
from kiln.imaging.sample import sample_bilinear

OCTAVES = (0.0022, 0.0044, 0.0088)
"""Sizes of the details (standard deviations), in heights of the subject."""

DEPTH = 0.22
"""Depth of a detail against its size at strength 1: slopes of about 25 degrees."""

CONTRAST = 5.0
"""The lightness (of 100) that counts as full shading; more is squashed to it."""

HUE_CHANGE = 9.0
"""A change of hue (Lab a, b) over one octave at which half the relief is taken for paint."""

FLAT_RIM = 0.012
"""Relief fades to nothing towards the outline over this many heights of the subject, so the outline stays."""


def add_relief(mesh: Mesh, views: tuple[PlacedView, ...], *, strength: float = 1.0) -> Mesh:
    """The mesh with its vertices moved along their normals by what the pictures' shading tells. Strength 0 gives the mesh itself."""
    if strength == 0:
        return mesh
    normals = smooth_normals(mesh)
    rise = np.zeros(mesh.vertex_count, np.float32)
    for view in views:
        _, towards = view.axes()
        facing = np.clip((normals @ towards - 0.35) / 0.35, 0, 1)
        rise += facing**2 * sample_bilinear(relief_map(view)[..., None], view.project(mesh.positions))[:, 0]
    moved = mesh.positions + normals * (np.float32(strength) * rise)[:, None]
    return replace(mesh, positions=moved, normals=None if mesh.normals is None else smooth_normals(replace(mesh, positions=moved)))


def relief_map(view: PlacedView) -> Float32[np.ndarray, "height width"]:
    """How far each pixel of a view stands out, metres; 0 at the outline and outside."""
    alpha = view.picture.alpha
    metres = view.frame.metres_per_pixel
    heights = shading_relief(extend(view.picture.pixels), pixels_per_height=1 / metres)
    fade = np.clip(rim_depth(alpha) * metres / FLAT_RIM - 0.25, 0, 1)
    return heights * (fade * np.float32(metres))


def shading_relief(pixels: UInt8[np.ndarray, "height width 4"], *, pixels_per_height: float) -> Float32[np.ndarray, "height width"]:
    """Relief told by shading, in pixels."""
    lab = cv2.cvtColor(pixels[..., :3].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    total = np.zeros(pixels.shape[:2], np.float32)
    fine = cv2.GaussianBlur(lab, (0, 0), max(0.6, OCTAVES[0] / 2 * pixels_per_height))
    for octave in OCTAVES:
        sigma = octave * pixels_per_height
        coarse = cv2.GaussianBlur(lab, (0, 0), sigma)
        detail = fine - coarse
        hue = np.hypot(detail[..., 1], detail[..., 2])
        shade = np.tanh(detail[..., 0] / CONTRAST) / (1 + np.square(hue / HUE_CHANGE))
        total += np.float32(DEPTH * sigma) * shade
        fine = coarse
    return total
