"""hull: a rounded body from two to four views.

At each height a front view gives intervals in x and a side view intervals in z. Crossing them gives boxes; here each pair gives a rounded
section instead. A view's profile is 0 on its outline and 1 on the ridge of each part, and between them as the square of an ellipse's
height, so a point is inside where

    (1 - front profile)^q + (1 - side profile)^q <= 1,

an ellipse for q = 1 and one with fuller corners above. On the front's ridge the whole side profile is inside and the other way round, so
both outlines are met exactly, without carving or patching.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float32

from kiln.asset import Mesh
from kiln.backends.silhouette.frame import PlacedView
from kiln.backends.silhouette.inflate import beyond_rim, inflate, solve
from kiln.backends.silhouette.outline import Outline, OutlineGrid, trace_outline
from kiln.backends.silhouette.solid import spacing_for, to_mesh
from kiln.geometry.polygonize import polygonize

ROUNDNESS = 1.15
"""The exponent q: 1 is an ellipse; 1.15 is a little fuller, as limbs and trunks are."""

FRONT_SHARE = 0.7
"""How much the front's outline counts where front and back disagree. Astronaut, whose two overlap by 0.87: overlaps of front and back with
the body are 0.93 and 0.93 at 0.485, 0.96 and 0.90 at 0.7."""

NO_LEVEL = 0.3
"""Half depth (metres) at which inflation levels off: more than any part of a subject 1 m tall."""

COARSE = 1 / 90
"""Spacing of the first try, metres; it tells the spacing at which the mesh has the triangles asked for."""


def build_hull(views: tuple[PlacedView, ...], *, detail: int) -> Mesh:
    """A closed mesh of about `detail` triangles with the outlines of 2 to 4 aligned views, standing on y = 0.

    Opposite views have one outline between them: where they disagree the result is in between. With no view from the side (or none from
    front and back) the depth comes from inflating the one outline there is.
    """
    front, side = _merged(views, axis=0), _merged(views, axis=90)
    if front is None or side is None:
        return _inflated(front, side, detail)
    coarse = _section_mesh(front, side, COARSE)
    spacing = COARSE * float(np.sqrt(max(coarse.triangle_count, 1) / detail))
    return _section_mesh(front, side, spacing)


def _merged(views: tuple[PlacedView, ...], *, axis: int) -> Outline | None:
    """The outline seen along one axis: of the view at this azimuth, of the opposite one mirrored, or between the two."""
    outlines = {round(v.azimuth_degrees) % 360: _outline(v) for v in views}
    first, second = outlines.get(axis), outlines.get(axis + 180)
    if first is None or second is None:
        return first if second is None else _mirrored(second)
    back = _resampled(_mirrored(second), first)
    share = np.float32(FRONT_SHARE if axis == 0 else 0.5)
    return replace(first, distance=share * first.distance + (1 - share) * back)


def _outline(view: PlacedView) -> Outline:
    return replace(trace_outline(view.picture.alpha), frame=view.frame)


def _mirrored(outline: Outline) -> Outline:
    """The outline seen from behind: pixel column c becomes -c."""
    columns = outline.distance.shape[1]
    return replace(
        outline,
        distance=np.ascontiguousarray(outline.distance[:, ::-1]),
        corner=(-(outline.corner[0] + columns), outline.corner[1]),
        frame=replace(outline.frame, middle=-outline.frame.middle),
    )


def _resampled(outline: Outline, like: Outline) -> Float32[np.ndarray, "height width"]:
    """The outline's distances at the pixels of another, in that one's pixels."""
    height, width = like.distance.shape
    grid = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1) + like.corner
    pixels = (outline.frame.to_pixels(like.frame.to_metres(grid)) - outline.corner - 0.5).astype(np.float32)
    scale = np.float32(outline.frame.metres_per_pixel / like.frame.metres_per_pixel)
    moved = cv2.remap(outline.distance, pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved * scale, np.float32)


def _inflated(front: Outline | None, side: Outline | None, detail: int) -> Mesh:
    """One outline inflated for depth; turned by a quarter when it is the side's."""
    outline = front or side
    if outline is None:
        raise ValueError("build_hull: no views")
    spacing = spacing_for(inflate(outline, spacing=COARSE), triangles=detail)
    mesh = to_mesh(inflate(outline, spacing=spacing))
    return mesh if front is not None else replace(mesh, positions=mesh.positions[:, [2, 1, 0]] * np.array([1, 1, -1], np.float32))


@dataclass(frozen=True, eq=False, kw_only=True)
class Profile:
    """One axis' view on a grid: 1 on the highest ridge of each row, 0 on the outline, negative outside."""

    grid: OutlineGrid
    height: Float32[np.ndarray, "n rows"]


def _section_mesh(front: Outline, side: Outline, spacing: float) -> Mesh:
    across, along = _profile(front, spacing), _profile(side, spacing)
    rows = max(across.height.shape[1], along.height.shape[1])
    field = _field(_padded(across, rows), _padded(along, rows))
    return polygonize(
        field, origin=(*across.grid.origin, -along.grid.origin[0] - spacing * (len(along.height) - 1)), spacing=(spacing,) * 3
    )


def _padded(profile: Profile, rows: int) -> Profile:
    """The profile with empty rows on top."""
    extra = ((0, 0), (0, rows - profile.height.shape[1]))
    return replace(profile, height=np.pad(profile.height, extra, constant_values=-1))


def _profile(outline: Outline, spacing: float) -> Profile:
    """u of the inflated outline against the greatest u at the same height: a limb beside the trunk is as much thinner as it is narrower."""
    grid = outline.sample(spacing)
    u = beyond_rim(solve(outline, spacing=spacing, level=NO_LEVEL), grid)
    top = u.max(axis=0)
    held = top > 0
    ridge = np.interp(np.arange(len(top)), np.flatnonzero(held), top[held])
    return Profile(grid=grid, height=(u / ridge).astype(np.float32))


def _field(front: Profile, side: Profile) -> Float32[np.ndarray, "nx ny nz"]:
    """Positive inside. The side is seen from the subject's left: its columns run along -z."""
    across, along = _power(1 - front.height), _power(1 - side.height[::-1])
    return 1 - across[:, :, None] - along.T[None, :, :]


def _power(values: Float32[np.ndarray, "n rows"]) -> Float32[np.ndarray, "n rows"]:
    return np.asarray(np.maximum(values, 0) ** np.float32(ROUNDNESS), np.float32)
