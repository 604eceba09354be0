"""How well pictures show each place of a surface: what a painter may trust, and what it must paint itself.

The classical fill asks it which of six views shows a texel best; a diffusion painter asks it, view after view, which texels the views
painted so far have not shown well enough yet. Views are plain matrices, so pictures of any camera will do.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.rasterize import rasterize
from kiln.geometry.trace import Scene
from kiln.geometry.vectors import unit_vectors

_FACING = (0.1, 0.47)
"""Cosines between surface and line of sight over which a place goes from not seen to seen: 84 and 62 degrees of slope."""

_STRETCHED = (0.25, 0.75)
"""Pixels a texel, along the shorter way, over which a place goes from stretched to sharp."""

_RIM = 3.0
"""Pixels from a jump in depth within which a picture may show what is behind it, or before it, instead."""

_JUMP = 4.0
"""Pixels of depth from one pixel to the next that are a jump. Surface that leans back by 75 degrees changes by 3.7."""

_LIFT = 1e-3
"""Share of the mesh's diagonal that rays start above the surface, lest they meet the triangle they leave."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Viewpoint:
    """A camera as a matrix."""

    matrix: Float64[np.ndarray, "4 4"]
    """Takes (x, y, z, 1) to (column w, row w, depth w, w): pixel (i, j) is centred at (i + .5, j + .5); depth grows away from the
    camera, in metres at the distance where w is 1."""

    eye: Float64[np.ndarray, " 4"]
    """(position, 1), or (direction towards a camera at infinity, 0)."""

    width: int
    height: int

    def __post_init__(self) -> None:
        freeze_arrays(self)

    def project(
        self, points: Float32[np.ndarray, "n 3"]
    ) -> tuple[Float64[np.ndarray, "n 2"], Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
        """Pixel coordinates, depth and w."""
        x, y, depth, w = self.matrix[:, :3] @ points.T.astype(np.float64) + self.matrix[:, 3:]
        return np.stack([x, y], axis=1) / w[:, None], depth / w, w

    def towards(self, points: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n 3"]:
        """The unit direction from each point to the camera."""
        if self.eye[3] == 0:
            return np.broadcast_to(unit_vectors(self.eye[:3]).astype(np.float32), points.shape)
        return unit_vectors(self.eye[:3].astype(np.float32) - points)

    @property
    def pixels_per_metre(self) -> float:
        """At the distance where w is 1."""
        return float(np.linalg.norm(self.matrix[0, :3] - self.matrix[3, :3] * (self.width / 2)))


def sight(
    mesh: Mesh,
    scene: Scene,
    points: Float32[np.ndarray, "n 3"],
    normals: Float32[np.ndarray, "n 3"],
    *,
    view: Viewpoint,
    texel: float,
) -> Float32[np.ndarray, " n"]:
    """How well a picture shows each point of the mesh's surface, 0 to 1.

    1: it lies in the picture, nothing stands before it, it faces the camera, a texel (`texel` metres on a side) gets a pixel of its own,
    and no outline is near. The scene is the mesh's; 1 million points take 1 s.
    """
    towards = view.towards(points)
    facing = np.einsum("nk,nk->n", normals, towards)
    rows = np.flatnonzero(facing > _FACING[0])
    pixel, _, w = view.project(points[rows])
    pixels_per_texel = facing[rows] * texel * view.pixels_per_metre / w
    seen = smoothstep(facing[rows], *_FACING) * smoothstep(pixels_per_texel.astype(np.float32), *_STRETCHED)
    seen *= _clear_of_outlines(mesh, view, pixel)
    rows, seen = rows[seen > 0], seen[seen > 0]
    lifted = points[rows] + np.float32(_LIFT * mesh.diagonal) * normals[rows]
    result = np.zeros(len(points), np.float32)
    result[rows] = np.where(scene.occluded(lifted, towards[rows]), 0, seen)
    return result


def best_sight(
    mesh: Mesh,
    points: Float32[np.ndarray, "n 3"],
    normals: Float32[np.ndarray, "n 3"],
    *,
    views: tuple[Viewpoint, ...],
    texel: float,
) -> Float32[np.ndarray, " n"]:
    """How well the best of these pictures shows each point, 0 to 1; where it is low the surface is hidden, and somebody must paint it."""
    scene = Scene(mesh)
    best = np.zeros(len(points), np.float32)
    for view in views:
        np.maximum(best, sight(mesh, scene, points, normals, view=view, texel=texel), out=best)
    return best


def smoothstep(x: Float32[np.ndarray, " n"], low: float, high: float) -> Float32[np.ndarray, " n"]:
    """0 up to low, 1 from high on, smooth between."""
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _clear_of_outlines(mesh: Mesh, view: Viewpoint, pixel: Float64[np.ndarray, "n 2"]) -> Float32[np.ndarray, " n"]:
    """0 at jumps in the picture's depth and beyond its border, 1 from _RIM pixels on."""
    points, depth, _ = view.project(mesh.positions)
    drawn = rasterize(points, mesh.triangles, width=view.width, height=view.height, depth=depth)
    away = cv2.distanceTransform((~_jumps(drawn.depth, view)).astype(np.uint8), cv2.DIST_L2, 3)
    clear = smoothstep(np.asarray(away, np.float32).reshape(-1), 0.0, _RIM)
    column, row = np.floor(pixel).astype(np.int64).T
    inside = (column >= 0) & (column < view.width) & (row >= 0) & (row < view.height)
    return np.where(inside, clear[np.where(inside, row * view.width + column, 0)], 0).astype(np.float32)


def _jumps(depth: Float32[np.ndarray, "height width"], view: Viewpoint) -> Bool[np.ndarray, "height width"]:
    """Pixels beside a jump in depth; the subject's outline is one."""
    far = np.where(np.isfinite(depth), depth, np.float32(1e9))
    step = _JUMP / view.pixels_per_metre
    jumps = np.zeros(depth.shape, bool)
    across, down = np.abs(np.diff(far, axis=1)) > step, np.abs(np.diff(far, axis=0)) > step
    jumps[:, 1:] |= across
    jumps[:, :-1] |= across
    jumps[1:] |= down
    jumps[:-1] |= down
    return jumps
