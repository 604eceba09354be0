"""Where a surface that turns away from a camera takes its colour: from further inside the picture, not from the rim's last pixel.

Straight projection would paint a whole side with two or three columns of pixels. So beyond a slope of 68 degrees the place walks back
inward by the distance travelled along the surface, over the rim and on to the far side: the side is one strip of the picture that starts
where the visible part ends. (Walks from both sheets that meet at the rim would show that strip and its mirror image, like an inkblot.)
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from kiln.backends.silhouette.frame import HALF, PlacedView
from kiln.backends.silhouette.rim import rim_depth
from kiln.backends.silhouette.skin import Skin
from kiln.imaging.sample import sample_bilinear

TURNED = 0.22
"""The cosine of the slope (77 degrees) beyond which a picture is reflected rather than stretched: 4.5 times at most. What lies beyond it is
hardly seen from the view itself, so the picture stays whole there."""

AWAY = -0.75
"""The cosine of the slope on the far side beyond which a walk is of no use: the far side's own picture has taken over."""

LEVEL = 5.0
"""How much more a walk goes sideways than up and down: storeys and layers go around a subject at their height, and walks that run side by
side do not pinch the picture where they meet."""

ACROSS = 0.85
"""Share of the way to the subject's other rim that a walk may use; a longer one is squeezed into it, which stretches the picture."""

LEAST_REACH = 0.006
"""Heights of the subject that every walk may use."""

FARTHEST = 0.25
"""Heights of the subject that a walk may go at most: the farther it goes, the more what wavers at its start is bent out of shape."""

STRAIGHT_AFTER = 0.08
"""Metres of walk after which the outline's bumps and bays no longer shift the picture: a window is not bent by the eaves beside it."""

STRAIGHT_SHARE = 0.4
"""Share of a walk's reach by which it may be straightened at most: of a limb, the picture would be left nothing else."""

STEPS = 14
"""Steps of the search for the other rim, each as long as the way to the nearest rim (Hart 1996, "Sphere tracing")."""

TRAVEL_ROUNDS, SQUEEZE_ROUNDS = 4, 24
"""Rounds of smoothing: distances along edges are ragged by an edge's length; neighbours' walks must keep together."""

EVENNESS = 0.025
"""Standard deviation over which the outline is evened out before it tells the way inward, heights of the subject."""

STRAIGHTNESS = 0.1
"""The same, before it tells which bumps and bays to straighten."""

RIM_ROWS = 160
"""Height of the subject in the small picture for both."""


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
    walks = np.flatnonzero(travelled)
    rim, uvs = _Rim.of(view), view.project(skin.mesh.positions)
    inward = _in_space(view, sample_bilinear(rim.inward, uvs))
    reach, squeeze = np.zeros_like(travelled), np.ones_like(travelled)
    reach[walks] = _reach(view, skin.mesh.positions[walks], inward[walks])
    squeeze[walks] = np.minimum(1, reach[walks] / (travelled + left)[walks])
    way = skin.smoothed(squeeze, rounds=SQUEEZE_ROUNDS) * travelled
    outside = np.clip(sample_bilinear(rim.outside, uvs)[:, 0], -STRAIGHT_SHARE * reach, STRAIGHT_SHARE * reach)
    straightened = way + np.minimum(1, travelled / STRAIGHT_AFTER) * outside
    way = np.where(travelled > 0, np.clip(straightened, np.minimum(way, LEAST_REACH), reach), 0)
    return (skin.mesh.positions + inward * way[:, None]).astype(np.float32), travelled


@dataclass(frozen=True, eq=False, kw_only=True)
class _Rim:
    """A picture's outline, evened out, on a small picture of it."""

    inward: Float32[np.ndarray, "h w 2"]
    """The way right and up (each -1 to 1) that a walk takes."""

    outside: Float32[np.ndarray, "h w 1"]
    """How far each place stands out of the evened outline, metres; negative in its bays."""

    @classmethod
    def of(cls, view: PlacedView) -> _Rim:
        """Directions come from the picture, not from the surface: so they are the same all along a walk, and waver with no bump."""
        scale = min(1.0, RIM_ROWS * view.frame.metres_per_pixel)
        size = (max(1, round(view.picture.width * scale)), max(1, round(view.picture.height * scale)))
        alpha = cv2.resize(view.picture.alpha, size, interpolation=cv2.INTER_AREA)
        metres = float(view.frame.metres_per_pixel / scale)
        away = cv2.distanceTransform((np.pad(alpha, 1, mode="edge") <= HALF).view(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
        outside = cv2.GaussianBlur(away - rim_depth(alpha), (0, 0), STRAIGHTNESS / metres) * np.float32(metres)
        soft = cv2.GaussianBlur(alpha.astype(np.float32), (0, 0), EVENNESS / metres)
        slope = np.stack([cv2.Sobel(soft, cv2.CV_32F, 1, 0) * np.float32(LEVEL), -cv2.Sobel(soft, cv2.CV_32F, 0, 1)], axis=2) ** 3
        return cls(inward=slope / np.maximum(np.linalg.norm(slope, axis=2, keepdims=True), 1e-6), outside=outside[..., None])


def _in_space(view: PlacedView, ways: Float32[np.ndarray, "n 2"]) -> Float32[np.ndarray, "n 3"]:
    """Unit vectors in space for ways right and up in the picture."""
    right, _ = view.axes()
    inward = ways[:, :1] * right + ways[:, 1:] * np.array([0, 1, 0], np.float32)
    return np.asarray(inward / np.maximum(np.linalg.norm(inward, axis=1, keepdims=True), 1e-6), np.float32)


def _reach(view: PlacedView, start: Float32[np.ndarray, "n 3"], inward: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, " n"]:
    """How far a walk may go before it meets the subject's other rim, metres."""
    depth = rim_depth(view.picture.alpha)[..., None] * np.float32(view.frame.metres_per_pixel)
    length = np.full(len(start), LEAST_REACH, np.float32)
    inside = np.ones(len(start), bool)
    for _ in range(STEPS):
        here = sample_bilinear(depth, view.project(start + inward * length[:, None]))[:, 0]
        inside &= here > 0
        length += np.where(inside, here, 0)
    return np.minimum(ACROSS * length, FARTHEST)
