"""What a backend of each role must do. Every implementation passes the role's suite in tests/contract/."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kiln.asset import Material, Mesh, Picture, Voxels
from kiln.asset.freeze import freeze_arrays

Progress = Callable[[float, str], None]
"""Called with the share done (0 to 1) and a few words. It raises Cancelled when the user said stop: let it pass."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Hints:
    """Where the subject is, as far as the user said. Pixel coordinates, origin top-left."""

    foreground: Float32[np.ndarray, "points 2"] | None = None
    """(x, y) on the subject."""

    background: Float32[np.ndarray, "points 2"] | None = None
    """(x, y) off the subject."""

    box: tuple[float, float, float, float] | None = None
    """left, top, right, bottom; nothing outside belongs to the subject."""

    scribble_foreground: Bool[np.ndarray, "height width"] | None = None
    scribble_background: Bool[np.ndarray, "height width"] | None = None

    def __post_init__(self) -> None:
        freeze_arrays(self)


@dataclass(frozen=True, eq=False, kw_only=True)
class Matte:
    """A cutter's answer."""

    alpha: UInt8[np.ndarray, "height width"]
    """Same size as the picture; soft at the rim."""

    notes: tuple[str, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        freeze_arrays(self)


class Cutter(Protocol):
    """Tells the subject from the background."""

    def cut(self, picture: Picture, hints: Hints, options: Any, progress: Progress) -> Matte:
        """The picture's matte. `options` is an instance of the card's Options. Raises CutoutError when there is no subject."""
        ...


@dataclass(frozen=True, kw_only=True)
class Generation:
    """A generator's answer."""

    mesh: Mesh
    """Dense, in Kiln's frame (metres, +Y up, +Z front), about 1 m tall unless the generator knows better."""

    materials: tuple[Material, ...] = ()
    voxels: Voxels | None = None
    """Colour and material of a voxel generator, in the mesh's frame."""

    notes: tuple[str, ...] = ()
    """Sentences for people: what it picked and why."""

    measures: Mapping[str, float] = field(default_factory=dict)


class Generator(Protocol):
    """Makes a raw shape from pictures of a subject."""

    def generate(self, pictures: tuple[Picture, ...], options: Any, progress: Progress) -> Generation:
        """The shape. Every picture has a matte; views are distinct. `options` is an instance of the card's Options."""
        ...
