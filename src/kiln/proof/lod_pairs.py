"""Each LOD beside the game mesh, both as small as when it takes over: whether anybody sees the switch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float32

from kiln.asset import Mesh, Value
from kiln.geometry.switch import SCREEN_PIXELS
from kiln.imaging.color import linear_to_srgb
from kiln.proof.preview import Tile, hero_camera, on_backdrop
from kiln.render.camera import Camera
from kiln.render.view import Subject, light, shoot

_SIDE: Final = 256
"""Pixels on a side of the square that each of the two has."""


def lod_pairs(subject: Subject, lods: Sequence[Mesh], measures: Mapping[str, Value]) -> tuple[Tile, ...]:
    """A tile for each LOD: left the game mesh, right the LOD, at the size on a screen 1,080 pixels high below which Unity shows the LOD."""
    return tuple(_pairs(subject, lods, measures))


def _pairs(subject: Subject, lods: Sequence[Mesh], measures: Mapping[str, Value]) -> Iterator[Tile]:
    camera = hero_camera(subject.mesh)
    for level, lod in enumerate(lods, start=1):
        share = measures.get(f"lod{level}_unity_height")
        if isinstance(share, float):
            near = _zoomed(camera, subject.mesh, pixels=share * SCREEN_PIXELS)
            halves = [_half(each, near) for each in (subject, subject.reshaped(lod))]
            smaller = ", drawn smaller" if near == camera else ""
            caption = f"LOD0 and LOD{level} at {share * SCREEN_PIXELS:.0f} px{smaller}"
            yield Tile(caption=caption, pixels=linear_to_srgb(on_backdrop(np.concatenate(halves, axis=1), near)))


def _zoomed(camera: Camera, mesh: Mesh, *, pixels: float) -> Camera:
    """The camera so far away that the bounding box's longest side measures this many pixels, or as many as fit."""
    low, high = mesh.bounds
    factor = max(1.0, float((high - low).max()) / 2 * _SIDE / pixels / camera.half_height)
    return replace(camera, half_height=factor * camera.half_height, distance=factor * camera.distance)


def _half(subject: Subject, camera: Camera) -> Float32[np.ndarray, "side side 4"]:
    return light(subject, shoot(subject, camera, width=_SIDE, height=_SIDE))
