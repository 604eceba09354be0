"""Where a picture is taken from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64

_SLIGHT_PERSPECTIVE_DEGREES = 24.0
"""Vertical opening of a long lens: shapes look solid, proportions stay true."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A camera that looks at `target` from an azimuth (front 0, the subject's left 90) and an elevation above the horizon."""

    azimuth_degrees: float = 0.0
    elevation_degrees: float = 0.0
    target: tuple[float, float, float] = (0.0, 0.0, 0.0)
    half_height: float = 1.0
    """Half of what the picture shows at the target's depth, metres."""

    distance: float = math.inf
    """From the target, metres; infinite for an orthographic picture."""

    @property
    def axes(self) -> Float64[np.ndarray, "3 3"]:
        """Rows: the picture's right, its up, and the direction from the target to the camera, in world space."""
        azimuth, elevation = math.radians(self.azimuth_degrees), math.radians(self.elevation_degrees)
        sin_a, cos_a, sin_e, cos_e = math.sin(azimuth), math.cos(azimuth), math.sin(elevation), math.cos(elevation)
        return np.array([(cos_a, 0, -sin_a), (-sin_a * sin_e, cos_e, -cos_a * sin_e), (sin_a * cos_e, sin_e, cos_a * cos_e)])

    @property
    def eye(self) -> Float64[np.ndarray, " 4"]:
        """Homogeneous: the position and 1, or the direction towards the camera and 0 when it is infinitely far."""
        to_camera = self.axes[2]
        if math.isinf(self.distance):
            return np.append(to_camera, 0.0)
        return np.append(np.array(self.target) + self.distance * to_camera, 1.0)

    def project(
        self, positions: Float32[np.ndarray, "n 3"], *, width: int, height: int
    ) -> tuple[Float64[np.ndarray, "n 2"], Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
        """Pixel coordinates (pixel (i, j) is centred at (i + .5, j + .5)), depth (smaller is nearer) and w, which divides attributes.

        Depth is affine in the picture, so a rasterizer may interpolate it linearly.
        """
        x, y, towards = ((positions - np.array(self.target)) @ self.axes.T).T
        w = 1 - towards / self.distance
        scale = height / 2 / self.half_height / w
        return np.stack([width / 2 + x * scale, height / 2 - y * scale], axis=1), -towards / w, w

    def rays(self, *, width: int, height: int) -> tuple[Float64[np.ndarray, "height width 3"], Float64[np.ndarray, "height width 3"]]:
        """A point on each pixel's line of sight, on the plane of the target, and the direction away from the camera (not unit length)."""
        right, up, towards = self.axes
        pixel = 2 * self.half_height / height
        x = (np.arange(width) + 0.5 - width / 2) * pixel
        y = (height / 2 - np.arange(height) - 0.5) * pixel
        across = x[None, :, None] * right + y[:, None, None] * up
        return across + np.array(self.target), across / self.distance - towards

    def fitted(
        self, positions: Float32[np.ndarray, "n 3"], *, aspect: float = 1.0, margin: float = 0.06, perspective: bool = True
    ) -> Camera:
        """The same direction, aimed at the middle of the bounding box and as near as shows every point.

        margin is the share of the picture kept free on each side; aspect is width / height.
        """
        middle = (positions.min(axis=0) + positions.max(axis=0)).astype(np.float64) / 2
        x, y, towards = ((positions - middle) @ self.axes.T).T
        needed = np.maximum(np.abs(y), np.abs(x) / aspect) / (1 - 2 * margin)
        target = (float(middle[0]), float(middle[1]), float(middle[2]))
        if not perspective:
            return replace(self, target=target, half_height=float(needed.max()) or 1.0, distance=math.inf)
        tangent = math.tan(math.radians(_SLIGHT_PERSPECTIVE_DEGREES / 2))
        distance = float((towards + needed / tangent).max()) or 1.0
        return replace(self, target=target, half_height=distance * tangent, distance=distance)


HERO: Final = Camera(azimuth_degrees=28.0, elevation_degrees=14.0)
"""From the front left, a little from above: how a subject is first shown. To be `fitted`."""


def turntable(
    positions: Float32[np.ndarray, "n 3"], *, count: int = 8, elevation_degrees: float = 12.0, margin: float = 0.06
) -> tuple[Camera, ...]:
    """Cameras all around a subject, front first, turning towards its left; all at one distance, so that the subject keeps its size."""
    cameras = [
        Camera(azimuth_degrees=360 * i / count, elevation_degrees=elevation_degrees).fitted(positions, margin=margin) for i in range(count)
    ]
    farthest = max(cameras, key=lambda camera: camera.distance)
    return tuple(replace(camera, distance=farthest.distance, half_height=farthest.half_height) for camera in cameras)
