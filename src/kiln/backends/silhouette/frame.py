"""Where a picture stands in the world: pixels to metres and back, for each view.

The subject is 1 m tall, its middle is over the origin and its lowest point on y = 0. A view's camera is orthographic and level, and stands
at its azimuth (see asset.conventions).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from kiln.asset import Picture

HALF = 127.5
"""The alpha at which a pixel counts as half covered: the subject's rim."""


@dataclass(frozen=True, kw_only=True)
class PictureFrame:
    """A picture's pixels against metres in its own plane: x to the right, y up. The centre of pixel (i, j) is (i + .5, j + .5)."""

    metres_per_pixel: float
    middle: float
    """The pixel column (not whole) of x = 0."""

    bottom: float
    """The pixel row (not whole) of y = 0."""

    @classmethod
    def of_matte(cls, alpha: UInt8[np.ndarray, "height width"]) -> PictureFrame:
        """The frame in which the matte's box is 1 m tall, centred in x and standing on y = 0. The matte is not empty."""
        rows, columns = np.flatnonzero((alpha > HALF).any(axis=1)), np.flatnonzero((alpha > HALF).any(axis=0))
        top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        return cls(metres_per_pixel=1.0 / float(bottom - top), middle=float(left + right) / 2, bottom=float(bottom))

    def to_metres(self, pixels: np.ndarray) -> np.ndarray:
        """(n, 2) pixels to (n, 2) metres."""
        return (pixels - (self.middle, self.bottom)) * (self.metres_per_pixel, -self.metres_per_pixel)

    def to_pixels(self, metres: np.ndarray) -> np.ndarray:
        """(n, 2) metres to (n, 2) pixels."""
        return metres / (self.metres_per_pixel, -self.metres_per_pixel) + (self.middle, self.bottom)


@dataclass(frozen=True, eq=False, kw_only=True)
class PlacedView:
    """A picture, where its camera stands, and its frame."""

    picture: Picture
    azimuth_degrees: float
    frame: PictureFrame

    def axes(self) -> tuple[Float32[np.ndarray, " 3"], Float32[np.ndarray, " 3"]]:
        """The world directions of the picture's right-hand side, and from the subject to the camera."""
        turn = np.radians(self.azimuth_degrees)
        right, towards = (np.cos(turn), 0.0, -np.sin(turn)), (np.sin(turn), 0.0, np.cos(turn))
        return np.array(right, np.float32), np.array(towards, np.float32)

    def project(self, positions: Float32[np.ndarray, "vertices 3"]) -> Float32[np.ndarray, "vertices 2"]:
        """Where each position lies in the picture, as UVs with the origin top-left."""
        right, _ = self.axes()
        pixels = self.frame.to_pixels(np.stack([positions @ right, positions[:, 1]], axis=1))
        return (pixels / (self.picture.width, self.picture.height)).astype(np.float32)
