"""Views brought to one scale and position: the subject is as tall in each, and opposite views lie over each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kiln.asset import VIEW_AZIMUTH_DEGREES, Picture
from kiln.backends.silhouette.frame import HALF, PictureFrame, PlacedView

ROWS = 256
"""Heights at which views are compared."""

LARGEST_STRETCH = 0.12
"""A view that is cut off by its picture's border may be up to this much taller than what is seen of it."""

GOOD_OVERLAP = 0.97
"""Above this overlap opposite views are one outline but for the camera's noise."""

POOR_OVERLAP = 0.8
"""Below this overlap two opposite views are not the same subject in the same pose."""

POOR_COLORS = 0.25
"""Below this share of common colours two views are hardly of the same subject. An astronaut's front and back share 0.6."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Alignment:
    """Placed views, and how well they agree."""

    views: tuple[PlacedView, ...]
    notes: tuple[str, ...] = ()
    overlap: float = 1.0
    """Least intersection over union of two opposite views, one of them mirrored; 1 when there are none."""


def align_views(pictures: tuple[Picture, ...]) -> Alignment:
    """Each picture with its frame: 1 m tall and standing on y = 0, sideways where opposite views overlap best.

    A view whose subject touches the upper or lower border of its picture is scaled by its colours over height instead of by its box.
    Views that disagree are placed all the same, with a warning that holds the number.
    """
    views = [PlacedView(picture=p, azimuth_degrees=VIEW_AZIMUTH_DEGREES[p.view], frame=PictureFrame.of_matte(p.alpha)) for p in pictures]
    whole = [view for view in views if not _is_cut_off(view.picture.alpha)]
    notes: list[str] = []
    if whole and len(whole) < len(views):
        views = [view if view in whole else _stretched(view, whole[0], notes) for view in views]
    overlap = 1.0
    for a, b in combinations(range(len(views)), 2):
        turned = (views[a].azimuth_degrees - views[b].azimuth_degrees) % 360
        notes.append(_color_note(views[a], views[b]))
        if turned == 180:
            views[b], found = _laid_over(views[b], views[a])
            notes.append(_overlap_note(views[a], views[b], found))
            overlap = min(overlap, found)
    if len({round(view.azimuth_degrees) % 180 for view in views}) == 1 and len(views) > 1:
        notes.append(
            f"no view across {views[0].picture.view} and {views[1].picture.view}: the depth is a guess, inflated from their outline"
        )
    return Alignment(views=tuple(views), notes=tuple(note for note in notes if note), overlap=overlap)


def _overlap_note(a: PlacedView, b: PlacedView, overlap: float) -> str:
    words = f"{a.picture.view} and {b.picture.view} outlines overlap by {overlap:.0%}"
    if overlap >= GOOD_OVERLAP:
        return words + ", one mirrored"
    if overlap >= POOR_OVERLAP:
        return words + ", one mirrored: no one shape has both, it lies between them"
    return f"warning: {words} only: they do not look like one subject in one pose"


def _color_note(a: PlacedView, b: PlacedView) -> str:
    """A warning where two views have hardly a colour in common; empty where they agree."""
    shared = float(np.minimum(_color_shares(a), _color_shares(b)).sum())
    if shared >= POOR_COLORS:
        return ""
    return f"warning: {a.picture.view} and {b.picture.view} share only {shared:.0%} of their colours: they do not look like one subject"


def _color_shares(view: PlacedView) -> Float32[np.ndarray, "4 8 8"]:
    """The share of the subject's pixels in each of 4 x 8 x 8 classes of Lab colour."""
    small = cv2.resize(view.picture.pixels, (128, 128), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small[..., :3], cv2.COLOR_RGB2LAB)
    counts = cv2.calcHist([lab], [0, 1, 2], (small[..., 3] > HALF).view(np.uint8), [4, 8, 8], [0, 256, 48, 208, 48, 208])
    return np.asarray(counts / max(float(counts.sum()), 1.0), np.float32)


def _is_cut_off(alpha: UInt8[np.ndarray, "height width"]) -> bool:
    """Whether the subject goes on beyond the picture's upper or lower border: it touches it over a tenth of its own width."""
    width = int((alpha > HALF).any(axis=0).sum())
    return max(int((alpha[0] > HALF).sum()), int((alpha[-1] > HALF).sum())) > 0.1 * width


def _row_colors(view: PlacedView, frame: PictureFrame | None = None) -> Float32[np.ndarray, "rows 3"]:
    """The mean Lab colour at each of ROWS heights from top to bottom; NaN where the view shows nothing of the subject."""
    pixels, frame = view.picture.pixels, frame or view.frame
    weight = (pixels[..., 3] > HALF).astype(np.float32)
    lab = cv2.cvtColor(pixels[..., :3].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    count = weight.sum(axis=1)
    means = (lab * weight[..., None]).sum(axis=1) / np.where(count > 0, count, np.nan)[:, None]
    heights = 1 - (np.arange(ROWS) + 0.5) / ROWS
    rows = frame.to_pixels(np.stack([np.zeros(ROWS), heights], axis=1))[:, 1] - 0.5
    return np.stack([np.interp(rows, np.arange(len(means)), channel, left=np.nan, right=np.nan) for channel in means.T], axis=1).astype(
        np.float32
    )


def _agreement(a: Float32[np.ndarray, "rows 3"], b: Float32[np.ndarray, "rows 3"]) -> float:
    """Correlation of two rows' colours over the heights that both show; 1 where one has no variation to compare."""
    both = np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1)
    if both.sum() < ROWS // 4:
        return 0.0
    a, b = a[both] - a[both].mean(axis=0), b[both] - b[both].mean(axis=0)
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return 1.0 if size < 1.0 * both.sum() else float((a * b).sum() / size)


def _stretched(view: PlacedView, to: PlacedView, notes: list[str]) -> PlacedView:
    """The view scaled and shifted so that its colours over height match those of a view that shows the whole subject."""
    wanted = _row_colors(to)
    best, best_frame = _agreement(_row_colors(view), wanted), view.frame
    for scale in np.linspace(1 - LARGEST_STRETCH, 1, 13):
        for shift in np.linspace(0, 1 - scale, 5):
            frame = replace(view.frame, metres_per_pixel=view.frame.metres_per_pixel * scale)
            frame = replace(frame, bottom=frame.bottom + shift / frame.metres_per_pixel)
            found = _agreement(_row_colors(view, frame), wanted)
            if found > best + 1e-3:
                best, best_frame = found, frame
    notes.append(
        f"{view.picture.view} is cut off by its picture's border and was fitted to {to.picture.view} by colour (correlation {best:.2f})"
    )
    return replace(view, frame=best_frame)


def _laid_over(view: PlacedView, opposite: PlacedView) -> tuple[PlacedView, float]:
    """The view shifted sideways so that its mirrored outline overlaps the opposite one best, and that overlap."""
    step = 1 / ROWS
    half = int(np.ceil(max(v.picture.width * v.frame.metres_per_pixel for v in (view, opposite)) / step))
    there, here = _mask(opposite, step, half), _mask(view, step, half)[:, ::-1]
    reach = there.shape[1] // 8
    overlaps = [_overlap(there, np.roll(here, shift, axis=1)) for shift in range(-reach, reach + 1)]
    best = int(np.argmax(overlaps))
    shift = best - reach
    middle = view.frame.middle + shift * step / view.frame.metres_per_pixel
    return replace(view, frame=replace(view.frame, middle=middle)), float(overlaps[best])


def _overlap(a: Bool[np.ndarray, "rows columns"], b: Bool[np.ndarray, "rows columns"]) -> float:
    return float((a & b).sum() / max(int((a | b).sum()), 1))


def _mask(view: PlacedView, step: float, half: int) -> Bool[np.ndarray, "rows columns"]:
    """The subject on a grid of this step (metres): `half` columns on each side of the middle one, which is over the origin."""
    x, y = np.arange(-half, half + 1) * step, 1 - (np.arange(ROWS) + 0.5) * step
    pixels = (view.frame.to_pixels(np.stack(np.meshgrid(x, y), axis=-1)) - 0.5).astype(np.float32)
    alpha = cv2.remap(view.picture.alpha, pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(alpha > HALF)
