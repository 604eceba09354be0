"""The classic cutter: a real matte as it is, else background model, GrabCut, connected components and a soft edge."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kiln.asset import Picture
from kiln.backends.classic import ClassicOptions
from kiln.backends.classic.background import fit_background
from kiln.backends.classic.segment import segment
from kiln.backends.roles import Hints, Matte, Progress
from kiln.errors import CutoutError
from kiln.imaging.matting import soft_edge

_WORKING_SIDE = 448
"""Pixels: GrabCut's time grows with their number, and the outline is found again at full size."""

_SPECK_PIXELS = 16
"""Parts of a matte smaller than this are dust."""

_POINT_RADIUS = 0.006
"""How much of the picture's longer side a point of a hint stands for."""


class ClassicCutter:
    """Stateless; every call stands alone."""

    def cut(self, picture: Picture, hints: Hints, options: ClassicOptions, progress: Progress) -> Matte:
        """The matte. A real one is used as it is, but for specks; hints then only take away or add."""
        if picture.has_matte:
            return _own_matte(picture, hints)
        return _cut_from_background(picture, hints, options, progress)


def _own_matte(picture: Picture, hints: Hints) -> Matte:
    """The alpha that came with the picture: stretched where it never reaches opaque, without dust."""
    alpha = picture.alpha
    notes = ["used the picture's own alpha"]
    top = int(np.percentile(alpha[alpha >= 8], 95))
    if top < 230:
        alpha = np.clip(alpha * np.float32(255 / top), 0, 255).astype(np.uint8)
        notes.append(f"its subject was only {top / 255:.0%} opaque: made opaque")
    # Below 4 of 255 nothing can be seen, but a crop would be taken from it: compressed alpha is full of such noise.
    alpha = np.where(alpha < 4, 0, np.where(alpha > 251, 255, alpha)).astype(np.uint8)
    subject, outside = _certain(hints, alpha.shape, scale=1.0)
    alpha = np.where(outside, 0, np.where(subject, 255, alpha)).astype(np.uint8)
    return Matte(alpha=_without_dust(alpha), notes=tuple(notes))


def _without_dust(alpha: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Parts of a few pixels removed; all else untouched."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats((alpha > 0).astype(np.uint8), connectivity=8)
    dust = stats[:, cv2.CC_STAT_AREA] < _SPECK_PIXELS
    return np.where(dust[parts], 0, alpha).astype(np.uint8)


def _cut_from_background(picture: Picture, hints: Hints, options: ClassicOptions, progress: Progress) -> Matte:
    colors = picture.pixels[..., :3] * np.float32(1 / 255)
    scale = min(1.0, _WORKING_SIDE / max(picture.height, picture.width))
    small = cv2.resize(colors, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else colors
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2Lab)
    subject, outside = _certain(hints, lab.shape[:2], scale=scale)
    progress(0.1, "background model")
    background = fit_background(lab, known=outside, barred=subject)
    progress(0.3, "GrabCut")
    mask = segment(lab, background, subject=subject, outside=outside, sensitivity=options.sensitivity)
    if not mask.any():
        raise CutoutError(
            "nothing stands out from the background: give a picture on a plainer one, mark the subject with --box or --foreground "
            "points, or give a --mask"
        )
    progress(0.7, "soft edge")
    alpha = _refine(colors, mask, scale=scale)
    return Matte(
        alpha=_without_dust(np.round(alpha * 255).astype(np.uint8)),
        notes=("cut from its background by a background model and GrabCut",),
        measures={"background_noise": background.noise},
    )


def _certain(hints: Hints, shape: tuple[int, ...], *, scale: float) -> tuple[Bool[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """(certain subject, certain background) at working size, from all hints together."""
    subject = _marked(hints.foreground, hints.scribble_foreground, shape, scale=scale)
    outside = _marked(hints.background, hints.scribble_background, shape, scale=scale)
    if hints.box is not None:
        left, top, right, bottom = (round(edge * scale) for edge in hints.box)
        beyond = np.ones(shape, bool)
        beyond[top:bottom, left:right] = False
        outside |= beyond
    return subject & ~outside, outside


def _marked(points: np.ndarray | None, strokes: np.ndarray | None, shape: tuple[int, ...], *, scale: float) -> Bool[np.ndarray, "h w"]:
    canvas = np.zeros(shape, np.uint8)
    if strokes is not None:
        canvas = (cv2.resize(strokes.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA) > 0.25).astype(np.uint8)
    for x, y in () if points is None else points:
        radius = max(1, round(_POINT_RADIUS * max(shape)))
        cv2.circle(canvas, (round(float(x) * scale - 0.5), round(float(y) * scale - 0.5)), radius, 1, -1)
    return canvas > 0


def _refine(colors: Float32[np.ndarray, "h w 3"], mask: np.ndarray, *, scale: float) -> Float32[np.ndarray, "h w"]:
    """The working mask brought to full size: first the outline is found within a wide band, then softness within a narrow one."""
    height, width = colors.shape[:2]
    coarse = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    sharp = soft_edge(colors, coarse, band=2 / scale) > 0.5
    return soft_edge(colors, sharp, band=2.0)
