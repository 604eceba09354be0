"""Texture for the parts of a surface that no picture shows, laid on in pictures from six sides.

A picture from the side is where texture keeps its direction: fur hangs down and bark stands up on every island of the atlas, and no seam of
the atlas is there to be crossed. Each place takes what the views that show it best hold for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float32

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.bake import SurfacePoints
from kiln.geometry.hidden import Sight, Viewpoint
from kiln.imaging.dissolved import masked_blur
from kiln.imaging.patch_fill import PATCH, Swatch, quilt, swatch
from kiln.imaging.sample import sample_bilinear
from kiln.kernels import map_in_threads
from kiln.render.camera import Camera

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_SIDES = ((0.0, 0.0), (90.0, 0.0), (180.0, 0.0), (270.0, 0.0), (0.0, 90.0), (0.0, -90.0))
"""Azimuth and elevation of the views, degrees."""

STEPS = 2 * len(_SIDES)
"""Calls of on_step while a Patchwork is made."""

_SMALLEST, _LARGEST = 256, 1024
"""Pixels on a side of a view: as many as the atlas has texels over the subject's diagonal, within these."""

_SEEN = 0.5
"""How well a view must show a place for texture to be taken from there."""

_WORTH = 0.2
"""A view is looked through for patches if it has at least this share of the usable pixels that the best one has."""

_SHARPNESS = 6
"""Power of the facing cosine by which views share a place."""

_FADE = 6.0
"""Pixels over which texture fades in."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Paint:
    """What is known of a surface's colours. The maps may differ in size."""

    color: Float32[np.ndarray, "height width 3"]
    """sRGB-encoded, 8-bit levels."""

    marks: Float32[np.ndarray, "rows columns 2"]
    """1 where texture is wanted; 1 where it can be taken."""

    def __post_init__(self) -> None:
        freeze_arrays(self)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Look:
    """What a view shows."""

    sight: Sight
    camera: Camera
    inside: Bool[np.ndarray, "height width"]
    color: Float32[np.ndarray, "height width 3"]
    weak: Float32[np.ndarray, "height width"]
    """1 where texture is wanted, and this view can lay it on."""

    usable: Bool[np.ndarray, "height width"]
    """Where texture can be taken."""

    def __post_init__(self) -> None:
        freeze_arrays(self)


def viewpoint(camera: Camera, *, width: int, height: int) -> Viewpoint:
    """The camera as a matrix."""
    right, up, towards = camera.axes
    w = np.append(-towards, towards @ camera.target) / camera.distance
    w[3] += 1
    scale = height / 2 / camera.half_height
    rows = [np.append(axis, -axis @ camera.target) for axis in (right * scale, -up * scale, -towards)]
    matrix = np.array([rows[0] + width / 2 * w, rows[1] + height / 2 * w, rows[2], w])
    return Viewpoint(matrix=matrix, eye=camera.eye, width=width, height=height)


class Patchwork:
    """Texture for a surface, laid on in views from six sides."""

    def __init__(self, mesh: Mesh, paint: Paint, *, texel: float, on_step: Callable[[], None]) -> None:
        """`texel` is a texel's side on the surface, metres; the mesh has UVs and normals. on_step is called STEPS times, and may raise."""
        self._mesh = mesh
        self._looks = _told(on_step, lambda side: _look(mesh, paint, side, texel), _SIDES)
        swatches = _swatches(self._looks)
        self._added = _told(on_step, lambda look: _added(look, swatches), self._looks if swatches else [])

    def at(self, places: SurfacePoints) -> Float32[np.ndarray, "places 3"]:
        """Detail to add to the colours (8-bit levels, sRGB-encoded, both) at these places, so that texels where texture is wanted have what
        those where it can be taken from have, of their colour."""
        points, normals = _frame(self._mesh, places)
        total, squares = np.zeros((len(places), 3), np.float32), np.zeros((len(places), 1), np.float32)
        for look, detail in zip(self._looks, self._added, strict=False):
            view = look.sight.view
            weight = look.sight.of(points, normals, texel=1 / view.pixels_per_metre)
            weight *= np.maximum(normals @ look.camera.axes[2].astype(np.float32), 0) ** _SHARPNESS
            rows = np.flatnonzero(weight > 0)
            if not len(rows):
                continue
            at = (view.project(points[rows])[0] / (view.width, view.height)).astype(np.float32)
            total[rows] += weight[rows, None] * sample_bilinear(detail, at)
            squares[rows, 0] += np.square(weight[rows])
        return total / np.sqrt(np.maximum(squares, 1e-6))


def _told(on_step: Callable[[], None], work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Each item's work, on all cores, telling when one is done."""

    def one(item: _Item) -> _Result:
        done = work(item)
        on_step()
        return done

    return map_in_threads(one, items)


def _frame(mesh: Mesh, places: SurfacePoints) -> tuple[Float32[np.ndarray, "n 3"], Float32[np.ndarray, "n 3"]]:
    """Positions and unit normals."""
    if mesh.normals is None:
        raise ValueError("patchwork: the mesh has no normals")
    normals = places.take(mesh, mesh.normals)
    return places.take(mesh, mesh.positions), normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)


def _camera(mesh: Mesh, azimuth: float, elevation: float) -> Camera:
    low, high = mesh.bounds
    x, y, z = (float(axis) for axis in (low + high) / 2)
    return Camera(azimuth_degrees=azimuth, elevation_degrees=elevation, target=(x, y, z), half_height=mesh.diagonal / 2)


def _view(mesh: Mesh, camera: Camera, pixels: int) -> Viewpoint:
    """A picture of so many pixels over the subject's diagonal, without perspective, cut to the subject, with room for whole patches."""
    whole = viewpoint(camera, width=pixels, height=pixels)
    at = whole.project(mesh.positions)[0]
    first = np.floor(at.min(axis=0)) - PATCH
    width, height = (int(-(-length // PATCH)) * PATCH for length in at.max(axis=0) + PATCH - first)
    matrix = whole.matrix.copy()
    matrix[:2] -= first[:, None] * matrix[3]
    return Viewpoint(matrix=matrix, eye=whole.eye, width=width, height=height)


def _look(mesh: Mesh, paint: Paint, side: tuple[float, float], texel: float) -> _Look:
    """Draw the surface as it is painted now."""
    camera = _camera(mesh, *side)
    sight = Sight(mesh, _view(mesh, camera, int(np.clip(mesh.diagonal / texel, _SMALLEST, _LARGEST))))
    inside = sight.drawn.triangle >= 0
    places = SurfacePoints(triangle=sight.drawn.triangle[inside], bary=sight.drawn.bary[inside])
    uvs = places.take(mesh, mesh.uvs) if mesh.uvs is not None else np.zeros((len(places), 2), np.float32)
    painted = np.zeros((*inside.shape, 5), np.float32)
    painted[inside] = np.hstack([sample_bilinear(paint.color, uvs), sample_bilinear(paint.marks, uvs)])
    seen = np.zeros(inside.shape, np.float32)
    seen[inside] = sight.of(*_frame(mesh, places), texel=1 / sight.view.pixels_per_metre)
    usable = (painted[..., 4] > _SEEN) & (seen > _SEEN)
    weak = np.where(seen > 0, painted[..., 3], 0)
    return _Look(sight=sight, camera=camera, inside=inside, color=painted[..., :3], weak=weak, usable=usable)


def _swatches(looks: list[_Look]) -> tuple[Swatch, ...]:
    counts = [int(look.usable.sum()) for look in looks]
    chosen = [look for look, count in zip(looks, counts, strict=True) if count >= max(_WORTH * max(counts), PATCH * PATCH)]
    swatches = map_in_threads(lambda look: swatch(look.color, inside=look.inside, usable=look.usable), chosen)
    return tuple(each for each in swatches if len(each.start))


def _added(look: _Look, swatches: tuple[Swatch, ...]) -> Float32[np.ndarray, "height width 3"]:
    wanted = look.weak > 0
    if not wanted.any():
        return np.zeros((*wanted.shape, 3), np.float32)
    share = masked_blur(look.weak[..., None], look.inside.astype(np.float32), sigma=_FADE)
    return quilt(look.color, inside=look.inside, wanted=wanted, swatches=swatches) * np.clip(2 * share - 1, 0, 1)
