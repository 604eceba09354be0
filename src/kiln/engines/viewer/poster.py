"""The poster: the asset as the page first shows it, drawn on the CPU, on nothing, so that it lies well on any background."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from kiln.asset import UNMADE, Material, Mesh
from kiln.engines.handover import Handover
from kiln.formats.asset_files import game_materials, game_mesh
from kiln.imaging.color import linear_to_srgb
from kiln.render.camera import HERO, Camera
from kiln.render.ground import Shadow, contact_shadow
from kiln.render.view import light, prepare, shoot

SIDE: Final = 1024
"""Pixels of the poster's width and height."""

_MARGIN: Final = 0.05
"""Share of the poster kept free on each side."""

_WEBP_QUALITY: Final = 86
_MOST_BYTES: Final = 150_000
_QUALITY_STEP: Final = 12

_GRAIN: Final = (np.array([(0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5)], np.float32) - 7.5) / 16
"""Bayer's matrix, one 8-bit step high: without it the shadow shows bands on a plain background."""

_FLOOR_FADE: Final = 0.5
_PICTURE_FADE: Final = 0.2
"""Over these shares of the way from the border to the middle the shadow vanishes, so that neither its square of floor nor the poster has a
border that shows."""


@dataclass(frozen=True, kw_only=True)
class Poster:
    """A WebP file, SIDE x SIDE, transparent around the asset and its shadow, and the camera that took it."""

    webp: bytes
    camera: Camera


def poster(handover: Handover) -> Poster:
    """The asset's poster, at most 150 kB."""
    mesh = game_mesh(handover.asset)
    camera = poster_camera(mesh)
    pixels = _photograph(mesh, shown_materials(handover), camera)
    return Poster(webp=_encoded(pixels), camera=camera)


def poster_camera(mesh: Mesh) -> Camera:
    """As near as shows all of the mesh in a square."""
    return HERO.fitted(mesh.positions, margin=_MARGIN)


def shown_materials(handover: Handover) -> tuple[Material, ...]:
    """The game mesh's materials; plain matt where there are none, seen from both sides, since such meshes are often open."""
    return game_materials(handover.asset) or (replace(UNMADE, double_sided=True),)


def soft_shadow(mesh: Mesh) -> Shadow:
    """The mesh's contact shadow, vanishing towards the border of its square: the page looks at the floor from anywhere."""
    shadow = contact_shadow(mesh)
    return replace(shadow, darkness=_vanishing(shadow.darkness, share=_FLOOR_FADE))


def _vanishing(darkness: Float32[np.ndarray, "rows columns"], *, share: float) -> Float32[np.ndarray, "rows columns"]:
    """The same in the middle, falling to 0 over this share of the way from each border to it."""
    rows, columns = (_rise(count, share=share) for count in darkness.shape)
    return darkness * rows[:, None] * columns


def _rise(count: int, *, share: float) -> Float32[np.ndarray, " count"]:
    """0 at both ends, 1 in the middle, without a kink between (a smoothstep)."""
    inwards = np.clip((1 - np.abs(np.linspace(-1, 1, count))) / share, 0, 1)
    return (inwards * inwards * (3 - 2 * inwards)).astype(np.float32)


def _photograph(mesh: Mesh, materials: tuple[Material, ...], camera: Camera) -> UInt8[np.ndarray, "side side 4"]:
    """sRGB colour with straight alpha, the shadow being black that lets the background through."""
    subject = prepare(mesh, materials)
    image = light(subject, shoot(subject, camera, width=SIDE, height=SIDE))
    covered = image[..., 3:]
    color = linear_to_srgb(image[..., :3] / np.maximum(covered, 1e-6))
    behind = _veil(soft_shadow(mesh), camera)[..., None]
    alpha = covered + behind * (1 - covered)
    # Browsers blend encoded values, so the subject's rim is darkened by the shadow behind it in encoded values too.
    mixed = color * covered / np.maximum(alpha, 1e-6)
    grain = np.where((covered == 0) & (behind > 0), np.tile(_GRAIN, (SIDE // 4, SIDE // 4))[..., None], 0)
    return np.dstack([np.round(mixed), np.round(np.maximum(255 * alpha + grain, 0))]).astype(np.uint8)


def _veil(shadow: Shadow, camera: Camera) -> Float32[np.ndarray, "side side"]:
    """The alpha of black that darkens an encoded background as the shadow darkens its light."""
    # At half resolution: a soft shadow has no detail that a quarter of the rays would miss.
    darkness = cv2.resize(shadow.seen_by(camera, width=SIDE // 2, height=SIDE // 2), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return _vanishing(1 - (1 - np.clip(darkness, 0, 1)) ** np.float32(1 / 2.2), share=_PICTURE_FADE)


def _encoded(pixels: UInt8[np.ndarray, "side side 4"]) -> bytes:
    """A WebP file that keeps the budget, as good as it allows."""
    stored = cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA)
    for quality in range(_WEBP_QUALITY, 0, -_QUALITY_STEP):
        _, encoded = cv2.imencode(".webp", stored, [cv2.IMWRITE_WEBP_QUALITY, quality])
        if encoded.size <= _MOST_BYTES:
            break
    return encoded.tobytes()
