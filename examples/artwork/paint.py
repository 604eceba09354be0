"""A small painter: a part is an outline, a relief and a material; the canvas lights it and lays it over what is there.

Units are pixels of the finished 1024 x 1024 picture, x to the right, y down, relief towards the viewer. Colours are linear light inside,
given as sRGB hex. Everything is drawn at SUPER times the size and averaged down.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

SIZE = 1024
SUPER = 2
"""Outlines are antialiased by their distance fields as well, so 2 looks like 4 without them and takes a quarter of the time."""

Array = np.ndarray


def rgb(code: str) -> Array:
    """Linear light of an sRGB hex colour."""
    encoded = np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(np.float32)


def mix(a: Array | float, b: Array | float, share: Array | float) -> Array:
    """a where share is 0, b where it is 1; colours are mixed by fields of shares."""
    share = np.asarray(share, np.float32)
    if share.ndim == 2 and (np.ndim(a) in (1, 3) or np.ndim(b) in (1, 3)):
        share = share[..., None]
    return a + (b - a) * share


def smoothstep(low: float, high: float, value: Array) -> Array:
    """0 below low, 1 above high, smooth between; falls when high < low."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def dome(distance: Array, radius: float, *, rise: float = 1.0) -> Array:
    """Relief of a rim rounded by a quarter circle of this radius, `rise` times as high; flat further inside."""
    depth = np.clip(-distance, 0, radius)
    return rise * np.sqrt(np.maximum(radius**2 - (radius - depth) ** 2, 0))


@dataclass(frozen=True)
class Window:
    """The part of the canvas that something is painted in, and its pixels' coordinates."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the canvas."""
        return slice(self.top * SUPER, self.bottom * SUPER), slice(self.left * SUPER, self.right * SUPER)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, supersampled."""
        return (self.bottom - self.top) * SUPER, (self.right - self.left) * SUPER

    def grid(self) -> tuple[Array, Array]:
        """x and y of every pixel's centre."""
        x = (np.arange(self.shape[1], dtype=np.float32) + 0.5) / SUPER + self.left
        y = (np.arange(self.shape[0], dtype=np.float32) + 0.5) / SUPER + self.top
        return np.broadcast_to(x, self.shape), np.broadcast_to(y[:, None], self.shape)

    def noise(self, seed: int, *, across: float, down: float, octaves: int = 4) -> Array:
        """Fractal noise, mean 0, about -1 to 1; its largest features measure across x down pixels."""
        generator = np.random.default_rng(seed)
        total, weight = np.zeros(self.shape, np.float32), 1.0
        for octave in range(octaves):
            cells = [max(4, int(np.ceil(n / SUPER / (f / 2**octave))) + 3) for n, f in zip(self.shape, (down, across), strict=True)]
            cells = [min(c, n) for c, n in zip(cells, self.shape, strict=True)]
            total += weight * cv2.resize(
                generator.normal(0, 0.6, cells).astype(np.float32), self.shape[::-1], interpolation=cv2.INTER_CUBIC
            )
            weight *= 0.55
        return total / 1.6

    def spline(self, points: list[tuple[float, float]]) -> Array:
        """Signed distance, negative inside, to the closed Catmull-Rom curve through these points."""
        knots = np.array(points, np.float64)
        before, after, beyond = np.roll(knots, 1, 0), np.roll(knots, -1, 0), np.roll(knots, -2, 0)
        t = np.linspace(0, 1, 24, endpoint=False)[:, None, None]
        curve = 0.5 * (
            2 * knots
            + (after - before) * t
            + (2 * before - 5 * knots + 4 * after - beyond) * t**2
            + (3 * knots - before - 3 * after + beyond) * t**3
        )
        return self.polygon(curve.transpose(1, 0, 2).reshape(-1, 2))

    def polygon(self, points: Array | list[tuple[float, float]]) -> Array:
        """Signed distance, negative inside, to a polygon."""
        corners = (np.array(points, np.float64) - (self.left, self.top)) * SUPER - 0.5
        mask = np.zeros(self.shape, np.uint8)
        cv2.fillPoly(mask, [np.round(corners * 256).astype(np.int32)], 1, shift=8)
        outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        inside = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # The blur takes the pixel steps out of the outline.
        return cv2.GaussianBlur((outside - inside) / SUPER, (0, 0), 1.2)


def circle(x: Array, y: Array, cx: float, cy: float, radius: float) -> Array:
    """Signed distance to a circle."""
    return np.hypot(x - cx, y - cy) - radius


def box(x: Array, y: Array, cx: float, cy: float, half: tuple[float, float], *, corner: float = 0.0) -> Array:
    """Signed distance to a rectangle with rounded corners."""
    dx, dy = np.abs(x - cx) - half[0] + corner, np.abs(y - cy) - half[1] + corner
    return np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - corner


def join(a: Array, b: Array, blend: float) -> Array:
    """Signed distance to two shapes melted together over `blend` pixels (Quilez, smooth minimum)."""
    share = np.clip(0.5 + 0.5 * (b - a) / blend, 0, 1)
    return mix(b, a, share) - blend * share * (1 - share)


@dataclass(frozen=True)
class Look:
    """Material: how glossy (0 to 1), how strong its highlights are, how metallic, how dark its rims, and how far it glows."""

    gloss: float = 0.4
    shine: float = 0.3
    metal: float = 0.0
    rim_dark: float = 0.45
    rim_width: float = 26.0


_KEY = np.array([-0.50, -0.62, 0.60]) / np.linalg.norm([-0.50, -0.62, 0.60])
_RIM = np.array([0.86, -0.12, 0.50]) / np.linalg.norm([0.86, -0.12, 0.50])
_KEY_COLOR = np.array([1.16, 1.06, 0.90], np.float32) * 1.28
_SKY, _GROUND = np.array([0.42, 0.50, 0.66], np.float32), np.array([0.34, 0.25, 0.21], np.float32)
_RIM_COLOR = np.array([0.40, 0.55, 0.85], np.float32)


class Canvas:
    """What has been painted so far: premultiplied linear light."""

    def __init__(self) -> None:
        self.pixels = np.zeros((SIZE * SUPER, SIZE * SUPER, 4), np.float32)

    def part(
        self,
        window: Window,
        distance: Array,
        *,
        relief: Array,
        color: Array,
        look: Look,
        glow: Array | float = 0.0,
        shadow: float = 0.6,
    ) -> None:
        """Light a part and lay it over the canvas; its soft shadow darkens what lies under it."""
        color = np.broadcast_to(color, (*window.shape, 3))
        light = lit(relief, distance, color, look) + glow
        self.shade(window, distance, strength=shadow)
        self.lay(window, light, coverage(distance))

    def lay(self, window: Window, light: Array, alpha: Array) -> None:
        """Plain colour over the canvas."""
        target = self.pixels[window.slices]
        target *= 1 - alpha[..., None]
        target[..., :3] += light * alpha[..., None]
        target[..., 3] += alpha

    def shade(self, window: Window, distance: Array, *, strength: float, reach: float = 14.0) -> None:
        """Contact shadow of a part on what is already there, down and to the right of it, wide and near."""
        if strength <= 0:
            return
        mask = coverage(distance)
        for blur, shift, share in ((reach * 0.35, 3, 0.6), (reach, 9, 0.6)):
            moved = cv2.warpAffine(mask, np.float32([[1, 0, 0.6 * shift * SUPER], [0, 1, shift * SUPER]]), mask.shape[::-1])
            dark = 1 - strength * share * cv2.GaussianBlur(moved, (0, 0), blur * SUPER)
            self.pixels[window.slices][..., :3] *= dark[..., None]

    def save(self, path: Path) -> None:
        """Write it as a PNG with alpha."""
        encoded, alpha = self._finished()
        pixels = np.dstack([encoded * (alpha > 0), alpha])
        Image.fromarray(np.round(pixels * 255).astype(np.uint8)).save(path, optimize=True)

    def save_on_paper(self, path: Path) -> None:
        """Write it as a JPEG without alpha: on cream paper under a lamp, with a soft shadow at its foot."""
        encoded, alpha = self._finished()
        y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE
        lamp = 1 - 0.55 * ((x - 0.38) ** 2 + (y - 0.35) ** 2)
        columns = np.flatnonzero(alpha.max(axis=(0, 2)) > 0.5) / SIZE
        foot = float(np.flatnonzero(alpha.max(axis=(1, 2)) > 0.5)[-1]) / SIZE
        middle, wide = (columns[0] + columns[-1]) / 2 + 0.04, (columns[-1] - columns[0]) * 0.42
        shadow = 0.5 * np.exp(-(((x - middle) / wide) ** 2) - ((y - foot + 0.005) / 0.028) ** 2)
        paper = np.float32([0.93, 0.89, 0.80]) * (lamp * (1 - shadow))[..., None]
        Image.fromarray(np.round(mix(paper, encoded, alpha) * 255).astype(np.uint8)).save(path, quality=93)

    def _finished(self) -> tuple[Array, Array]:
        """(sRGB-encoded colour, alpha), 0 to 1, averaged down."""
        small = cv2.resize(self.pixels, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        alpha = np.clip(small[..., 3:], 0, 1)
        light = small[..., :3] / np.maximum(alpha, 1e-4)
        light = np.where(light > 0.7, 0.7 + 0.3 * np.tanh((light - 0.7) / 0.45), light)  # a soft shoulder keeps highlights coloured
        encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-6) ** (1 / 2.4) - 0.055)
        return np.clip(encoded, 0, 1), alpha


def coverage(distance: Array) -> Array:
    """Share of each supersampled pixel that lies inside."""
    return np.clip(0.5 - distance * SUPER, 0, 1).astype(np.float32)


def normals(relief: Array) -> Array:
    """Unit normals of a relief."""
    soft = cv2.GaussianBlur(relief.astype(np.float32), (0, 0), 0.8 * SUPER)
    down, across = np.gradient(soft, 1 / SUPER)
    normal = np.dstack([-across, -down, np.ones_like(soft)])
    return normal / np.linalg.norm(normal, axis=2, keepdims=True)


def lit(relief: Array, distance: Array, color: Array, look: Look) -> Array:
    """A warm key light from the upper left, a cool rim light from the right, sky and ground, highlights, and darkness at the rims."""
    normal = normals(relief)
    key = np.clip((normal @ _KEY + 0.22) / 1.22, 0, 1)[..., None] ** 1.3
    up = 0.5 - 0.5 * normal[..., 1:2]
    ambient = mix(_GROUND, _SKY, up[..., 0])
    back = np.clip(normal @ _RIM, 0, 1)[..., None] ** 4 * (1 - normal[..., 2:]) ** 2.5 * 2.0
    occlusion = 1 - look.rim_dark * (1 - smoothstep(0, look.rim_width, -distance))[..., None]
    diffuse = color * (key * _KEY_COLOR + ambient * 0.62) * occlusion
    highlight = np.clip(normal @ _half(_KEY), 0, 1)[..., None] ** 2 ** (1 + 9 * look.gloss)
    tint = mix(np.ones(3, np.float32), color * 1.6, np.full(color.shape[:2], look.metal, np.float32))
    shine = (highlight * _KEY_COLOR * 1.5 + back * _RIM_COLOR * (0.3 + 1.4 * color)) * look.shine * tint
    if look.metal:
        diffuse = mix(diffuse, color * _mirror(normal) * occlusion, np.full(color.shape[:2], look.metal, np.float32))
    return (diffuse + shine).astype(np.float32)


def _half(light: Array) -> Array:
    half = light + np.array([0, 0, 1])
    return half / np.linalg.norm(half)


def _mirror(normal: Array) -> Array:
    """What polished metal reflects: a bright sky, a dark horizon, a warm floor."""
    up = -2 * normal[..., 2] * normal[..., 1] + 0.45 * -2 * normal[..., 2] * normal[..., 0]
    sky = smoothstep(-0.05, 0.75, up)[..., None] * np.float32([1.75, 1.72, 1.65])
    floor = smoothstep(-0.1, -0.9, up)[..., None] * np.float32([0.75, 0.55, 0.42])
    key = np.clip(normal @ _KEY, 0, 1)[..., None] * np.float32([0.55, 0.5, 0.44])
    return 0.22 + sky + floor + key
