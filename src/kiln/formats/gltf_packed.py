"""What rewriting a glTF's arrays in fewer bytes needs: the finished document taken apart, new views and accessors collected."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from jaxtyping import Shaped

from kiln.formats.gltf_write import pack_glb
from kiln.formats.quantize import byte_weights

_DTYPES: Final = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS: Final = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}

WEIGHTS_AS_BYTES: Final = {"componentType": 5121, "normalized": True}
"""What an accessor says of weights from `narrow_skin`."""


def narrow_skin(arrays: Mapping[str, Shaped[np.ndarray, "n _"]]) -> dict[str, Shaped[np.ndarray, "n 4"]]:
    """Of a mesh's attributes, every WEIGHTS_n in bytes (together they sum to 255), and every JOINTS_n, 0 where the byte is; {} without."""
    sets = [key.removeprefix("WEIGHTS_") for key in arrays if key.startswith("WEIGHTS_")]
    if not sets:
        return {}
    weights = byte_weights(np.hstack([arrays[f"WEIGHTS_{number}"] for number in sets]))
    found = {}
    for number, columns in zip(sets, np.split(weights, len(sets), axis=1), strict=True):
        found[f"WEIGHTS_{number}"] = np.ascontiguousarray(columns)
        found[f"JOINTS_{number}"] = np.where(columns > 0, arrays[f"JOINTS_{number}"], 0)
    return found


class Repacking:
    """A document of `gltf_document` whose meshes' arrays are replaced one by one; images and skins come along as they are."""

    def __init__(self, document: Mapping[str, Any], binary: bytes) -> None:
        self.document: dict[str, Any] = copy.deepcopy(dict(document))
        self._binary = binary
        self._old_views: list[dict[str, Any]] = self.document.pop("bufferViews")
        self._old_accessors: list[dict[str, Any]] = self.document.pop("accessors")
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []
        self._chunks: list[bytes] = []
        self._size = 0
        for image in self.document.get("images", []):
            if "bufferView" in image:
                image["bufferView"] = self.view(self._bytes(image["bufferView"]))
        for skin in self.document.get("skins", []):
            skin["inverseBindMatrices"] = self._kept(skin["inverseBindMatrices"])

    def array(self, accessor: int) -> Shaped[np.ndarray, "n k"]:
        """An accessor's numbers as they are stored; `_Writer` packs them tightly, one array a view."""
        entry = self._old_accessors[accessor]
        return np.frombuffer(self._bytes(entry["bufferView"]), _DTYPES[entry["componentType"]]).reshape(-1, _WIDTHS[entry["type"]])

    def kind(self, accessor: int) -> dict[str, Any]:
        """What an accessor says of its numbers: all but where they lie."""
        return {key: value for key, value in self._old_accessors[accessor].items() if key not in ("bufferView", "byteOffset")}

    def put(self, data: bytes) -> int:
        """Append bytes to the buffer; returns where they start, a multiple of 4."""
        start = self._size
        padding = bytes(-len(data) % 4)
        self._chunks += [data, padding]
        self._size += len(data) + len(padding)
        return start

    def view(self, data: bytes, **extra: Any) -> int:
        """A bufferView over new bytes."""
        return self.add_view({"buffer": 0, "byteOffset": self.put(data), "byteLength": len(data), **extra})

    def add_view(self, entry: dict[str, Any]) -> int:
        """A bufferView as it is described."""
        self._views.append(entry)
        return len(self._views) - 1

    def add_accessor(self, entry: dict[str, Any]) -> int:
        """An accessor as it is described."""
        self._accessors.append(entry)
        return len(self._accessors) - 1

    def require(self, *extensions: str) -> None:
        """The file cannot be read without these."""
        for key in ("extensionsUsed", "extensionsRequired"):
            self.document[key] = sorted({*self.document.get(key, ()), *extensions})

    def finish(self, *more_buffers: dict[str, Any]) -> bytes:
        """The GLB file."""
        buffers = [{"byteLength": self._size}, *more_buffers]
        document = {**self.document, "accessors": self._accessors, "bufferViews": self._views, "buffers": buffers}
        return pack_glb(document, b"".join(self._chunks))

    def _bytes(self, view: int) -> bytes:
        entry = self._old_views[view]
        return self._binary[entry["byteOffset"] : entry["byteOffset"] + entry["byteLength"]]

    def _kept(self, accessor: int) -> int:
        """The accessor as it was, over the same bytes."""
        return self.add_accessor(self.kind(accessor) | {"bufferView": self.view(self._bytes(self._old_accessors[accessor]["bufferView"]))})
