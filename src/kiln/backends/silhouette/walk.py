"""Where a surface that turns away from a camera takes its colour: from further inside the picture, not from the rim's last pixel.

Straight projection would paint a whole side with two or three columns of pixels. So beyond a slope of 68 degrees the place walks back
inward by the distance travelled along the surface: the picture is reflected about the rim, and the side continues the material. The
distance is taken to whichever sheet is nearer, front or back, so both reach the rim at the same place of the picture and nothing tears.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from kiln.backends.silhouette.frame import PlacedView
from kiln.backends.silhouette.skin import Skin
from kiln.backends.silhouette.spread import rim_depth
from kiln.imaging.sample import sample_bilinear

TURNED = 0.37
"""The cosine of the slope (68 degrees) beyond which a picture is reflected rather than stretched: 2.7 times at most."""

LEAST_REACH = 2.0
"""Pixels that a walk may go at least before it turns round."""

STEPS = 0.004 * 1.6 ** np.arange(9)
"""Distances (heights of the subject) at which the way inward is looked at: 0.4 % to 17 %."""

TRAVEL_ROUNDS, DIRECTION_ROUNDS = 4, 8
"""Rounds of smoothing: distances along edges are ragged by an edge's length, and raw normals make the walk noisy."""


def walked_places(
    skin: Skin, view: PlacedView, normals: Float32[np.ndarray, "vertices 3"]
) -> tuple[Float32[np.ndarray, "vertices 3"], Float32[np.ndarray, " vertices"]]:
    """The point in space (metres) whose projection gives each vertex its colour, and how far along the surface it walked there (metres).

    Where the surface faces the view or its opposite, that is the vertex itself, and 0.
    """
    _, towards = view.axes()
    facing = normals @ towards
    travelled, _ = skin.nearest(np.abs(facing) >= TURNED)
    travelled = skin.smoothed(travelled, rounds=TRAVEL_ROUNDS)
    outward = skin.smoothed(normals - facing[:, None] * towards, rounds=DIRECTION_ROUNDS)
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
    inward = _to_and_fro(travelled, _reach(skin, view, outward))
    return (skin.mesh.positions - outward * inward[:, None]).astype(np.float32), travelled


def _to_and_fro(distance: Float32[np.ndarray, " n"], reach: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, " n"]:
    """A walk of this length that turns round at `reach` and at 0."""
    return reach - np.abs(distance % (2 * reach) - reach)


def _reach(skin: Skin, view: PlacedView, outward: Float32[np.ndarray, "vertices 3"]) -> Float32[np.ndarray, " vertices"]:
    """How far inward the subject goes before its other rim comes nearer, metres: the greatest depth met before it falls again."""
    metres = np.float32(view.frame.metres_per_pixel)
    depth = rim_depth(view.picture.alpha)[..., None] * metres
    positions = skin.mesh.positions
    best = np.full(len(positions), LEAST_REACH * metres, np.float32)
    rising = np.ones(len(positions), bool)
    for step in STEPS:
        here = sample_bilinear(depth, view.project(positions - outward * np.float32(step)))[:, 0]
        rising &= here > best * np.float32(0.98)
        best = np.where(rising, np.maximum(best, here), best)
    return best
