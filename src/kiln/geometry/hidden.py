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
from kiln.geometry.vectors import unit_vectors

_FACING = (0.1, 0.47)
"""Cosines between surface and line of sight over which a place goes from not seen to seen: 84 and 62 degrees of slope."""

_STRETCHED = (0.25, 0.75)
"""Pixels a texel, along the shorter way, over which a place goes from stretched to sharp."""

_RIM = 3.0
"""Pixels from a jump in depth within which a picture may show what is behind it, or before it, instead."""

_JUMP = 4.0
"""Pixels of depth from one pixel to the next that are a jump. Surface that leans back by 75 degrees changes by 3.7."""

_BEHIND = 1.5
"""Pixels of depth beyond the surface drawn in its pixel by which a place is hidden, if the surface faces the camera; where it leans, more:
depth changes within a pixel. Rays to the camera say otherwise of 1 in 75,000 of a goblin's texels, and take as long again."""


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


class Sight:
    """A picture's camera before a mesh: how well the picture shows any place of it."""

    def __init__(self, mesh: Mesh, view: Viewpoint) -> None:
        self.view = view
        points, depth, _ = view.project(mesh.positions)
        self.drawn = rasterize(points, mesh.triangles, width=view.width, height=view.height, depth=depth)
        """What each of its pixels shows."""

        away = cv2.distanceTransform((~_jumps(self.drawn.depth, view)).astype(np.uint8), cv2.DIST_L2, 3)
        self._clear = smoothstep(np.asarray(away, np.float32).reshape(-1), 0.0, _RIM)

    def of(self, points: Float32[np.ndarray, "n 3"], normals: Float32[np.ndarray, "n 3"], *, texel: float) -> Float32[np.ndarray, " n"]:
        """How well it shows each point of the surface, 0 to 1.

        1: it lies in the picture, nothing stands before it, it faces the camera, a texel (`texel` metres on a side) gets a pixel of its
        own, and no outline is near. A million points take 0.1 s.
        """
        facing = np.einsum("nk,nk->n", normals, self.view.towards(points))
        rows = np.flatnonzero(facing > _FACING[0])
        pixel, depth, w = self.view.project(points[rows])
        facing = facing[rows]
        pixels_per_texel = facing * (texel * self.view.pixels_per_metre / w).astype(np.float32)
        clear, front = self._read(pixel)
        seen = smoothstep(facing, *_FACING) * smoothstep(pixels_per_texel, *_STRETCHED) * clear
        result = np.zeros(len(points), np.float32)
        result[rows] = np.where(depth > front + _BEHIND / self.view.pixels_per_metre / facing, 0, seen)
        return result

    def _read(self, pixel: Float64[np.ndarray, "n 2"]) -> tuple[Float32[np.ndarray, " n"], Float32[np.ndarray, " n"]]:
        """At these pixels: 0 at jumps in the picture's depth and beyond its border, 1 from _RIM pixels on; and the depth that is drawn."""
        width, height = self.view.width, self.view.height
        column, row = np.floor(pixel).astype(np.int32).T
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        at = np.where(inside, row * width + column, 0)
        return self._clear[at] * inside, self.drawn.depth.reshape(-1)[at]


def best_sight(
    mesh: Mesh,
    points: Float32[np.ndarray, "n 3"],
    normals: Float32[np.ndarray, "n 3"],
    *,
    views: tuple[Viewpoint, ...],
    texel: float,
) -> Float32[np.ndarray, " n"]:
    """How well the best of these pictures shows each point, 0 to 1; where it is low the surface is hidden, and somebody must paint it."""
    best = np.zeros(len(points), np.float32)
    for view in views:
        np.maximum(best, Sight(mesh, view).of(points, normals, texel=texel), out=best)
    return best


def smoothstep(x: Float32[np.ndarray, " n"], low: float, high: float) -> Float32[np.ndarray, " n"]:
    """0 up to low, 1 from high on, smooth between."""
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


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
