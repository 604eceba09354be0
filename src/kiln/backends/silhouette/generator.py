"""The silhouette generator: picks a method, builds the shape, adds relief and colour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from kiln.asset import VIEW_AZIMUTH_DEGREES, Material, Mesh, Picture
from kiln.backends.roles import Generation, Progress
from kiln.backends.silhouette import SilhouetteOptions
from kiln.backends.silhouette.align import align_views
from kiln.backends.silhouette.auto import Choice, choose
from kiln.backends.silhouette.extrude import extrude
from kiln.backends.silhouette.frame import PlacedView
from kiln.backends.silhouette.hull import build_hull
from kiln.backends.silhouette.inflate import inflate
from kiln.backends.silhouette.lathe import lathe
from kiln.backends.silhouette.outline import Outline, trace_outline
from kiln.backends.silhouette.paint import paint
from kiln.backends.silhouette.relief import add_relief
from kiln.backends.silhouette.sides import Boxiness, measure_boxiness
from kiln.backends.silhouette.solid import Solid, spacing_for, to_mesh
from kiln.errors import RecipeError
from kiln.geometry.normals import smooth_normals
from kiln.geometry.relax import relax_along_surface

DRAFT_CELLS = 110
"""Across the subject, the mean of width and height; a coarse solid tells how fine the grid must be for the triangles asked for."""

ROUGHNESS = 0.8

LEAST_SAID = 0.1
"""Boxiness below this shows in no view."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shape:
    """A bare shape, the views to colour it from, and how it came about."""

    mesh: Mesh
    views: tuple[PlacedView, ...]
    method: Literal["inflate", "lathe", "extrude", "hull"]
    back: Literal["mirror", "plain"]
    """What suits the side that no picture shows."""

    notes: tuple[str, ...]


class SilhouetteGenerator:
    """Makes shapes from outlines; needs no weights."""

    def generate(self, pictures: tuple[Picture, ...], options: SilhouetteOptions, progress: Progress) -> Generation:
        """A closed manifold mesh, 1 m tall, standing on y = 0, with the pictures projected onto it."""
        progress(0.0, "outline")
        shape = _from_views(pictures, options) if _wants_hull(pictures, options) else _from_front(pictures, options)
        progress(0.4, "relief")
        mesh = add_relief(relax_along_surface(shape.mesh), shape.views, strength=options.relief)
        mesh = replace(mesh, normals=smooth_normals(mesh))
        progress(0.6, "colour")
        painted = paint(mesh, shape.views, back=shape.back if options.back == "auto" else options.back)
        progress(1.0, shape.method)
        material = Material(roughness_factor=ROUGHNESS, metallic_factor=0.0)
        return Generation(mesh=painted, materials=(material,), notes=shape.notes, measures={"source_triangles": painted.triangle_count})


def _wants_hull(pictures: tuple[Picture, ...], options: SilhouetteOptions) -> bool:
    if options.method == "hull" and len(pictures) < 2:
        raise RecipeError("method hull needs 2 to 4 views and 1 picture was given: add a side or back picture, or use method auto")
    return options.method == "hull" or (options.method == "auto" and len(pictures) > 1)


def _from_front(pictures: tuple[Picture, ...], options: SilhouetteOptions) -> Shape:
    """The shape a single-view method makes of the front, or of the first picture where there is no front."""
    used = next((picture for picture in pictures if picture.view == "front"), pictures[0])
    unused = ", ".join(picture.view for picture in pictures if picture is not used)
    shape = _from_one(used, options)
    note = f"{options.method} uses the {used.view} picture only; not used: {unused}"
    return replace(shape, notes=(*shape.notes, note)) if unused else shape


def _from_views(pictures: tuple[Picture, ...], options: SilhouetteOptions) -> Shape:
    alignment = align_views(pictures)
    mesh = build_hull(alignment.views, detail=options.detail)
    named = ", ".join(picture.view for picture in pictures)
    return Shape(
        mesh=mesh, views=alignment.views, method="hull", back="plain", notes=(f"hull from {len(pictures)} views: {named}", *alignment.notes)
    )


def _from_one(picture: Picture, options: SilhouetteOptions) -> Shape:
    outline = trace_outline(picture.alpha)
    choice = _choice(outline, picture, options)
    boxiness = measure_boxiness(outline, asked=options.boxiness) if choice.method == "inflate" else None
    build = _builder(outline, choice, options, boxiness)
    mesh = to_mesh(build(spacing=spacing_for(build(spacing=sum(outline.size) / 2 / DRAFT_CELLS), triangles=options.detail)))
    view = PlacedView(picture=picture, azimuth_degrees=VIEW_AZIMUTH_DEGREES[picture.view], frame=outline.frame)
    notes = (f"{choice.method}: {choice.reason}", *_block_note(boxiness, options), *outline.notes)
    return Shape(mesh=_turned_to(mesh, view), views=(view,), method=choice.method, back=choice.back, notes=notes)


def _choice(outline: Outline, picture: Picture, options: SilhouetteOptions) -> Choice:
    if options.method in ("inflate", "lathe", "extrude"):
        return Choice(method=options.method, reason="asked for", back="plain" if options.method == "inflate" else "mirror")
    return choose(outline, picture)


def _builder(outline: Outline, choice: Choice, options: SilhouetteOptions, boxiness: Boxiness | None) -> Callable[..., Solid]:
    """The function from a grid spacing to the solid."""
    if choice.method == "extrude":
        return partial(extrude, outline, thickness=options.thickness, bevel=options.bevel, curved=choice.curved)
    if choice.method == "lathe":
        return partial(lathe, outline, thickness=options.thickness)
    return partial(inflate, outline, thickness=options.thickness, boxiness=boxiness)


def _block_note(boxiness: Boxiness | None, options: SilhouetteOptions) -> tuple[str, ...]:
    """Said only where a subject was found to be a block: an artist may wish it rounder."""
    if boxiness is None or options.boxiness is not None or boxiness.overall < LEAST_SAID:
        return ()
    return (f"boxiness {boxiness.overall:.2f}: {boxiness.sided:.0%} of the body lies beside long straight sides",)


def _turned_to(mesh: Mesh, view: PlacedView) -> Mesh:
    """A mesh built in a picture's plane, turned to face that picture's camera."""
    right, towards = view.axes()
    up = np.array([0, 1, 0], np.float32)
    return replace(mesh, positions=mesh.positions @ np.stack([right, up, towards]))
