"""Pictures of how true a game mesh is to its source: both side by side, and their difference as heat maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.kernels import map_in_threads
from kiln.proof.canvas import MUTED, Canvas
from kiln.proof.fidelity import TexelErrors
from kiln.proof.heat import COLORS, NORMALS, UNKNOWN, Scale
from kiln.proof.measure import Evidence
from kiln.proof.preview import Tile, on_backdrop
from kiln.proof.reference import look_of
from kiln.proof.views import Comparison, Seen, compare
from kiln.render.camera import Camera
from kiln.render.studio import Studio

_TILE = 320
_FINER = 1.5
"""Views are taken this much larger and shrunk."""

_GAP, _MARGIN, _HEADER, _BAND = 12, 40, 104, 40

_ALWAYS: Final = (45.0, 225.0)
"""Azimuths, degrees, of the two views that are always shown: front left and back right, both from above."""

_ROOM = 1.12
"""Shown views are this much wider than measured ones, to breathe."""

_ONE_ONLY = (214, 69, 65)
"""Where one of the two is seen and the other is not."""


def evidence_tiles(evidence: Evidence) -> tuple[Tile, ...]:
    """Four tiles a view (source, game mesh, normal error, colour error), then the errors on the atlas. Empty without a source.

    Views are from the front left, from the back right, and the one whose normals are worst.
    """
    if evidence.reference is None or not evidence.views:
        return ()
    look, reference = look_of(evidence.mesh, evidence.materials), evidence.reference
    rows = map_in_threads(lambda camera: _row(compare(look, reference, camera, size=round(_TILE * _FINER))), _cameras(evidence.views))
    views = (tile for row in rows for tile in row)
    return (*views, *(_atlas(evidence.texels) if evidence.texels is not None else ()))


def evidence_sheet(tiles: Sequence[Tile], *, title: str) -> UInt8[np.ndarray, "height width 3"]:
    """The tiles on one sheet, four in a row, captions below."""
    pitch = _TILE + _BAND + _GAP
    rows = -(-len(tiles) // 4)
    canvas = Canvas(2 * _MARGIN + 4 * (_TILE + _GAP) - _GAP, _HEADER + rows * pitch - _GAP + _MARGIN)
    canvas.text(title, at=(_MARGIN, 62), size=34)
    for number, tile in enumerate(tiles):
        left, top = _MARGIN + number % 4 * (_TILE + _GAP), _HEADER + number // 4 * pitch
        canvas.tile(tile.pixels, at=(left, top))
        canvas.text(tile.caption, at=(left + 4, top + _TILE + 25), size=17, color=MUTED)
    return canvas.pixels


def _cameras(views: Sequence[Comparison]) -> list[Camera]:
    """Those of the views that are shown."""
    above = [view.camera for view in views if view.camera.azimuth_degrees in _ALWAYS and view.camera.elevation_degrees > 0]
    worst = max(views, key=lambda view: float(view.normal_degrees.mean()) if len(view.normal_degrees) else 0.0).camera
    shown = above if worst in above else [*above, worst]
    return [replace(camera, half_height=_ROOM * camera.half_height) for camera in shown]


def _row(view: Comparison) -> tuple[Tile, ...]:
    squares = view.color_squares[np.isfinite(view.color_squares)]
    rms = f", {np.sqrt(squares.mean()):.1f} of 255" if len(squares) else ""
    degrees = f", {view.normal_degrees.mean():.2f}°" if len(view.normal_degrees) else ""
    return (
        Tile(caption="Source", pixels=_lit(view.source, view.camera)),
        Tile(caption="Game mesh with its maps", pixels=_lit(view.game, view.camera)),
        Tile(caption=f"Error of normals{degrees}", pixels=_heat(view, view.normal_degrees, NORMALS)),
        Tile(caption=f"Error of colour{rms}", pixels=_heat(view, np.sqrt(view.color_squares), COLORS)),
    )


def _lit(seen: Seen, camera: Camera) -> UInt8[np.ndarray, "size size 3"]:
    """What is seen, under the studio's light without gloss, before its wall."""
    studio, up = Studio(), (seen.normal[:, 1:2] + 1) / 2
    above, below = studio.dome.astype(np.float32)
    light = below + (above - below) * up
    for lamp in studio.lights(camera).astype(np.float32):
        direction, color, wrap = lamp[:3], lamp[3:6], lamp[7]
        light += color * np.maximum((seen.normal @ direction + wrap) / (1 + wrap), 0)[:, None]
    image = np.zeros((*seen.covered.shape, 4), np.float32)
    image[seen.covered, :3] = srgb_to_linear(seen.color) * light
    image[seen.covered, 3] = 1
    return linear_to_srgb(on_backdrop(_shrunk(image), camera))


def _heat(view: Comparison, values: Float32[np.ndarray, " both"], scale: Scale) -> UInt8[np.ndarray, "size size 3"]:
    """The errors where both are seen, a signal colour where only one is."""
    spread = np.full(view.both.shape, np.nan, np.float32)
    spread[view.both] = values
    colors = scale.colors(spread)
    colors[view.source.covered ^ view.game.covered] = np.array(_ONE_ONLY, np.uint8)
    any_covers = view.source.covered | view.game.covered
    image = np.zeros((*view.both.shape, 4), np.float32)
    image[any_covers, :3], image[any_covers, 3] = srgb_to_linear(colors[any_covers]), 1
    return scale.stamped(linear_to_srgb(on_backdrop(_shrunk(image), view.camera)))


def _shrunk(image: Float32[np.ndarray, "large large 4"]) -> Float32[np.ndarray, "size size 4"]:
    return cv2.resize(image, (_TILE, _TILE), interpolation=cv2.INTER_AREA)


def _atlas(texels: TexelErrors) -> Iterator[Tile]:
    """The errors where they lie on the maps."""
    found = ((texels.mapped_degrees, NORMALS, "Normal map, error"), (texels.color_levels, COLORS, "Base colour map, error"))
    for values, scale, caption in found:
        if values is not None:
            image = scale.colors(texels.as_map(values))
            image[~_covered(texels)] = np.array(UNKNOWN, np.uint8) + 40
            large = cv2.resize(image, (_TILE, _TILE), interpolation=cv2.INTER_AREA)
            yield Tile(caption=caption, pixels=scale.stamped(large))


def _covered(texels: TexelErrors) -> Bool[np.ndarray, "rows columns"]:
    return texels.as_map(np.ones(len(texels.cell), np.float32)) == 1
