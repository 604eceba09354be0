"""Where a surface that turns away from a camera takes its colour: from further inside the picture, not from the rim's last pixel.

Straight projection would paint a whole side with two or three columns of pixels. So beyond a slope of 68 degrees the place walks back
inward by the distance travelled along the surface, over the rim and on to the far side: the side is one strip of the picture that starts
where the visible part ends. (Walks from both sheets that meet at the rim would show that strip and its mirror image, like an inkblot.)
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32

from kiln.backends.silhouette.frame import PlacedView
from kiln.backends.silhouette.skin import Skin
from kiln.backends.silhouette.spread import rim_depth
from kiln.imaging.sample import sample_bilinear

TURNED = 0.37
"""The cosine of the slope (68 degrees) beyond which a picture is reflected rather than stretched: 2.7 times at most."""

AWAY = -0.75
"""The cosine of the slope on the far side beyond which a walk is of no use: the far side's own picture has taken over."""

LEVEL = 2.5
"""How much more a walk goes sideways than up and down: storeys and layers go around a subject at their height, and walks that run side by
side do not pinch the picture where they meet."""

ACROSS = 0.85
"""Share of the way to the subject's other rim that a walk may use; a longer one is squeezed into it, which stretches the picture."""

LEAST_REACH = 0.006
"""Heights of the subject that every walk may use."""

STEPS = 14
"""Steps of the search for the other rim, each as long as the way to the nearest rim (Hart 1996, "Sphere tracing")."""

TRAVEL_ROUNDS, SQUEEZE_ROUNDS = 4, 24
"""Rounds of smoothing: distances along edges are ragged by an edge's length; neighbours' walks must keep together."""

EVENNESS = 0.025
"""Standard deviation over which the outline is evened out before it tells the way inward, heights of the subject."""


def walked_places(
    skin: Skin, view: PlacedView, normals: Float32[np.ndarray, "vertices 3"], towards: Float32[np.ndarray, " 3"]
) -> tuple[Float32[np.ndarray, "vertices 3"], Float32[np.ndarray, " vertices"]]:
    """The point in space (metres) whose projection gives each vertex its colour, and how far along the surface it walked there (metres).

    Where the surface faces `towards`, or the opposite, that is the vertex itself, and 0. The view's picture lies over both.
    """
    facing = normals @ towards
    near = facing >= TURNED
    travelled, _ = skin.nearest(near, within=facing > AWAY)
    left, _ = skin.nearest(facing <= -TURNED, within=~near)
    travelled = skin.smoothed(travelled, rounds=TRAVEL_ROUNDS)
    inward = _inward(skin, view)
    squeeze = np.ones_like(travelled)
    walks = np.flatnonzero(travelled)
    squeeze[walks] = np.minimum(1, _reach(view, skin.mesh.positions[walks], inward[walks]) / (travelled + left)[walks])
    squeeze = skin.smoothed(squeeze, rounds=SQUEEZE_ROUNDS)
    return (skin.mesh.positions + inward * (squeeze * travelled)[:, None]).astype(np.float32), travelled


def _inward(skin: Skin, view: PlacedView) -> Float32[np.ndarray, "vertices 3"]:
    """The way each vertex walks: a unit vector in the picture's plane.

    It comes from the picture, not from the surface: so it is the same all along a walk, and does not waver with every bump of the rim.
    """
    right, _ = view.axes()
    soft = cv2.GaussianBlur(view.picture.alpha.astype(np.float32), (0, 0), EVENNESS / view.frame.metres_per_pixel)
    slope = np.stack([cv2.Sobel(soft, cv2.CV_32F, 1, 0) * np.float32(LEVEL), -cv2.Sobel(soft, cv2.CV_32F, 0, 1)], axis=2) ** 3
    slope /= np.maximum(np.linalg.norm(slope, axis=2, keepdims=True), 1e-6)
    across, up = sample_bilinear(slope, view.project(skin.mesh.positions)).T
    inward = across[:, None] * right + up[:, None] * np.array([0, 1, 0], np.float32)
    return np.asarray(inward / np.maximum(np.linalg.norm(inward, axis=1, keepdims=True), 1e-6), np.float32)


def _reach(
    view: PlacedView, start: Float32[np.ndarray, "n 3"], inward: Float32[np.ndarray, "n 3"]
) -> Float32[np.ndarray, " n"]:
    """How far a walk may go before it meets the subject's other rim, metres."""
    depth = rim_depth(view.picture.alpha)[..., None] * np.float32(view.frame.metres_per_pixel)
    length = np.full(len(start), LEAST_REACH, np.float32)
    inside = np.ones(len(start), bool)
    for _ in range(STEPS):
        here = sample_bilinear(depth, view.project(start + inward * length[:, None]))[:, 0]
        inside &= here > 0
        length += np.where(inside, here, 0)
    return ACROSS * length
