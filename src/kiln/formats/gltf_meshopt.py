"""GLB files whose geometry is packed by meshopt (EXT_meshopt_compression): fastest to decode, and smaller still under a server's gzip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Shaped

from kiln.formats.gltf_packed import WEIGHTS_AS_BYTES, Repacking, narrow_skin
from kiln.formats.meshopt import encode_attributes, encode_triangles
from kiln.formats.quantize import exponential_rows, exponential_values, octahedral_rows

_EXTENSION: Final = "EXT_meshopt_compression"

POSITION_BITS: Final = 14
"""Positions are off by at most 2**-14.5 of the asset's longest side: 0.05 mm on a metre."""

NORMAL_BITS: Final = 10
"""Normals are off by at most 0.24 degrees; 8 bits would be a degree, and steps in the highlights of smooth metal."""

TANGENT_BITS: Final = 8
"""Tangents are off by at most 1.2 degrees: bumps seem turned by that, which nobody sees."""

UV_BITS: Final = 14
"""UVs are off by at most 2**-15 of a layout that fills the unit square: a sixteenth of a texel at 2048."""

_BYTE, _SHORT = 5120, 5122


@dataclass(frozen=True, eq=False)
class _Stored:
    """An attribute as its stream decodes, and what the accessor says of it."""

    rows: Shaped[np.ndarray, "n k"]
    accessor: dict[str, Any]
    filter: Literal["NONE", "OCTAHEDRAL", "EXPONENTIAL"] = "NONE"


class _Packer:
    """Replaces a document's arrays by streams."""

    def __init__(self, repacking: Repacking) -> None:
        self._repacking = repacking
        self._decoded = 0
        self._done: dict[int, dict[str, int]] = {}

    def finish(self) -> bytes:
        """The GLB file, all of whose primitives are packed."""
        for mesh in self._repacking.document["meshes"]:
            for primitive in mesh["primitives"]:
                self._pack(primitive)
        self._repacking.require(_EXTENSION)
        # Its bytes exist only decoded: a reader without the extension cannot read the file.
        return self._repacking.finish({"byteLength": self._decoded, "extensions": {_EXTENSION: {"fallback": True}}})

    def _pack(self, primitive: dict[str, Any]) -> None:
        attributes = primitive["attributes"]
        if attributes["POSITION"] not in self._done:  # primitives of one mesh share their vertices
            arrays = {key: self._repacking.array(at) for key, at in attributes.items()}
            arrays |= narrow_skin(arrays)
            stored = {key: _stored(key, numbers, self._repacking.kind(attributes[key])) for key, numbers in arrays.items()}
            self._done[attributes["POSITION"]] = {key: self._attribute(each) for key, each in stored.items()}
        primitive["attributes"] = self._done[attributes["POSITION"]]
        primitive["indices"] = self._indices(primitive["indices"])

    def _attribute(self, stored: _Stored) -> int:
        stride = stored.rows.itemsize * stored.rows.shape[1]
        description = {"byteStride": stride, "mode": "ATTRIBUTES", "count": len(stored.rows)}
        if stored.filter != "NONE":
            description["filter"] = stored.filter
        if stored.accessor["componentType"] in (_BYTE, _SHORT):
            self._repacking.require("KHR_mesh_quantization")
        view = self._view(encode_attributes(stored.rows), description, byteStride=stride, target=34962)
        return self._repacking.add_accessor({"bufferView": view, **stored.accessor})

    def _indices(self, accessor: int) -> int:
        indices = self._repacking.array(accessor)
        description = {"byteStride": indices.itemsize, "mode": "TRIANGLES", "count": len(indices)}
        view = self._view(encode_triangles(indices.reshape(-1, 3).astype(np.uint32)), description, target=34963)
        return self._repacking.add_accessor({"bufferView": view, **self._repacking.kind(accessor)})

    def _view(self, stream: bytes, description: dict[str, Any], **extra: int) -> int:
        """A view of bytes that the stream decodes to."""
        length = description["byteStride"] * description["count"]
        start, self._decoded = self._decoded, self._decoded + length + -length % 4
        packed = {"buffer": 0, "byteOffset": self._repacking.put(stream), "byteLength": len(stream), **description}
        return self._repacking.add_view(
            {"buffer": 1, "byteOffset": start, "byteLength": length, **extra, "extensions": {_EXTENSION: packed}}
        )


def meshopt_glb(document: dict[str, Any], binary: bytes) -> bytes:
    """A GLB file of a document from `gltf_document`, its geometry packed: positions and UVs as floats of few bits, normals and tangents
    folded, weights in bytes. Nodes stay where they are; node scales (as other packers use) would move the asset's pivot.

    Smallest where triangles are in cache order (`geometry.cache_order`). Triangles may begin at another of their corners.
    """
    return _Packer(Repacking(document, binary)).finish()


def _stored(key: str, numbers: Shaped[np.ndarray, "n k"], kind: dict[str, Any]) -> _Stored:
    """How an attribute is stored; one that is not known, as it is."""
    if key == "POSITION":
        rows = exponential_rows(numbers, bits=POSITION_BITS)
        decoded = exponential_values(rows)
        return _Stored(rows, kind | {"min": decoded.min(axis=0).tolist(), "max": decoded.max(axis=0).tolist()}, "EXPONENTIAL")
    if key.startswith("TEXCOORD_"):
        return _Stored(exponential_rows(numbers, bits=UV_BITS), kind, "EXPONENTIAL")
    if key == "NORMAL":
        return _Stored(octahedral_rows(numbers, bits=NORMAL_BITS), kind | {"componentType": _SHORT, "normalized": True}, "OCTAHEDRAL")
    if key == "TANGENT":
        rows = octahedral_rows(numbers[:, :3], numbers[:, 3], bits=TANGENT_BITS)
        return _Stored(rows, kind | {"componentType": _BYTE, "normalized": True}, "OCTAHEDRAL")
    return _Stored(numbers, kind | WEIGHTS_AS_BYTES if key.startswith("WEIGHTS_") else kind)
