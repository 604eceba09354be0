"""The game mesh with its maps beside its source, unlit, from all around: what a viewer could see of the difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kiln.asset import Material, Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.areas import flat_areas
from kiln.geometry.bake import SurfacePoints
from kiln.geometry.rasterize import rasterize
from kiln.imaging.color import linear_to_srgb
from kiln.kernels import map_in_threads
from kiln.kernels.bake import nearest_facing
from kiln.proof.angles import degrees_between
from kiln.proof.reference import Reference, look_of
from kiln.render.camera import Camera
from kiln.render.surface import Look

SIZE: Final = 192
"""Pixels on a side of a measured view; one ray or fragment at each pixel's centre."""

_CORNER_DEGREES: Final = 35.264389682754654
"""Elevation of a cube's corner seen from its middle."""

DIRECTIONS: Final = (
    *((azimuth, 0.0) for azimuth in (0.0, 90.0, 180.0, 270.0)),
    (0.0, 90.0),
    (0.0, -90.0),
    *((azimuth, elevation) for elevation in (_CORNER_DEGREES, -_CORNER_DEGREES) for azimuth in (45.0, 135.0, 225.0, 315.0)),
)
"""Azimuth and elevation, degrees, of the 14 cameras: at the faces and corners of a cube."""

_MARGIN = 0.03
_EXTENT_POINTS = 20_000
"""Vertices by which a source's extent is found; what the others stick out more falls within the margin."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Seen:
    """A surface through the pixels of one view; arrays have a row for each covered pixel, in reading order."""

    covered: Bool[np.ndarray, "size size"]
    color: UInt8[np.ndarray, "n 3"]
    """sRGB, unlit."""

    normal: Float32[np.ndarray, "n 3"]
    """Shading normal, unit, turned to the side that is seen."""

    guessed: Bool[np.ndarray, " n"] | None
    """Where colour was guessed; None when it was nowhere."""

    def __post_init__(self) -> None:
        freeze_arrays(self)


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison:
    """One view of both; the errors have a row for each pixel that both cover, in reading order."""

    camera: Camera
    source: Seen
    game: Seen
    normal_degrees: Float32[np.ndarray, " both"]
    color_squares: Float32[np.ndarray, " both"]
    """Squared difference of colour, levels of 255, mean of the three channels; NaN where colour was guessed."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    @property
    def both(self) -> Bool[np.ndarray, "size size"]:
        """Pixels that both cover."""
        return self.source.covered & self.game.covered

    @property
    def outline_iou(self) -> float:
        """Intersection over union of the two silhouettes; 1 is the same."""
        return float(self.both.sum() / max(1, (self.source.covered | self.game.covered).sum()))


@dataclass(frozen=True, kw_only=True)
class ViewErrors:
    """Numbers over all views; None where there was nothing to compare."""

    color_psnr_db: float | None
    """Peak signal-to-noise ratio of the unlit sRGB colour, from the mean squared error over all views; None without a baked colour."""

    view_normal_error_mean_degrees: float | None
    view_normal_error_p95_degrees: float | None
    silhouette_iou: float
    """Of the worst view."""

    silhouette_iou_mean: float


def cameras(mesh: Mesh, source: Mesh) -> tuple[Camera, ...]:
    """Orthographic, around both meshes, each as near as shows them whole."""
    extent = np.concatenate([mesh.positions, source.positions[:: max(1, source.vertex_count // _EXTENT_POINTS)]])
    return tuple(
        Camera(azimuth_degrees=azimuth, elevation_degrees=elevation).fitted(extent, margin=_MARGIN, perspective=False)
        for azimuth, elevation in DIRECTIONS
    )


def compare_views(mesh: Mesh, materials: tuple[Material, ...], reference: Reference, *, size: int = SIZE) -> tuple[Comparison, ...]:
    """Game mesh and source from all 14 sides, size x size pixels each."""
    look = look_of(mesh, materials)
    return tuple(map_in_threads(lambda camera: compare(look, reference, camera, size=size), cameras(mesh, reference.mesh)))


def compare(look: Look, reference: Reference, camera: Camera, *, size: int) -> Comparison:
    """One view of both: of the game mesh as it looks, and of its source."""
    source, game = _see_source(reference, camera, size), _see_game(look, camera, size)
    in_source, in_game = game.covered[source.covered], source.covered[game.covered]
    difference = source.color[in_source].astype(np.float32) - game.color[in_game]
    squares = np.mean(difference**2, axis=1)
    if source.guessed is not None:
        squares[source.guessed[in_source]] = np.nan
    return Comparison(
        camera=camera,
        source=source,
        game=game,
        normal_degrees=degrees_between(source.normal[in_source], game.normal[in_game]),
        color_squares=squares,
    )


def view_errors(comparisons: tuple[Comparison, ...], *, colored: bool = True) -> ViewErrors:
    """All views' numbers in one. `colored` is False where colour was changed on purpose and cannot be compared."""
    squares = np.concatenate([each.color_squares for each in comparisons])
    squares = squares[np.isfinite(squares)]
    degrees = np.concatenate([each.normal_degrees for each in comparisons])
    outlines = [each.outline_iou for each in comparisons]
    return ViewErrors(
        color_psnr_db=_psnr(squares) if colored and len(squares) else None,
        view_normal_error_mean_degrees=float(degrees.mean(dtype=np.float64)) if len(degrees) else None,
        view_normal_error_p95_degrees=float(np.percentile(degrees, 95)) if len(degrees) else None,
        silhouette_iou=min(outlines),
        silhouette_iou_mean=float(np.mean(outlines)),
    )


_BEST_DB = 99.0
"""What identical pictures are given, whose ratio is infinite."""


def _psnr(squares: Float32[np.ndarray, " n"]) -> float:
    return float(min(_BEST_DB, 10 * np.log10(255**2 / max(float(squares.mean(dtype=np.float64)), 1e-9))))


def _see_source(reference: Reference, camera: Camera, size: int) -> Seen:
    """By rays, whose cost hardly grows with the source."""
    starts, ways = camera.rays(width=size, height=size)
    ways = np.broadcast_to(ways, starts.shape).reshape(-1, 3).astype(np.float32)
    starts = starts.reshape(-1, 3).astype(np.float32) - ways * np.float32(2 * reference.mesh.diagonal)
    hits = reference.scene.closest(starts, ways)
    rows = np.flatnonzero(hits.hit)
    points = SurfacePoints(triangle=hits.triangle[rows], bary=hits.bary[rows])
    surface = reference.look_at(points)
    return Seen(
        covered=hits.hit.reshape(size, size),
        color=linear_to_srgb(surface.base_color[:, :3]),
        normal=_turned(surface.normal, _shows_back(reference.mesh, points, ways[rows])),
        guessed=reference.is_guessed(surface),
    )


def _see_game(look: Look, camera: Camera, size: int) -> Seen:
    """By rasterizing: for few triangles six times as fast as rays, and the same to the pixel."""
    mesh = look.mesh
    pixels, depth, _ = camera.project(mesh.positions, width=size, height=size)
    fragments = rasterize(pixels, mesh.triangles, width=size, height=size, depth=depth)
    covered = fragments.triangle >= 0
    points = SurfacePoints(triangle=fragments.triangle[covered], bary=fragments.bary[covered])
    surface = look.at(points)
    color, normal = (
        linear_to_srgb(surface.base_color[:, :3]),
        _turned(surface.normal, flat_areas(pixels, mesh.triangles)[points.triangle] > 0),
    )
    return Seen(covered=covered, color=color, normal=normal, guessed=None)


def _turned(normals: Float32[np.ndarray, "n 3"], back: Bool[np.ndarray, " n"]) -> Float32[np.ndarray, "n 3"]:
    """Normals turned round where a triangle shows its back, as renderers do for two-sided materials."""
    return np.where(back[:, None], -normals, normals)


def _shows_back(mesh: Mesh, points: SurfacePoints, ways: Float32[np.ndarray, "n 3"]) -> Bool[np.ndarray, " n"]:
    """Whether rays that run these ways meet the back of the triangles these points lie on."""
    count = len(points)
    front, ignored, near = np.full(count, -1, np.int32), np.empty((count, 2), np.float32), np.full(count, np.inf, np.float32)
    nearest_facing(-ways, mesh.positions, mesh.triangles, points.triangle, points.bary, np.zeros(count, np.float32), front, ignored, near)
    return front < 0
