"""Colour for a dense mesh from the pictures it was made of: exact where a picture sees the surface, guessed without streaks elsewhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kiln.asset import Mesh, Projection
from kiln.backends.silhouette.backplate import plain_back
from kiln.backends.silhouette.frame import HALF, PlacedView
from kiln.backends.silhouette.register import outline_shift
from kiln.backends.silhouette.rim import extend
from kiln.backends.silhouette.skin import Skin
from kiln.backends.silhouette.walk import walked_places
from kiln.geometry.normals import smooth_normals
from kiln.geometry.rasterize import rasterize
from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.imaging.sample import sample_bilinear

Back = Literal["mirror", "plain"]
"""What the far side of a picture looks like: the same, or without the features of this side."""

LEAN = 0.1
"""A view still counts a little where the surface has just turned away from it (cosine), so that front and back blend over the rim."""

SHARPNESS = 8
"""Power of the facing cosine by which views share a place: 8 keeps a view's own side to itself and blends over about 20 degrees."""

MIRROR_TRUST = 0.5
"""What a mirrored opposite view counts against a picture that shows the place itself."""

TURNS_AWAY = (0.4, 0.65)
"""Facing cosines (of the far side) over which the strip that came around from the front gives way to the far side's own picture."""

SIDE_TRUST = 0.1
"""What a view from the side counts against one from front or back: a hull's depths are less sure than its breadths, so limbs that the side
view shows over the trunk do not lie quite where they are."""

LEAST_WEIGHT = 1e-14
"""Raw weight below which a vertex is left to its neighbours' colour."""

SEEN = (0.1, 0.47)
"""Facing cosines over which a place goes from guessed to seen."""

GRAZING = 0.25
"""Facing cosine below which a view does not tell whether something hides a vertex."""

HIDDEN_BELOW = 0.7
"""A vertex is taken for hidden when more than this share of its surroundings is; from there to 1 the view fades in."""

SIGHT_ROUNDS = 12
"""Rounds of smoothing over which a view fades out before something that hides it: about twelve edges."""

SOFTENS = (0.0, 0.02)
"""Metres of walk from the rim over which the picture gives way to the far side's, whose features and rim light are gone."""

WELL_COVERED = 0.985
"""Overlap of a picture's outline and the body's above which the picture fits as it is."""


def paint(mesh: Mesh, views: tuple[PlacedView, ...], *, back: Back = "plain") -> Mesh:
    """The mesh with projections, fallback colours, and how well each vertex is seen (1) or guessed (0).

    The mesh is closed with one vertex a point and stands where the views' frames say. A side that no view shows is guessed from its
    opposite: left and right mirrored, front and back as `back` says.
    """
    with ThreadPoolExecutor(1) as aside:  # pictures and surface need nothing of each other until they meet below
        pictures = [aside.submit(_pictures, view, back=back) for view in views]
        skin = Skin.of(mesh)
        normals = skin.smoothed(smooth_normals(mesh), rounds=3)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        crossed = len({_azimuth(view) % 180 for view in views}) > 1
        sides = [
            _Side(
                skin=skin,
                view=view,
                normals=normals,
                crossed=crossed,
                leads=view is views[0],
                shift=_misfit(mesh, view) if len(views) > 1 else None,
            )
            for view in views
        ]
        layers = [
            _layers(side, found.result(), guess_far=_opposite(side.view) not in _azimuths(views))
            for side, found in zip(sides, pictures, strict=True)
        ]
    sight = np.max([_smoothstep(side.facing, *SEEN) * side.open for side in sides], axis=0)
    projections = _normalized(list(chain.from_iterable(layers)))
    painted = replace(mesh, projections=projections, seen=np.clip(sight, 0, 1).astype(np.float32))
    return replace(painted, colors=_vertex_colors(painted, skin))


@dataclass(frozen=True, eq=False, kw_only=True)
class _Pictures:
    """What a view paints with, both laid over the view's own picture."""

    own: UInt8[np.ndarray, "height width 4"]
    far: UInt8[np.ndarray, "height width 4"]
    """What is shown where the picture is carried on around the side, and on the far side unless another view shows that."""


def _pictures(view: PlacedView, *, back: Back) -> _Pictures:
    own = extend(view.picture.pixels)
    plain = back == "plain" and _azimuth(view) % 180 == 0
    return _Pictures(own=own, far=plain_back(view.picture.pixels).pixels if plain else own)


def _layers(near: _Side, pictures: _Pictures, *, guess_far: bool) -> list[Projection]:
    """The view's picture, what takes over from it on the side, and the guess behind it."""
    soft = _smoothstep(near.walk[1], *SOFTENS)
    if pictures.far is pictures.own:
        layers = [Projection(pixels=pictures.own, uvs=near.uvs, weights=near.weights)]
    else:
        layers = [
            Projection(pixels=pictures.own, uvs=near.uvs, weights=near.weights * (1 - soft)),
            Projection(pixels=pictures.far, uvs=near.uvs, weights=near.weights * soft),
        ]
    if guess_far:
        far = replace(near, guessed=True, leads=False)
        layers.append(Projection(pixels=pictures.far, uvs=far.uvs, weights=far.weights))
    return layers


def _normalized(layers: list[Projection]) -> tuple[Projection, ...]:
    """Weights that sum to 1 at each vertex; 0 where no layer has a say. Near the rim all raw weights are about 1e-8."""
    total = np.sum([layer.weights for layer in layers], axis=0)
    scale = np.where(total > LEAST_WEIGHT, 1 / np.maximum(total, LEAST_WEIGHT), 0).astype(np.float32)
    return tuple(replace(layer, weights=layer.weights * scale) for layer in layers)


def _azimuths(views: tuple[PlacedView, ...]) -> set[int]:
    return {_azimuth(view) for view in views}


def _azimuth(view: PlacedView) -> int:
    return round(view.azimuth_degrees) % 360


def _opposite(view: PlacedView) -> int:
    return (_azimuth(view) + 180) % 360


@dataclass(frozen=True, eq=False, kw_only=True)
class _Side:
    """One view of a mesh, or the guessed view from behind it that lies over the same picture."""

    skin: Skin
    view: PlacedView
    normals: Float32[np.ndarray, "vertices 3"]
    crossed: bool
    """Whether another view looks across this one, from the side."""

    leads: bool
    """Whether this view goes on around the side where no view looks across it."""

    shift: Float32[np.ndarray, "height width 2"] | None
    """What `_misfit` found."""

    guessed: bool = False

    @cached_property
    def towards(self) -> Float32[np.ndarray, " 3"]:
        """From the subject to this side's camera."""
        _, towards = self.view.axes()
        return -towards if self.guessed else towards

    @cached_property
    def facing(self) -> Float32[np.ndarray, " vertices"]:
        return self.normals @ self.towards

    @cached_property
    def open(self) -> Float32[np.ndarray, " vertices"]:
        """1 where nothing stands before the vertex, 0 where something does, smooth between.

        Where the surface hardly faces the camera its own rim stands before it, which says nothing; such a vertex counts as open.
        """
        clear = _unhidden(self.skin.mesh, self.view, self.towards) | (self.facing < GRAZING)
        if clear.all():
            return np.ones(len(clear), np.float32)
        return _smoothstep(self.skin.smoothed(clear.astype(np.float32), rounds=SIGHT_ROUNDS), HIDDEN_BELOW, 1.0)

    @cached_property
    def weights(self) -> Float32[np.ndarray, " vertices"]:
        """How much this side's picture counts at each vertex."""
        if not self.crossed:
            share = 1 - _smoothstep(-self.facing, *TURNS_AWAY) if self.leads else _smoothstep(self.facing, *TURNS_AWAY)
            return (share * self.open).astype(np.float32)
        sideways = _azimuth(self.view) % 180 != 0
        trust = (SIDE_TRUST if sideways else 1.0) * (MIRROR_TRUST if sideways and self.guessed else 1.0)
        lean = np.maximum(self.facing + LEAN, 0) / (1 + LEAN)
        return (np.float32(trust) * lean**SHARPNESS * self.open).astype(np.float32)

    @cached_property
    def walk(self) -> tuple[Float32[np.ndarray, "vertices 3"], Float32[np.ndarray, " vertices"]]:
        """Where in space each vertex takes its colour from, and how far it walked there."""
        return walked_places(self.skin, self.view, self.normals, self.towards)

    @cached_property
    def uvs(self) -> Float32[np.ndarray, "vertices 2"]:
        """Where each vertex lies in the picture."""
        uvs = self.view.project(self.walk[0] if self.leads or self.crossed else self.skin.mesh.positions)
        if self.shift is None:
            return uvs
        size = np.array((self.view.picture.width, self.view.picture.height), np.float32)
        return (uvs + sample_bilinear(self.shift, uvs) / size).astype(np.float32)


def _smoothstep(x: Float32[np.ndarray, " n"], low: float, high: float) -> Float32[np.ndarray, " n"]:
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _misfit(mesh: Mesh, view: PlacedView) -> Float32[np.ndarray, "height width 2"] | None:
    """How far (pixels) each pixel of the body lies from where the view's picture shows it; None where the picture fits as it is."""
    width, height = view.picture.width, view.picture.height
    points = view.project(mesh.positions).astype(np.float64) * (width, height)
    body = rasterize(points, mesh.triangles, width=width, height=height).triangle >= 0
    subject = view.picture.alpha > HALF
    return None if (body & subject).sum() >= WELL_COVERED * (body | subject).sum() else outline_shift(body, subject)


def _unhidden(mesh: Mesh, view: PlacedView, towards: Float32[np.ndarray, " 3"], *, size: int = 512) -> Bool[np.ndarray, " vertices"]:
    """Whether each vertex is the nearest thing to the camera under its pixel, of `size` over the mesh's height or width."""
    right, _ = view.axes()
    flat = np.stack([mesh.positions @ right, -mesh.positions[:, 1]], axis=1).astype(np.float64)
    low, extent = flat.min(axis=0), np.ptp(flat, axis=0)
    scale = size / extent.max()
    points = (flat - low) * scale
    width, height = (int(np.ceil(e * scale)) + 1 for e in extent)
    depth = -(mesh.positions @ towards).astype(np.float64)
    nearest = rasterize(points, mesh.triangles, width=width, height=height, depth=depth).depth
    column, row = points.astype(np.int64).T
    # Steep surface changes depth by several pixels within one; 4 pixels of slack let nothing thicker hide.
    return depth < nearest[row, column] + 4 / scale


def _vertex_colors(mesh: Mesh, skin: Skin) -> UInt8[np.ndarray, "vertices 4"]:
    """The mean of the projections at each vertex, in linear light; where there is none, what the nearest vertices have, smoothed."""
    total, weight = np.zeros((mesh.vertex_count, 3), np.float32), np.zeros(mesh.vertex_count, np.float32)
    for projection in mesh.projections:
        used = np.flatnonzero(projection.weights)
        sampled = np.clip(sample_bilinear(projection.pixels, projection.uvs[used]) + 0.5, 0, 255).astype(np.uint8)
        total[used] += srgb_to_linear(sampled[:, :3]) * projection.weights[used, None]
        weight += projection.weights
    mean = total / np.maximum(weight, 1e-12)[:, None]
    known = weight > 0
    if not known.all():
        _, source = skin.nearest(known)
        spread = skin.smoothed(mean[source], rounds=24)
        mean = np.where(known[:, None], mean, spread)
    return np.hstack([linear_to_srgb(mean), np.full((mesh.vertex_count, 1), 255, np.uint8)])
