"""Pictures that an FBX file's textures show: embedded, or files in the model's folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import UInt8

from kiln.errors import ModelError
from kiln.formats.fbx.notes import Notes
from kiln.formats.fbx.objects import Document, FbxObject
from kiln.formats.fbx.properties import first, text
from kiln.formats.folder import Folder
from kiln.formats.image import MAX_PIXELS, decode_image

_MAX_TOTAL_PIXELS: Final = 4 * MAX_PIXELS
"""Of all textures of a file together: 1 GB."""

_ONCE = (1.0, 1.0, 1.0)

_DIRECTX = re.compile(r"t_.*_n$|.*directx|.*[-_ ]dx$|.*normal_?dx", re.IGNORECASE)
"""Names of normal maps whose green points down: Unreal's own (T_Crate_N), and those that say so."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A texture's pixels, and the name of its file without extension."""

    pixels: UInt8[np.ndarray, "h w 4"]
    stem: str
    place: str
    """Where it lies in the model's folder: nothing, as for an embedded one, or a path that ends with a slash."""

    @property
    def is_directx(self) -> bool:
        """Whether its name says that, as a normal map, its green points down. FBX itself does not say."""
        return _DIRECTX.match(self.stem) is not None


class PictureReader:
    """Finds and decodes each picture once."""

    def __init__(self, document: Document, folder: Folder, notes: Notes) -> None:
        self._document, self._folder, self._notes = document, folder, notes
        self._decoded: dict[int, Picture | None] = {}
        self._beside: dict[str, Picture | None] = {}
        self._pixels = 0

    def picture(self, texture: FbxObject | None) -> Picture | None:
        """What a Texture, or the first of a LayeredTexture, shows; None, with a note, when it is missing or cannot be read."""
        if texture is not None and texture.kind == "LayeredTexture":
            texture = next(iter(self._document.children(texture, "Texture")), None)
        if texture is None or not self._folder.textures:
            return None
        if texture.id not in self._decoded:
            self._decoded[texture.id] = self._open(texture)
        return self._decoded[texture.id]

    def beside(self, path: str) -> Picture | None:
        """The picture at a path in the model's folder that the file does not name; None, silently, when there is none."""
        if not self._folder.textures or not self._folder.holds(path):
            return None
        if path not in self._beside:
            self._beside[path] = self._decode(self._folder.read(path), path)
        return self._beside[path]

    def _open(self, texture: FbxObject) -> Picture | None:
        video = next(iter(self._document.children(texture, "Video")), texture)
        paths = [path.replace("\\", "/") for source in (texture, video) for path in _paths(source)]
        base = _base(paths[0]) if paths else texture.name
        data, path = self._data(video, paths, base)
        if data is not None and texture.properties.vector("Scaling", _ONCE) != _ONCE:
            self._notes.add(f"the tiling of the texture {base[:80]!r} was left out: apply it to the UVs and export again")
        return None if data is None else self._decode(data, path)

    def _data(self, video: FbxObject, paths: list[str], base: str) -> tuple[bytes | None, str]:
        """The file, and where it lies; embedded ones lie nowhere but have a name."""
        for value in first(video.record, "Content").properties[:1]:
            if isinstance(value, bytes) and value:
                return value, base
        beside = [f"{place}{_base(path)}" for path in paths for place in ("", f"{self._folder.stem}.fbm/", "textures/", "Textures/")]
        for reference in (*paths, *beside):
            if self._folder.holds(reference):
                return self._folder.read(reference), reference
        self._notes.add(f"the texture {base[:80]!r} is missing and was left out: put it beside the model")
        return None, base

    def _decode(self, data: bytes, path: str) -> Picture | None:
        base = _base(path)
        try:
            pixels = decode_image(data, what=f"the texture {base[:80]!r}")
        except ModelError as error:
            self._notes.add(f"{error}; it was left out")
            return None
        self._pixels += pixels.shape[0] * pixels.shape[1]
        if self._pixels > _MAX_TOTAL_PIXELS:
            raise ModelError(f"its textures have more than {_MAX_TOTAL_PIXELS:,} pixels together: make them smaller")
        return Picture(pixels, base.rpartition(".")[0] or base, path.removesuffix(base))


def _paths(source: FbxObject) -> Iterator[str]:
    """The paths that a Texture or Video names: from the model's folder first, then as it was on the exporter's machine."""
    for name in ("RelativeFilename", "FileName", "Filename"):
        if path := text(source.record, name):
            yield path


def _base(path: str) -> str:
    return path.rsplit("/", 1)[-1]
