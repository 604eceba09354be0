"""generate: pictures become a raw shape, dense and coloured, by whichever generator the recipe names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from kiln.asset import Asset, FileRecord, Mesh, Picture
from kiln.backends import registry
from kiln.backends.card import Role
from kiln.backends.roles import Generator
from kiln.errors import BackendError, PictureError
from kiln.stages.stage import BackendParams, Context, stage


class GenerateParams(BackendParams):
    """Which generator makes the shape; its own options stand beside it."""

    role: ClassVar[Role] = "generator"

    backend: str = Field("silhouette", description="generator that makes the shape (see `kiln backends`)")


@stage(writes=("source", "source_materials", "source_voxels", "pictures", "inputs"))
def generate(pictures: tuple[Picture, ...], params: GenerateParams, context: Context) -> Asset:
    """Make a dense, coloured mesh from one to four pictures of the subject."""
    refuse_equal_views(pictures)
    ordered = front_first(pictures)
    backend: Generator = registry.find("generator", params.backend).load()
    made = backend.generate(ordered, params.options, context.progress)
    refuse_unusable(made.mesh, backend=params.backend)
    for note in made.notes:
        context.note(note)
    context.measure(**made.measures)
    context.note(f"{made.mesh.triangle_count:,} triangles from {_count(len(pictures), 'picture')}")
    return Asset(
        name=ordered[0].name,
        source=made.mesh,
        source_materials=made.materials,
        source_voxels=made.voxels,
        pictures=ordered,
        inputs=_files(ordered),
    )


def _files(pictures: Sequence[Picture]) -> tuple[FileRecord, ...]:
    return tuple(picture.file for picture in pictures if picture.file is not None)


def front_first(pictures: Sequence[Picture]) -> tuple[Picture, ...]:
    """The pictures with the front view leading, as it names the asset; the others keep their order."""
    return tuple(sorted(pictures, key=lambda picture: picture.view != "front"))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def refuse_equal_views(pictures: tuple[Picture, ...]) -> None:
    """Raise PictureError when two pictures claim to show the same side, or there is none."""
    if not pictures:
        raise PictureError("no picture was given: name at least one")
    by_view: dict[str, Picture] = {}
    for picture in pictures:
        if picture.view in by_view:
            raise PictureError(
                f"{by_view[picture.view].name!r} and {picture.name!r} both claim to be the {picture.view} view: "
                "name the files _front, _right, _back, _left, or say which is which with --view"
            )
        by_view[picture.view] = picture


def refuse_unusable(mesh: Mesh, *, backend: str) -> None:
    """Raise BackendError when a generator's mesh cannot be worked on: no triangles, numbers that are not finite, indices out of range."""
    if mesh.triangle_count == 0:
        raise BackendError(f"{backend} made no surface: try another picture or another generator")
    if not np.isfinite(mesh.positions).all():
        raise BackendError(f"{backend} made a mesh with NaN or infinite positions: report it to the generator's makers")
    if int(mesh.triangles.max()) >= mesh.vertex_count:
        raise BackendError(f"{backend} made a mesh whose triangles point at vertices it does not have: report it to its makers")
    if float(mesh.diagonal) <= 0:
        raise BackendError(f"{backend} made a mesh of no size: try another picture or another generator")
