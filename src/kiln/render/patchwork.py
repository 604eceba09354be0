"""Texture for the parts of a surface that no picture shows, laid on in pictures from six sides.

A picture from the side is where texture keeps its direction: fur hangs down and bark stands up on every island of the atlas, and no seam of
the atlas is there to be crossed. Each place takes what the views that show it best hold for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.bake import SurfacePoints
from kiln.geometry.hidden import Viewpoint, sight
from kiln.geometry.rasterize import rasterize
from kiln.geometry.trace import Scene
from kiln.imaging.dissolved import masked_blur
from kiln.imaging.patch_fill import PATCH, Swatch, quilt, swatch
from kiln.imaging.sample import sample_bilinear
from kiln.kernels import map_in_threads
from kiln.render.camera import Camera

_SIDES = ((0.0, 0.0), (90.0, 0.0), (180.0, 0.0), (270.0, 0.0), (0.0, 90.0), (0.0, -90.0))
"""Azimuth and elevation of the views, degrees."""

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
class _Look:
    """What a view shows."""

    view: Viewpoint
    camera: Camera
    inside: Bool[np.ndarray, "side side"]
    color: Float32[np.ndarray, "side side 3"]
    weak: Float32[np.ndarray, "side side"]
    """1 where texture is wanted."""

    usable: Bool[np.ndarray, "side side"]
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


def patchwork(
    mesh: Mesh,
    color: UInt8[np.ndarray, "height width 3"],
    *,
    weak: Bool[np.ndarray, "height width"],
    known: Bool[np.ndarray, "height width"],
    places: SurfacePoints,
    texel: float,
) -> Float32[np.ndarray, "places 3"]:
    """Detail to add to the colours (8-bit levels, sRGB-encoded, both) at these places, so that weak texels have the texture that known ones
    of their colour have. `texel` is a texel's side on the surface, metres. The mesh has UVs and normals.
    """
    scene = Scene(mesh)
    looks = map_in_threads(lambda side: _look(mesh, scene, color, weak, known, side, texel), _SIDES)
    swatches = _swatches(looks)
    if not swatches:
        return np.zeros((len(places), 3), np.float32)
    added = map_in_threads(lambda look: _added(look, swatches), looks)
    points, normals = _frame(mesh, places)
    total, squares = np.zeros((len(places), 3), np.float32), np.zeros((len(places), 1), np.float32)
    for look, detail in zip(looks, added, strict=True):
        weight = sight(mesh, scene, points, normals, view=look.view, texel=1 / look.view.pixels_per_metre)
        weight *= np.maximum(normals @ look.camera.axes[2].astype(np.float32), 0) ** _SHARPNESS
        rows = np.flatnonzero(weight > 0)
        if not len(rows):
            continue
        at = (look.view.project(points[rows])[0] / len(detail)).astype(np.float32)
        total[rows] += weight[rows, None] * sample_bilinear(detail, at)
        squares[rows, 0] += np.square(weight[rows])
    return total / np.sqrt(np.maximum(squares, 1e-6))


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


def _look(
    mesh: Mesh,
    scene: Scene,
    color: UInt8[np.ndarray, "height width 3"],
    weak: Bool[np.ndarray, "height width"],
    known: Bool[np.ndarray, "height width"],
    side: tuple[float, float],
    texel: float,
) -> _Look:
    """Draw the surface as it is painted now."""
    pixels = int(np.clip(mesh.diagonal / texel, _SMALLEST, _LARGEST))
    camera = _camera(mesh, *side)
    view = viewpoint(camera, width=pixels, height=pixels)
    at, depth, _ = view.project(mesh.positions)
    drawn = rasterize(at, mesh.triangles, width=pixels, height=pixels, depth=depth)
    inside = drawn.triangle >= 0
    places = SurfacePoints(triangle=drawn.triangle[inside], bary=drawn.bary[inside])
    uvs = places.take(mesh, mesh.uvs) if mesh.uvs is not None else np.zeros((len(places), 2), np.float32)
    painted = np.zeros((pixels, pixels, 5), np.float32)
    marks = np.dstack([weak, known]).astype(np.uint8)
    painted[inside] = np.hstack([sample_bilinear(color, uvs), sample_bilinear(marks, uvs)])
    seen = np.zeros((pixels, pixels), np.float32)
    seen[inside] = sight(mesh, scene, *_frame(mesh, places), view=view, texel=1 / view.pixels_per_metre)
    usable = (painted[..., 4] > _SEEN) & (seen > _SEEN)
    return _Look(view=view, camera=camera, inside=inside, color=painted[..., :3], weak=painted[..., 3], usable=usable)


def _swatches(looks: list[_Look]) -> tuple[Swatch, ...]:
    counts = [int(look.usable.sum()) for look in looks]
    chosen = [look for look, count in zip(looks, counts, strict=True) if count >= max(_WORTH * max(counts), PATCH * PATCH)]
    return tuple(map_in_threads(lambda look: swatch(look.color, inside=look.inside, usable=look.usable), chosen))


def _added(look: _Look, swatches: tuple[Swatch, ...]) -> Float32[np.ndarray, "side side 3"]:
    wanted = look.weak > 0
    if not wanted.any():
        return np.zeros((*wanted.shape, 3), np.float32)
    share = masked_blur(look.weak[..., None], look.inside.astype(np.float32), sigma=_FADE)
    return quilt(look.color, inside=look.inside, wanted=wanted, swatches=swatches) * np.clip(2 * share - 1, 0, 1)
