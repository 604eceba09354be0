"""Maps that lie beside an FBX file's textures and that it does not name: its materials have no slot for occlusion, roughness and metal in
one picture, so what goes to Unreal and Unity, Kiln's own folders too, has them as files that only share the others' names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import UInt8

from kiln.formats.fbx.notes import Notes
from kiln.formats.fbx.pictures import Picture, PictureReader

_NAMED: Final = re.compile(r"(.+)_(BC|BaseColor|N|Normal|E|Emission)")
"""What Unreal (T_Crate_BC) and Unity (Crate_BaseColor) call the maps that FBX can name."""

_EXTENSIONS: Final = (".png", ".jpg", ".jpeg")

Gray = UInt8[np.ndarray, "h w"]


@dataclass(frozen=True, eq=False)
class Surface:
    """Gray maps of one picture."""

    occlusion: Gray
    roughness: Gray
    metallic: Gray


class BesideReader:
    """Finds the maps of a material that lie beside those it names, or that are called after it."""

    def __init__(self, pictures: PictureReader, notes: Notes) -> None:
        self._pictures, self._notes = pictures, notes

    def surface(self, material: str, named: Iterable[Picture]) -> Surface | None:
        """Of T_Crate_ORM (R occlusion, G roughness, B metallic) or Crate_MaskMap (R metallic, G occlusion, A smoothness)."""
        for stem in _stems(material, named):
            if (orm := self._open(f"{stem}_ORM")) is not None:
                return Surface(*(orm.pixels[..., channel] for channel in (0, 1, 2)))
            if (mask := self._open(f"{stem}_MaskMap")) is not None:
                return Surface(mask.pixels[..., 1], 255 - mask.pixels[..., 3], mask.pixels[..., 0])
        return None

    def emission(self, material: str, named: Iterable[Picture]) -> Picture | None:
        """T_Crate_E or Crate_Emission."""
        paths = (f"{stem}_{suffix}" for stem in _stems(material, named) for suffix in ("E", "Emission"))
        return next((found for path in paths if (found := self._open(path)) is not None), None)

    def _open(self, path: str) -> Picture | None:
        for extension in _EXTENSIONS:
            if (found := self._pictures.beside(path + extension)) is not None:
                self._notes.add(f"{path[-80:]}{extension}, which the file does not name, was taken for its name")
                return found
        return None


def _stems(material: str, named: Iterable[Picture]) -> Iterator[str]:
    """What the names of a material's maps begin with, each once: M_Crate's with T_Crate, and Crate's with Crate."""
    matches = [(picture.place, _NAMED.fullmatch(picture.stem)) for picture in named]
    called = [f"T_{material.removeprefix('M_')}" if material.startswith("M_") else material]
    yield from dict.fromkeys([*(f"{place}{match[1]}" for place, match in matches if match), *called])
