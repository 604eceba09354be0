"""Where a shape's mirror, or the axis of its turns, stands; how symmetric it is about it; and which part of it is the good one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float64
from scipy.spatial import cKDTree

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas
from kiln.geometry.distance import distance_to, spread_points
from kiln.geometry.symmetry import Kaleidoscope

Keep = Literal["auto", "positive", "negative"]

_MOVED, _MET = 2_000, 20_000
"""Points that are mirrored, and points among which they look for their nearest."""

_WINDOW = 0.1
"""How far from the middle of the bounding box a mirror is looked for, as a share of the box."""

_STEPS = 21
"""Places tried over the window; then the best one's surroundings are halved."""

_HALVINGS = 8
"""After these the place is found within 1e-5 of the box."""

_FAR = 0.05
"""A point farther than this share of the diagonal from any other counts as if it were this far: what one side alone has, as a sword or a
handle, should not pull the mirror towards it."""

_PHASES = 24
"""Angles tried for the walls between sectors."""

_SLICES = 16
"""Level slices whose middles say where the axis stands."""

_CLEAR = 0.02
"""A part is as good as another that is better seen, or richer, by no more than this share."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Shape:
    """Points spread over a surface, made ready for comparing it with its mirror images."""

    moved: Float64[np.ndarray, "moved 3"]
    met: cKDTree
    far: float

    @classmethod
    def of(cls, mesh: Mesh) -> _Shape:
        tree = cKDTree(spread_points(mesh, _MET), balanced_tree=False, compact_nodes=False)
        return cls(moved=spread_points(mesh, _MOVED), met=tree, far=_FAR * mesh.diagonal)

    def mismatch(self, glass: Kaleidoscope) -> float:
        """Mean distance of mirrored points to the surface's, metres, far ones counted as `far`."""
        away, _ = self.met.query(glass.mirrored(self.moved), distance_upper_bound=self.far)
        return float(np.minimum(away, self.far).mean())


def find_mirror(mesh: Mesh, *, axis: Literal["x", "z"], found: bool = True) -> Kaleidoscope:
    """The upright mirror across this axis about which the mesh is most nearly symmetric, the positive side kept.

    It is looked for near the middle of the bounding box, where it stands if not `found`. It stays square to its axis: one that leant would
    leave an asset that stands askew. 10k triangles take 0.2 s.
    """
    low, high = (corner.astype(np.float64) for corner in mesh.bounds)
    number, azimuth = (0, 0.0) if axis == "x" else (2, -90.0)
    middle, width = float(low[number] + high[number]) / 2, float(high[number] - low[number])

    def at(place: float) -> Kaleidoscope:
        return Kaleidoscope(axis=(place, 0.0) if axis == "x" else (0.0, place), azimuth_degrees=azimuth)

    if not found or width == 0:
        return at(middle)
    shape = _Shape.of(mesh)
    places = middle + np.linspace(-_WINDOW, _WINDOW, _STEPS) * width
    step = 2 * _WINDOW * width / (_STEPS - 1)
    best = min(places.tolist(), key=lambda place: shape.mismatch(at(place)))
    for _ in range(_HALVINGS):
        step /= 2
        best = min((best, best - step, best + step), key=lambda place: shape.mismatch(at(place)))
    return at(best)


def find_axis(mesh: Mesh, *, sectors: int, found: bool = True) -> Kaleidoscope:
    """The upright axis of an n-fold symmetry, and the angle at which the walls between sectors stand.

    The axis is the median middle of level slices (a handle on one side does not pull it), or the middle of the bounding box if not `found`.
    """
    low, high = (corner.astype(np.float64) for corner in mesh.bounds)
    points = spread_points(mesh, _MET)
    x, z = _slice_middles(points) if found else ((low + high) / 2)[[0, 2]].tolist()
    shape = _Shape.of(mesh)
    phases = (Kaleidoscope(axis=(x, z), azimuth_degrees=180 / sectors * k / _PHASES, sectors=sectors) for k in range(_PHASES))
    return min(phases, key=shape.mismatch)


def asymmetry(mesh: Mesh, glass: Kaleidoscope) -> float:
    """Mean distance of the mesh's mirror image to the mesh, as a share of the diagonal: 0 is symmetric."""
    return float(distance_to(mesh, glass.mirrored(spread_points(mesh, _MOVED))).mean()) / mesh.diagonal


def best_part(source: Mesh, glass: Kaleidoscope, *, keep: Keep = "auto") -> Kaleidoscope:
    """The glass turned so that its best part is kept: the best seen one; of those as well seen the one of most surface; of those the first.

    The first is the positive side, or the part that looks to the front. `positive` and `negative` name the side of a single mirror to
    keep, or the part at the front or at the back.
    """
    parts = _parts(glass)
    if keep != "auto":
        return parts[0 if keep == "positive" else len(parts) // 2]
    middles = source.positions[source.triangles].mean(axis=1, dtype=np.float64)
    areas = triangle_areas(source)
    weights = areas if source.seen is None else areas * source.seen[source.triangles].mean(axis=1)
    surface = np.array([areas[part.holds(middles)].sum() for part in parts])
    seen = np.array([weights[part.holds(middles)].sum() for part in parts]) / np.maximum(surface, 1e-300)
    good = seen * (1 + _CLEAR) >= seen.max()
    rich = good & (surface * (1 + _CLEAR) >= surface[good].max())
    return parts[int(np.argmax(rich))]


def _parts(glass: Kaleidoscope) -> list[Kaleidoscope]:
    """Every part the walls make, that at the front first (with one mirror: the positive side), then on around."""
    if glass.sectors == 1:
        return [glass, replace(glass, azimuth_degrees=glass.azimuth_degrees + 180)]
    step = 180 / glass.sectors
    turned = [replace(glass, azimuth_degrees=glass.azimuth_degrees + k * step) for k in range(2 * glass.sectors)]
    front = min(range(len(turned)), key=lambda k: abs((turned[k].azimuth_degrees + step / 2 + 180) % 360 - 180))
    return turned[front:] + turned[:front]


def _slice_middles(points: Float64[np.ndarray, "n 3"]) -> tuple[float, float]:
    """Median over level slices of the mean of their points, x and z."""
    order = np.argsort(points[:, 1], kind="stable")
    middles = np.stack([points[part].mean(axis=0) for part in np.array_split(order, _SLICES)])
    x, _, z = np.median(middles, axis=0).tolist()
    return x, z
