"""Colour for a dense mesh from the pictures it was made of: exact where a picture sees the surface, guessed without streaks elsewhere.

A vertex that faces a camera lies in its picture where it is seen. Where the surface turns away, straight projection would paint a whole
side with two or three columns of pixels. So beyond a slope of 68 degrees the place walks back inward, by the distance travelled along the
surface: the picture is reflected about the rim, and the side continues the material. Both sheets of a body, front and back, meet at the rim
at the same place of the picture, so nothing tears.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float32, UInt8

from kiln.asset import Mesh, Projection
from kiln.backends.silhouette.backplate import plain_back
from kiln.backends.silhouette.frame import PlacedView
from kiln.backends.silhouette.skin import Skin
from kiln.backends.silhouette.spread import extend, rim_depth
from kiln.geometry.normals import smooth_normals
from kiln.geometry.rasterize import rasterize
from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.imaging.sample import sample_bilinear

Back = Literal["mirror", "plain"]
"""What the far side of a picture looks like: the same, or without the features of this side."""

TURNED = 0.37
"""The cosine of the slope (68 degrees) beyond which a picture is reflected rather than stretched."""

GUESS_WEIGHT = 1e-3
"""What a guess counts against a picture that sees the surface."""


def paint(mesh: Mesh, views: tuple[PlacedView, ...], *, back: Back = "plain") -> Mesh:
    """The mesh with projections, fallback colours, and how well each vertex is seen. The mesh is closed with one vertex a point."""
    skin = Skin.of(mesh)
    normals = skin.smoothed(smooth_normals(mesh), rounds=3)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    sheets = _sheets(views, back)
    places: dict[float, np.ndarray] = {}
    projections, sight = [], np.zeros(mesh.vertex_count, np.float32)
    for sheet in sheets:
        axis = sheet.azimuth_degrees % 180
        if axis not in places:
            places[axis] = _places(skin, sheet, normals)
        facing = normals @ sheet.towards
        guess = GUESS_WEIGHT * _smoothstep(facing, -0.35, 0.35)
        seen = np.zeros_like(guess) if sheet.guessed else _sight(skin, sheet, facing)
        sight = np.maximum(sight, seen)
        weights = guess + seen * np.clip(facing, 0, 1) ** 4
        projections.append(Projection(pixels=sheet.pixels, uvs=sheet.view.project(places[axis]), weights=weights.astype(np.float32)))
    painted = replace(mesh, projections=tuple(projections), seen=np.clip(sight, 0, 1))
    return replace(painted, colors=_vertex_colors(painted))


@dataclass(frozen=True, eq=False, kw_only=True)
class Sheet:
    """One side of the subject: a picture of it, or a guess that lies over the picture of the opposite side."""

    view: PlacedView
    pixels: UInt8[np.ndarray, "height width 4"]
    azimuth_degrees: float
    guessed: bool

    @property
    def towards(self) -> Float32[np.ndarray, " 3"]:
        """From the subject to where this side's camera stands."""
        _, towards = self.view.axes()
        return -towards if self.guessed else towards


def _sheets(views: tuple[PlacedView, ...], back: Back) -> list[Sheet]:
    """Every given side, and the opposite of each that was not given."""
    given = {round(view.azimuth_degrees) % 360 for view in views}
    sheets = []
    for view in views:
        azimuth = round(view.azimuth_degrees) % 360
        front = extend(view.picture.pixels)
        sheets.append(Sheet(view=view, pixels=front, azimuth_degrees=azimuth, guessed=False))
        if (azimuth + 180) % 360 not in given:
            plain = back == "plain" and azimuth in (0, 180)
            far = plain_back(view.picture.pixels).pixels if plain else front
            sheets.append(Sheet(view=view, pixels=far, azimuth_degrees=azimuth, guessed=True))
    return sheets


def _smoothstep(x: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _sight(skin: Skin, sheet: Sheet, facing: np.ndarray) -> np.ndarray:
    """How well a picture sees each vertex: 1 where it faces the camera and nothing is in front, falling to 0 without a step."""
    open_ = _unhidden(skin.mesh, sheet)
    soft = skin.smoothed(open_.astype(np.float32), rounds=8)
    return _smoothstep(facing, 0.1, TURNED + 0.08) * _smoothstep(soft, 0.5, 1.0)


def _unhidden(mesh: Mesh, sheet: Sheet, *, size: int = 512) -> np.ndarray:
    """Whether each vertex that faces the camera is the nearest thing under its pixel."""
    right, towards = sheet.view.axes()
    flat = np.stack([mesh.positions @ right, -mesh.positions[:, 1]], axis=1).astype(np.float64)
    low, extent = flat.min(axis=0), np.ptp(flat, axis=0)
    scale = size / extent.max()
    points = (flat - low) * scale
    width, height = (int(np.ceil(e * scale)) + 1 for e in extent)
    depth = -(mesh.positions @ towards).astype(np.float64)
    nearest = rasterize(points, mesh.triangles, width=width, height=height, depth=depth).depth
    column, row = (points.astype(np.int64)).T
    # Steep surface changes depth by several pixels within one; 4 pixels of slack hide nothing thicker.
    return depth < nearest[row, column] + 4 / scale


def _places(skin: Skin, sheet: Sheet, normals: np.ndarray) -> np.ndarray:
    """Where in space each vertex takes this axis' pictures from: itself, or walked inward from the rim."""
    _, towards = sheet.view.axes()
    facing = normals @ towards
    travelled = skin.smoothed(skin.distance(np.abs(facing) >= TURNED), rounds=4)
    outward = skin.smoothed(normals - facing[:, None] * towards, rounds=12)
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
    reach = _reach(skin.mesh, sheet, outward)
    period = 2 * reach
    back_and_forth = np.abs((travelled + reach) % (2 * period) - period) if False else reach - np.abs(travelled % period - reach)
    return (skin.mesh.positions - outward * back_and_forth[:, None]).astype(np.float32)


def _reach(mesh: Mesh, sheet: Sheet, outward: np.ndarray) -> np.ndarray:
    """How far inward the subject goes before its other rim comes nearer, metres: the greatest rim depth met on the way."""
    metres = sheet.view.frame.metres_per_pixel
    depth = rim_depth(sheet.view.picture.alpha)[..., None] * np.float32(metres)
    best = np.full(mesh.vertex_count, 2 * metres, np.float32)
    rising = np.ones(mesh.vertex_count, bool)
    for step in 0.004 * 1.6 ** np.arange(9):
        here = sample_bilinear(depth, sheet.view.project((mesh.positions - outward * np.float32(step)).astype(np.float32)))[:, 0]
        rising &= here > best * 0.98
        best = np.where(rising, np.maximum(best, here), best)
    return best


def _vertex_colors(mesh: Mesh) -> UInt8[np.ndarray, "vertices 4"]:
    """The mean of the projections at each vertex, in linear light."""
    total = sum(
        (srgb_to_linear(_bytes(sample_bilinear(p.pixels, p.uvs)))[:, :3] * p.weights[:, None] for p in mesh.projections),
        np.zeros((mesh.vertex_count, 3), np.float32),
    )
    weight = sum((p.weights for p in mesh.projections), np.zeros(mesh.vertex_count, np.float32))
    opaque = np.full((mesh.vertex_count, 1), 255, np.uint8)
    return np.hstack([linear_to_srgb(total / np.maximum(weight, 1e-12)[:, None]), opaque])


def _bytes(values: np.ndarray) -> UInt8[np.ndarray, "n 4"]:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)
