"""The outline of a matte to a fraction of a pixel: a signed distance whose zero is the contour alpha = 1/2."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kiln.backends.silhouette.frame import HALF, PictureFrame
from kiln.errors import PictureError

MARGIN_PIXELS = 4
"""Kept free around the subject, so that one that touches the picture's border still has an outside."""

GRID_MARGIN_CELLS = 3
LEAST_PIXELS = 8
"""A subject must be at least so many pixels wide or tall."""

DUST_SHARE = 4e-4
"""A part smaller than this share of the subject is dust: 36 pixels of a 300 x 300 pixel subject."""

PINHOLE_SHARE = 6e-5
"""A hole smaller than this share of the subject is a flaw of the matte; at least PINHOLE_PIXELS."""

PINHOLE_PIXELS = 3
RIM_SMOOTHING_PIXELS = 0.9
"""Standard deviation; the outline's overlap with the matte falls by less than 0.001."""

BODY_RADIUS_SHARE = 0.5
"""What a disc of this share of the greatest inner radius cannot reach is no body: handles, twigs, flags."""

THIN_CELLS = 0.75
"""Half-width, in cells, below which a part could fall between the points of a grid; sqrt(1/2) is the least that cannot."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OutlineGrid:
    """Signed distance to the outline (metres, positive inside) on a square grid in the picture's plane.

    Point (i, j) is at origin + spacing * (i, j).
    """

    distance: Float32[np.ndarray, "nx ny"]
    origin: tuple[float, float]
    """x and y of point (0, 0), metres; y grows upward."""

    spacing: float

    @property
    def inside(self) -> Bool[np.ndarray, "nx ny"]:
        """Which points belong to the subject."""
        return self.distance > 0

    def x(self) -> Float32[np.ndarray, "nx 1"]:
        """x of each column of points, metres."""
        return (self.origin[0] + self.spacing * np.arange(len(self.distance), dtype=np.float32))[:, None]

    def y(self) -> Float32[np.ndarray, "1 ny"]:
        """y of each row of points, metres."""
        return (self.origin[1] + self.spacing * np.arange(self.distance.shape[1], dtype=np.float32))[None, :]


@dataclass(frozen=True, kw_only=True)
class Inertia:
    """A subject's long axis, pixels."""

    middle: tuple[float, float]
    along: tuple[float, float]
    """Unit direction (x, y) of the long axis; y grows downward."""

    length: float
    width: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Outline:
    """A subject's outline on the pixels of its picture (cropped to the subject, with a margin)."""

    distance: Float32[np.ndarray, "height width"]
    """Pixels, positive inside; zero where alpha, interpolated, is one half."""

    corner: tuple[int, int]
    """Column and row, in the picture, of the crop's first pixel; negative where the margin reaches beyond the picture."""

    frame: PictureFrame
    notes: tuple[str, ...] = ()

    @cached_property
    def area(self) -> float:
        """Square metres."""
        return float((self.distance > 0).sum()) * self.frame.metres_per_pixel**2

    @cached_property
    def half_width(self) -> float:
        """Typical distance from the middle of a part to its rim, metres: the radius, for a disc."""
        return 3 * float(self.distance[self.distance > 0].mean()) * self.frame.metres_per_pixel

    @cached_property
    def solidity(self) -> float:
        """Area, holes filled, over that of the convex hull: 1 for a disc or a ring, 0.7 for a figure with its arms spread."""
        contours, _ = cv2.findContours((self.distance > 0).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        # Contours run through pixel centres, so one pixel's width about them is half outside; it matters to slim subjects only.
        filled = sum(cv2.contourArea(contour) for contour in contours)
        return float(filled / max(cv2.contourArea(cv2.convexHull(np.concatenate(contours))), 1.0))

    @cached_property
    def inertia(self) -> Inertia:
        """The axis of least inertia, and the subject's extents along and across it."""
        points = np.argwhere(self.distance > 0)[:, ::-1].astype(np.float64)
        middle = points.mean(axis=0)
        _, axes = np.linalg.eigh(np.cov((points - middle).T, ddof=0) + 1e-9 * np.eye(2))
        width, length = (float(np.ptp(points @ axis)) + 1 for axis in axes.T)
        along = (float(axes[0, 1]), float(axes[1, 1]))
        return Inertia(middle=(float(middle[0]), float(middle[1])), along=along, length=length, width=width)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the subject's box, metres."""
        height, width = self.distance.shape
        border = 2 * (MARGIN_PIXELS + 1)
        return (width - border) * self.frame.metres_per_pixel, (height - border) * self.frame.metres_per_pixel

    def sample(self, spacing: float) -> OutlineGrid:
        """The outline on a grid of this spacing (metres), symmetric about x = 0. Parts thinner than a cell are made as wide."""
        pixels_per_cell = spacing / self.frame.metres_per_pixel
        distance = _keep_thin_parts(self.distance, THIN_CELLS * pixels_per_cell) if pixels_per_cell > 1 else self.distance
        x, y = self._cells(spacing)
        pixels = self.frame.to_pixels(np.stack(np.meshgrid(x, y), axis=-1)) - self.corner - 0.5
        smooth = cv2.INTER_CUBIC if pixels_per_cell < 1 else cv2.INTER_LINEAR
        column, row = pixels[..., 0].astype(np.float32), pixels[..., 1].astype(np.float32)
        sampled = cv2.remap(distance, column, row, smooth, borderMode=cv2.BORDER_REPLICATE)
        metres = np.ascontiguousarray(sampled.T) * np.float32(self.frame.metres_per_pixel)
        return OutlineGrid(distance=metres, origin=(float(x[0]), float(y[0])), spacing=spacing)

    def _cells(self, spacing: float) -> tuple[Float32[np.ndarray, " nx"], Float32[np.ndarray, " ny"]]:
        """x and y of a grid's points, metres: the subject's box and GRID_MARGIN_CELLS around it, wherever its frame puts it."""
        inner = np.array(self.distance.shape[::-1]) - (MARGIN_PIXELS + 1)
        box = self.frame.to_metres(np.array(self.corner) + np.stack([np.full(2, MARGIN_PIXELS + 1), inner]))
        columns = int(np.ceil(np.abs(box[:, 0]).max() / spacing)) + GRID_MARGIN_CELLS
        low, high = int(np.floor(box[1, 1] / spacing)), int(np.ceil(box[0, 1] / spacing))
        rows = np.arange(low - GRID_MARGIN_CELLS, high + GRID_MARGIN_CELLS + 1)
        return (np.arange(-columns, columns + 1) * spacing).astype(np.float32), (rows * spacing).astype(np.float32)


def body(grid: OutlineGrid, *, share: float = BODY_RADIUS_SHARE) -> OutlineGrid:
    """The subject without its thin parts (handles, twigs): what a disc of `share` of the greatest inner radius can reach."""
    radius = share * float(grid.distance.max())
    away = cv2.distanceTransform((grid.distance <= radius).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return replace(grid, distance=np.asarray(np.float32(radius) - away * np.float32(grid.spacing), np.float32))


def trace_outline(alpha: UInt8[np.ndarray, "height width"]) -> Outline:
    """The outline of a matte, without dust and pinholes. PictureError when it is empty or smaller than LEAST_PIXELS."""
    if not (alpha > HALF).any():
        raise PictureError(
            "the matte is empty: no pixel is more than half covered. Run cutout first, or give a picture with a clear subject"
        )
    clean, notes = _without_flaws(alpha)
    frame = PictureFrame.of_matte(clean)
    rows, columns = np.flatnonzero((clean > HALF).any(axis=1)), np.flatnonzero((clean > HALF).any(axis=0))
    if max(np.ptp(rows), np.ptp(columns)) + 1 < LEAST_PIXELS:
        size = f"{np.ptp(columns) + 1} x {np.ptp(rows) + 1}"
        raise PictureError(f"the subject is only {size} pixels: give a picture in which it is at least {LEAST_PIXELS} pixels wide or tall")
    padded = np.pad(clean, MARGIN_PIXELS + 1)
    crop = padded[rows[0] : rows[-1] + 2 * MARGIN_PIXELS + 3, columns[0] : columns[-1] + 2 * MARGIN_PIXELS + 3]
    corner = (int(columns[0]) - MARGIN_PIXELS - 1, int(rows[0]) - MARGIN_PIXELS - 1)
    return Outline(distance=_smooth_where_thick(signed_distance(crop)), corner=corner, frame=frame, notes=notes)


def signed_distance(alpha: UInt8[np.ndarray, "height width"]) -> Float32[np.ndarray, "height width"]:
    """Distance of each pixel's centre to the contour alpha = 1/2, pixels, positive inside.

    After Gustavson and Strand 2011, "Anti-aliased Euclidean distance transform": next to the rim, coverage minus one half is the distance;
    further off it is the distance to the nearest pixel beyond the rim, less what that pixel's own coverage says.
    """
    cover = alpha.astype(np.float32) / np.float32(255)
    within, beyond = _distance_past(cover, cover > 0.5), _distance_past(1 - cover, cover <= 0.5)
    distance = np.where(cover > 0.5, within, -beyond)
    rim = (cover > 0) & (cover < 1) & (np.abs(distance) < 1)
    return np.where(rim, cover - np.float32(0.5), distance)


def _distance_past(cover: Float32[np.ndarray, "h w"], inside: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """For each pixel inside, the distance to the nearest pixel outside, less that pixel's (1/2 - cover)."""
    far, label = cv2.distanceTransformWithLabels(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    short = np.zeros(int(label.max()) + 1, np.float32)
    short[label[~inside]] = np.float32(0.5) - cover[~inside]
    return np.asarray(far - short[label], np.float32)


def _smooth_where_thick(distance: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """The distance without the pixel-sized ripple of its rim, which would run round the whole body as grooves.

    Parts and gaps less than three pixels wide stay as they are: smoothing would close them.
    """
    smooth = cv2.GaussianBlur(distance, (0, 0), RIM_SMOOTHING_PIXELS)
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    room = np.minimum(cv2.dilate(distance, near), cv2.dilate(-distance, near))
    share = np.clip(room - np.float32(1.5), 0, 1)
    return np.asarray(distance + (smooth - distance) * share, np.float32)


def _keep_thin_parts(distance: Float32[np.ndarray, "h w"], least: float) -> Float32[np.ndarray, "h w"]:
    """The distance, raised around the middle of parts whose half-width (pixels) is below `least`, so that they are that wide."""
    highest = cv2.dilate(distance, np.ones((3, 3), np.uint8))
    middle = (distance > 0) & (distance < least) & (distance >= highest)
    if not middle.any():
        return distance
    away = cv2.distanceTransform((~middle).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.maximum(distance, np.float32(least) - away)


def _without_flaws(alpha: UInt8[np.ndarray, "h w"]) -> tuple[UInt8[np.ndarray, "h w"], tuple[str, ...]]:
    """The matte without dust and pinholes, and what was done."""
    inside = alpha > HALF
    size = int(inside.sum())
    dust, specks = _small_parts(inside, most=DUST_SHARE * size)
    holes, pinholes = _small_parts(~inside, most=max(PINHOLE_PIXELS, PINHOLE_SHARE * size))
    clean = np.where(holes, 255, np.where(dust, 0, alpha)).astype(np.uint8)
    counts = ((specks, "separate speck", "removed"), (pinholes, "pinhole", "filled"))
    return clean, tuple(f"{count} {what}{'s' if count > 1 else ''} in the matte {done}" for count, what, done in counts if count)


def _small_parts(mask: Bool[np.ndarray, "h w"], *, most: float) -> tuple[Bool[np.ndarray, "h w"], int]:
    """Where the mask's parts of at most `most` pixels lie, and how many there are. The largest part is never small."""
    _, label, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    sizes = stats[:, cv2.CC_STAT_AREA]
    small = sizes <= most
    small[0] = False
    if len(sizes) > 1:
        small[1 + int(np.argmax(sizes[1:]))] = False
    return small[label], int(small.sum())
