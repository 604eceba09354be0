"""A material whose guessed texels are filled from the well-seen surface: smooth colour first, then texture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from kiln.asset import Material, Mesh
from kiln.geometry.bake import SurfacePoints
from kiln.geometry.diffuse import harmonic_fill
from kiln.geometry.rasterize import rasterize_uvs
from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.imaging.dilate import fill_beyond
from kiln.imaging.dissolved import dissolved
from kiln.kernels import map_in_threads
from kiln.render.atlas import lay_out
from kiln.render.patchwork import STEPS, Paint, Patchwork

Method = Literal["auto", "diffuse", "patch"]
"""auto: what is a blur, with colour and texture. diffuse: all that is guessed, with colour. patch: all that is guessed, with both."""

_LOOKED_AT = 512
"""Texels on a side, at most, of the map in which blurs are looked for."""

_SMOOTH = 1024
"""Texels on a side, at most, of the map in which colour is carried on. Being smooth it loses nothing when it is enlarged, and time and
memory do not grow with larger maps."""

_VIEWED = 2048
"""Texels on a side, at most, of the map that views show: they have 1024 pixels on a side at most themselves."""

_BAND = 1 << 19
"""Texels that get their texture at a time."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Repainted:
    """What was filled."""

    material: Material
    """`guessed` still says what no picture shows."""

    share: float
    """Of the surface, 0 to 1; 0 when there was nothing to fill, or nothing to fill it from."""

    seam_before: float
    """Mean difference of the base colour's two sides along the filled area's seams, at 1024 texels a side, 8-bit levels; 0 without any."""

    seam_after: float


@dataclass(frozen=True, eq=False, kw_only=True)
class _Smooth:
    """The filled surface in small maps without texture."""

    color: UInt8[np.ndarray, "side side 3"]
    orm: UInt8[np.ndarray, "side side 3"] | None
    share: float
    seam_before: float
    seam_after: float
    near: Bool[np.ndarray, "side side"]
    """What shows a filled texel, or lies nearest to one."""

    surface_side: float
    """Side of the map if it lay on the surface, metres."""


def repaint(
    mesh: Mesh,
    material: Material,
    *,
    method: Method = "auto",
    threshold: float = 0.5,
    texture: float = 0.8,
    on_progress: Callable[[float, str], None] = lambda share, words: None,  # noqa: ARG005
) -> Repainted:
    """Fill the texels that pictures show less well than the threshold (0 not at all, 1 well).

    Colour, roughness and metal are carried on over the surface from the texels around (harmonic, in linear light, across seams); `texture`
    (0 to 1) is how strong texture like the seen surface's is laid on. on_progress may raise to stop. ValueError when the mesh has no UVs or
    normals, or the material no base colour or nothing that says what is guessed.
    """
    if material.base_color is None or material.guessed is None or material.guessed.shape != material.base_color.shape[:2]:
        raise ValueError("repaint: the material needs base colour and guessed maps of one size")
    known = material.guessed <= 255 * (1 - threshold)
    weak = _dissolved(mesh, material.base_color, known) if method == "auto" else ~known
    on_progress(0.1, "colour")
    smooth = _carried_on(mesh, material.base_color, material.orm, weak) if weak.any() and known.any() else None
    if smooth is None:
        return Repainted(material=material, share=0.0, seam_before=0.0, seam_after=0.0)
    filled = replace(material, base_color=_with(material.base_color, smooth.color, weak, channels=slice(0, 3)))
    if smooth.orm is not None and material.orm is not None:
        filled = replace(filled, orm=_with(material.orm, smooth.orm[..., 1:], weak, channels=slice(1, 3)))
    finished = _Finish(mesh, weak, known, texture=texture if method != "diffuse" else 0.0, on_progress=on_progress).of(filled, smooth)
    return Repainted(material=finished, share=smooth.share, seam_before=smooth.seam_before, seam_after=smooth.seam_after)


def _dissolved(
    mesh: Mesh, base_color: UInt8[np.ndarray, "size size 4"], known: Bool[np.ndarray, "size size"]
) -> Bool[np.ndarray, "size size"]:
    """The guessed texels that are a blur."""
    small = np.ascontiguousarray(_at_most(base_color, _LOOKED_AT)[..., :3])
    covered = rasterize_uvs(mesh, width=len(small), height=len(small)).triangle >= 0
    found = dissolved(small, covered=covered, known=covered & (_at_most(_mark(known), _LOOKED_AT) > 127))
    return (cv2.resize(_mark(found), known.shape, interpolation=cv2.INTER_NEAREST) > 0) & ~known


def _carried_on(
    mesh: Mesh, base_color: UInt8[np.ndarray, "size size 4"], orm: UInt8[np.ndarray, "h w 3"] | None, weak: Bool[np.ndarray, "size size"]
) -> _Smooth | None:
    """Colour, and the ORM map where it has the atlas's size, of weak texels carried on from around them; None if nothing is around."""
    small = _at_most(base_color, _SMOOTH)
    atlas = lay_out(mesh, size=len(small))
    share = atlas.read(_at_most(_mark(weak), _SMOOTH))
    void = share > 0
    if void.all() or not void.any():
        return None
    color = atlas.read(small)[:, :3]
    surface = atlas.read(_at_most(orm, _SMOOTH)) if orm is not None and orm.shape[:2] == weak.shape else None
    channels = [srgb_to_linear(color)] + ([] if surface is None else [surface[:, 1:].astype(np.float32) / 255])
    found = harmonic_fill(np.hstack(channels), ~void, atlas.graph.pairs, cells=atlas.graph.cells)
    painted = np.where(void[:, None], linear_to_srgb(found[:, :3]), color)
    if surface is not None:
        surface[void, 1:] = np.round(255 * np.clip(found[void, 3:], 0, 1))
    return _Smooth(
        color=atlas.spread(painted),
        orm=None if surface is None else atlas.spread(surface),
        share=float(share.mean() / 255),
        seam_before=atlas.across_seams(color.astype(np.float32), of=void),
        seam_after=atlas.across_seams(painted.astype(np.float32), of=void),
        near=atlas.spread(void),
        surface_side=atlas.texel * len(small),
    )


class _Finish:
    """The last steps at the maps' full size: texture on weak texels, and the gutters."""

    def __init__(
        self,
        mesh: Mesh,
        weak: Bool[np.ndarray, "size size"],
        known: Bool[np.ndarray, "size size"],
        *,
        texture: float,
        on_progress: Callable[[float, str], None],
    ) -> None:
        self._mesh, self._weak, self._known, self._texture = mesh, weak, known, np.float32(texture)
        self._covered = np.zeros_like(weak)
        self._rows = max(1, _BAND // len(weak))
        self._firsts = range(0, len(weak), self._rows)
        self._on_progress = on_progress
        self._done: list[None] = []

    def of(self, material: Material, smooth: _Smooth) -> Material:
        """The material; what is weak in its maps is filled without texture."""
        base = np.array(material.base_color)
        patches = self._patches(base, smooth.surface_side / len(base)) if self._texture else None
        map_in_threads(lambda first: self._band(first, base, patches), self._firsts)
        maps = [base] if smooth.orm is None else [base, np.array(material.orm)]
        near = cv2.resize(_mark(smooth.near), self._weak.shape, interpolation=cv2.INTER_NEAREST) > 0
        fill_beyond(self._covered | ~near, maps)
        return replace(material, base_color=base, orm=material.orm if smooth.orm is None else maps[1])

    def _patches(self, base: UInt8[np.ndarray, "size size 4"], texel: float) -> Patchwork:
        marks = np.dstack([_at_most(_mark(mask), _SMOOTH) for mask in (self._weak, self._known)])
        paint = Paint(color=_at_most(base, _VIEWED)[..., :3].astype(np.float32), marks=marks / np.float32(255))
        return Patchwork(self._mesh, paint, texel=texel, on_step=self._step)

    def _band(self, first: int, base: UInt8[np.ndarray, "size size 4"], patches: Patchwork | None) -> None:
        rows = slice(first, min(first + self._rows, len(base)))
        drawn = rasterize_uvs(self._mesh, width=len(base), height=len(base), rows=(rows.start, rows.stop))
        self._covered[rows] = drawn.triangle >= 0
        wanted = self._covered[rows] & self._weak[rows]
        if patches is not None and wanted.any():
            added = patches.at(SurfacePoints(triangle=drawn.triangle[wanted], bary=drawn.bary[wanted]))
            base[rows][wanted, :3] = np.clip(np.round(base[rows][wanted, :3] + self._texture * added), 0, 255)
        self._step()

    def _step(self) -> None:
        self._done.append(None)
        self._on_progress(0.3 + 0.6 * len(self._done) / (STEPS + len(self._firsts)), "texture")


def _with(
    pixels: UInt8[np.ndarray, "size size all"],
    smooth: UInt8[np.ndarray, "side side some"],
    weak: Bool[np.ndarray, "size size"],
    *,
    channels: slice,
) -> UInt8[np.ndarray, "size size all"]:
    """The map with these channels of weak texels read from a smaller one."""
    result = pixels.copy()
    result[weak, channels] = cv2.resize(np.ascontiguousarray(smooth), weak.shape, interpolation=cv2.INTER_LINEAR)[weak]
    return result


def _mark(mask: Bool[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width"]:
    return np.where(mask, np.uint8(255), np.uint8(0))


def _at_most(pixels: UInt8[np.ndarray, "size size *channels"], side: int) -> UInt8[np.ndarray, "_ _ *channels"]:
    """The map, reduced if it is larger."""
    return pixels if len(pixels) <= side else cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
