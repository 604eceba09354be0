"""auto: which way of making a shape suits an outline, from measured symmetry and flatness, and why, in one sentence.

inflate is right more often than not and never badly wrong, so the others must earn it. Thresholds were set on cut-out game subjects and
drawn shapes: what is turned (bottles, lanterns, trees), what is flat (swords, shields, boards) and what only looks like it (crates seen
corner-on, people with arms spread, balls, skewers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from kiln.asset import Picture
from kiln.backends.silhouette.frame import HALF
from kiln.backends.silhouette.lathe import core_share, find_axis
from kiln.backends.silhouette.outline import Outline, OutlineGrid, body

CELLS = 200
"""Of the grid that is measured, along the subject's longer side."""

COLOUR_PIXELS = 160
RINGS = 24
GREY_CHROMA = 14.0
"""Lab; below it a colour passes for metal."""

PLAIN_VARIANCE = 60.0
"""Lab units squared; below it the colours say nothing."""

HANDLE_HOLE_SHARE = 0.02
RIM_SHARE = 0.06
"""How far from the top and the bottom their widths are measured, in heights."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A method, and the measured reason for it."""

    method: Literal["inflate", "lathe", "extrude"]
    reason: str
    curved: bool = False
    """For extrude: bent back at the left and right, as a shield is."""

    back: Literal["mirror", "plain"] = "mirror"
    """What the side that is not seen looks like: bottles and blades are alike all round; a face has no face behind it."""


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What is measured of an outline."""

    symmetry: float
    """Overlap (IoU) with its mirror image about the best upright axis."""

    core: float
    """Share of the area that a solid turned about that axis covers."""

    on_axis: float
    """Share of the height at which the axis is inside."""

    pole: float
    """Share of the rows that are less than a fifth as wide as the widest: high for a hammer or a lamp post, low for a toadstool."""

    foot_on_axis: bool
    """Whether the lowest rows are on the axis: it stands on one foot, not on two."""

    aspect: float
    """Width over height, of the body alone where there is a handle."""

    solidity: float
    """Area over that of the convex hull."""

    top: float
    """Width near the top over the greatest width."""

    bottom: float
    """Width near the bottom over the greatest width."""

    slimness: float
    """Typical width over length, the subject turned as it may be."""

    length: float
    """Length over width, the subject turned as it may be."""

    length_symmetry: float
    """Overlap with its mirror image about its long axis."""

    handle: float
    """Share of its length over which it is less than a third as wide as at its widest."""

    board: float
    """Share of the area taken by the widest rows when these make an upright rectangle with sharp ends, else 0."""

    handled: bool
    """Whether there is a hole beside the axis, away from the body, as a handle makes."""

    grey: float
    """Share of the subject that has next to no colour, as metal has."""

    bands: float
    """Share of the variance of colour that is between rows: high for what is turned, low where every side looks different. 1 when plain."""

    rings: float
    """Largest step of colour from one ring about the middle to the next (Lab) when rings explain the colours, else 0."""


def choose(outline: Outline, picture: Picture) -> Choice:
    """The method for one picture."""
    t = measure(outline, picture)
    return _flat(t) or _turned(t) or Choice(method="inflate", reason=_why_inflated(t), back="plain")


def _flat(t: Traits) -> Choice | None:
    if t.slimness < 0.1 and t.length > 2.2 and t.length_symmetry > 0.7 and t.grey > 0.45:
        reason = f"a slim blade: typical width {t.slimness:.1%} of its length, {t.grey:.0%} of it grey as metal"
        return Choice(method="extrude", reason=reason)
    if t.solidity > 0.93 and t.symmetry > 0.95 and 0.6 < t.aspect < 1.3 and t.on_axis > 0.97 and t.top > 0.6 and t.bottom < 0.55:
        reason = (
            f"the outline of a shield: {t.symmetry:.0%} mirror-symmetric, {t.solidity:.0%} of its convex hull, broad above, pointed below"
        )
        return Choice(method="extrude", reason=reason, curved=True, back="plain")
    if t.solidity > 0.97 and t.symmetry > 0.97 and 0.92 < t.aspect < 1.08 and t.top < 0.6 and t.rings > 8:
        return Choice(
            method="extrude", reason=f"a round shield: a disc with rings {t.rings:.0f} Lab units apart, which no ball has", curved=True
        )
    if t.length > 1.6 and t.handle > 0.4 and t.length_symmetry < 0.8 and t.grey > 0.35:
        reason = f"a blade on a handle: {t.handle:.0%} of its length is slim, {t.grey:.0%} of it grey as metal, all on one side"
        return Choice(method="extrude", reason=reason)
    if t.board > 0.55 and t.bottom < 0.5 and t.grey < 0.6:
        return Choice(method="extrude", reason=f"a board on a post: {t.board:.0%} of the area is one upright rectangle", back="plain")
    return None


def _turned(t: Traits) -> Choice | None:
    # The wider, the more symmetric it must be: crates seen corner-on are 0.90 symmetric at an aspect of 0.9, lanterns 0.94 at 0.5.
    least = 0.9 + 0.15 * max(0.0, t.aspect - 0.55)
    boxy = t.aspect > 1.05 or (t.aspect > 0.8 and t.bottom > 0.7)
    stands = t.on_axis > 0.8 and t.foot_on_axis and t.core > 0.85
    alike = t.symmetry > least and t.bands > 0.2
    # On a pole a head stands out to both sides only (a hammer's), or is round enough when inflated (a staff's).
    if boxy or not stands or not alike or t.pole > 0.55:
        return None
    handle = ", its handle left aside" if t.handled else ""
    reason = (
        f"upright and {t.symmetry:.0%} mirror-symmetric{handle} (at least {least:.0%} for this width); turning covers {t.core:.0%} of it"
    )
    return Choice(method="lathe", reason=reason)


def _why_inflated(t: Traits) -> str:
    measures = f"{t.symmetry:.0%} mirror-symmetric, turning covers {t.core:.0%}, rows explain {t.bands:.0%} of the colours"
    return f"{measures}: neither flat nor turned"


def measure(outline: Outline, picture: Picture) -> Traits:
    """The traits that `choose` looks at."""
    grid = outline.sample(max(outline.size) / CELLS)
    inside = grid.inside
    axis = find_axis(body(grid))
    whole = find_axis(grid).symmetry
    handled = _has_handle(inside) and axis.symmetry > whole
    rows = np.flatnonzero(inside.any(axis=0))
    across = (body(grid).inside if handled else inside).any(axis=1)
    column = int(np.clip(np.rint((axis.x - grid.origin[0]) / grid.spacing), 0, len(inside) - 1))
    widths = inside.sum(axis=0)[rows]
    edge = min(max(1, round(RIM_SHARE * len(rows))), len(rows))
    return Traits(
        symmetry=axis.symmetry if handled else whole,
        core=core_share(grid, axis.x),
        on_axis=float(inside[column, rows].mean()),
        foot_on_axis=bool(inside[column, rows[: 2 * edge]].mean() > 0.6),
        aspect=float(across.sum() / len(rows)),
        pole=float((widths < widths.max() / 5).mean()),
        solidity=outline.solidity,
        top=float(widths[-edge] / widths.max()),
        bottom=float(widths[edge - 1] / widths.max()),
        board=_board(grid),
        handled=handled,
        **_long_traits(outline),
        **_colour_traits(picture),
    )


def _has_handle(inside: Bool[np.ndarray, "nx ny"]) -> bool:
    """Whether there is a hole of some size."""
    _, label, stats, _ = cv2.connectedComponentsWithStats((~inside).astype(np.uint8), connectivity=4)
    sizes = np.delete(stats[:, cv2.CC_STAT_AREA], [0, int(label[0, 0])]) if len(stats) > 2 else np.zeros(0)
    return bool((sizes > HANDLE_HOLE_SHARE * inside.sum()).any())


def _long_traits(outline: Outline) -> dict[str, float]:
    """Traits along the long axis of inertia. The tightest box's would not do: a sword's lies askew, from its guard to its tip."""
    inertia = outline.inertia
    typical = 4 * float(outline.distance[outline.distance > 0].mean())
    size, scale = 2 * CELLS, CELLS / inertia.length
    x, y = inertia.along
    turn = scale * np.array([[y, -x, 0], [x, y, 0]])
    turn[:, 2] = size / 2 - turn[:, :2] @ inertia.middle
    upright = cv2.warpAffine(outline.distance, turn, (size, size), borderValue=-1.0)
    grid = OutlineGrid(distance=np.ascontiguousarray(upright.T), origin=(0.0, 0.0), spacing=1.0)
    widths = grid.inside.sum(axis=0)[grid.inside.any(axis=0)]
    return {
        "length": inertia.length / inertia.width,
        "slimness": typical / inertia.length,
        "length_symmetry": find_axis(grid).symmetry,
        "handle": float((widths < widths.max(initial=0) / 3).mean()) if len(widths) else 0.0,
    }


def _board(grid: OutlineGrid) -> float:
    """Share of the area in the rows within a tenth of the greatest width, if these have straight sides and the width drops at both ends."""
    inside = grid.inside
    widths = inside.sum(axis=0)
    wide = np.flatnonzero(widths > 0.9 * widths.max())
    low, high = int(wide[0]), int(wide[-1])
    left, right = inside[:, wide].argmax(axis=0), inside[::-1, wide].argmax(axis=0)
    straight = max(float(left.std()), float(right.std())) < 0.015 * widths.max()
    step = max(2, round(0.04 * CELLS))
    sharp = all(widths[np.clip(end, 0, len(widths) - 1)] < 0.5 * widths.max() for end in (low - step, high + step))
    whole = len(wide) > 0.95 * (high - low + 1)
    return float(widths[low : high + 1].sum() / widths.sum()) if straight and sharp and whole else 0.0


def _colour_traits(picture: Picture) -> dict[str, float]:
    small = cv2.resize(picture.pixels, (COLOUR_PIXELS, COLOUR_PIXELS), interpolation=cv2.INTER_AREA)
    inside = small[..., 3] > HALF
    if not inside.any():
        return {"grey": 0.0, "bands": 1.0, "rings": 0.0}
    lab: Float32[np.ndarray, "n 3"] = cv2.cvtColor(small[..., :3].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[inside]
    row, column = np.nonzero(inside)
    reach = np.hypot((row - row.mean()) / max(np.ptp(row), 1), (column - column.mean()) / max(np.ptp(column), 1))
    return {
        "grey": float((np.hypot(lab[:, 1], lab[:, 2]) < GREY_CHROMA).mean()),
        "bands": _explained(lab, row)[0],
        "rings": _largest_step(lab, np.minimum((reach * 2 * RINGS).astype(np.int64), RINGS - 1)),
    }


def _explained(lab: Float32[np.ndarray, "n 3"], group: Int64[np.ndarray, " n"]) -> tuple[float, Float64[np.ndarray, "groups 3"]]:
    """Share of the variance of colour that lies between groups (1 for a plain subject), and each group's mean colour."""
    count = np.maximum(np.bincount(group), 1)[:, None]
    means = np.stack([np.bincount(group, weights=lab[:, k]) for k in range(3)], axis=1) / count
    within, total = float(np.square(lab - means[group]).sum(axis=1).mean()), float(lab.var(axis=0).sum())
    return (1.0 if total < PLAIN_VARIANCE else 1 - within / total), means


def _largest_step(lab: Float32[np.ndarray, "n 3"], ring: Int64[np.ndarray, " n"]) -> float:
    """Largest step of colour between neighbouring rings, rim and middle left out, when rings explain half of the colours."""
    explained, means = _explained(lab, ring)
    steps = np.linalg.norm(np.diff(means, axis=0), axis=1)[RINGS // 6 : -RINGS // 8]
    return float(steps.max(initial=0)) if 0.5 < explained < 1 else 0.0
