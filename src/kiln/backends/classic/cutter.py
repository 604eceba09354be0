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
from kiln.imaging.matte import border
from kiln.imaging.matting import soft_edge

_WORKING_SIDE = 512
"""Pixels: GrabCut's time grows with their number, and the outline is found again at full size."""

_SPECK_PIXELS = 16
"""Parts of a matte smaller than this are dust."""

_STROKE_MATCH = 10.0
"""Lab units: how far colours may be from those under a mark to be taken for the same thing."""

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
    subject, outside = _certain(hints, alpha.shape)
    alpha = np.where(outside, 0, np.where(subject, 255, alpha)).astype(np.uint8)
    return Matte(alpha=_without_dust(alpha), notes=tuple(notes))


def _without_dust(alpha: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Parts of a few pixels removed; all else untouched."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats((alpha > 0).astype(np.uint8), connectivity=8)
    dust = stats[:, cv2.CC_STAT_AREA] < _SPECK_PIXELS
    return np.where(dust[parts], 0, alpha).astype(np.uint8)


def _cut_from_background(picture: Picture, hints: Hints, options: ClassicOptions, progress: Progress) -> Matte:
    window = _window(picture, hints)
    colors = picture.pixels[window][..., :3] * np.float32(1 / 255)
    subject, outside = (marks[window] for marks in _certain(hints, picture.alpha.shape))
    scale = min(1.0, _WORKING_SIDE / max(subject.shape))
    lab = cv2.cvtColor(_shrunk(colors, scale), cv2.COLOR_RGB2Lab)
    small_subject, small_outside = _shrunk_marks(subject, lab.shape), _shrunk_marks(outside, lab.shape)
    progress(0.1, "background model")
    background = fit_background(lab, known=small_outside, barred=_alike_around(lab, small_subject), sensitivity=options.sensitivity)
    progress(0.3, "GrabCut")
    mask = segment(lab, background, subject=small_subject, outside=small_outside, sensitivity=options.sensitivity)
    if not mask.any():
        raise CutoutError(
            "nothing stands out from the background: give a picture on a plainer one, mark the subject with --box or --foreground "
            "points, or give a --mask"
        )
    progress(0.7, "soft edge")
    alpha = np.zeros(picture.alpha.shape, np.uint8)
    cleaned = _without_dust(np.round(_refine(colors, mask, scale=scale) * 255).astype(np.uint8))
    alpha[window] = np.where(outside, 0, np.where(subject, 255, cleaned))
    note = "cut from its background by a background model and GrabCut"
    return Matte(alpha=alpha, notes=(note,), measures={"background_noise": background.noise})


def _window(picture: Picture, hints: Hints) -> tuple[slice, slice]:
    """Rows and columns of the box, or of the whole picture: what lies at the box's border is background, what lies beyond says nothing."""
    if hints.box is None:
        return slice(0, picture.height), slice(0, picture.width)
    left, top, right, bottom = (round(edge) for edge in hints.box)
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def _shrunk(colors: Float32[np.ndarray, "h w 3"], scale: float) -> Float32[np.ndarray, "h w 3"]:
    return cv2.resize(colors, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else colors


def _shrunk_marks(marks: Bool[np.ndarray, "h w"], shape: tuple[int, ...]) -> Bool[np.ndarray, "h w"]:
    """A mark stays when it covers a fifth of a pixel, so that thin strokes survive."""
    return cv2.resize(marks.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_AREA) > 0.2


def _alike_around(lab: Float32[np.ndarray, "h w 3"], marked: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The marked pixels, and what is connected with them in their colours: so much cannot be background.

    Where that would be much of the border, the mark lies on something of the background's own colour, and counts for itself only.
    """
    alike = marked.copy()
    _, strokes = cv2.connectedComponents(marked.astype(np.uint8))
    for stroke in range(1, strokes.max() + 1):
        color = np.median(lab[strokes == stroke], axis=0)
        near = np.linalg.norm(lab - color, axis=2) < _STROKE_MATCH
        _, parts = cv2.connectedComponents(near.astype(np.uint8), connectivity=4)
        found = near & np.isin(parts, np.unique(parts[(strokes == stroke) & near]))
        alike |= found if border(found).mean() < 0.5 else False
    return alike


def _certain(hints: Hints, shape: tuple[int, ...]) -> tuple[Bool[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """(certain subject, certain background) from all hints together."""
    subject = _marked(hints.foreground, hints.scribble_foreground, shape)
    outside = _marked(hints.background, hints.scribble_background, shape)
    if hints.box is not None:
        left, top, right, bottom = (round(edge) for edge in hints.box)
        beyond = np.ones(shape, bool)
        beyond[top:bottom, left:right] = False
        outside |= beyond
    return subject & ~outside, outside


def _marked(points: np.ndarray | None, strokes: np.ndarray | None, shape: tuple[int, ...]) -> Bool[np.ndarray, "h w"]:
    canvas = np.zeros(shape, np.uint8) if strokes is None else strokes.astype(np.uint8)
    radius = max(2, round(_POINT_RADIUS * max(shape)))
    for x, y in () if points is None else points:
        cv2.circle(canvas, (int(x), int(y)), radius, 1, -1)
    return canvas > 0


def _refine(colors: Float32[np.ndarray, "h w 3"], mask: np.ndarray, *, scale: float) -> Float32[np.ndarray, "h w"]:
    """The working mask brought to full size: first the outline is found within a wide band, then softness within a narrow one."""
    height, width = colors.shape[:2]
    coarse = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    sharp = soft_edge(colors, coarse, band=2 / scale) > 0.5
    return soft_edge(colors, sharp, band=2.0)
