"""GLB files whose geometry is packed by Draco (KHR_draco_mesh_compression)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from jaxtyping import Int64, Integer, Shaped, UInt32

from kiln.formats.draco import DracoStream, encode_draco
from kiln.formats.gltf_packed import WEIGHTS_AS_BYTES, Repacking, narrow_skin

_EXTENSION: Final = "KHR_draco_mesh_compression"
_PACKED: Final = ("POSITION", "NORMAL", "TEXCOORD_0")
"""What goes into the stream. DracoPy knows no signed bytes and quantises no other floats: the rest stands beside it, in Draco's order."""

_BYTE = 5120


def draco_glb(document: dict[str, Any], binary: bytes) -> bytes:
    """A GLB file of a document from `gltf_document`, its geometry packed, its primitives apart; beside the stream, tangents and weights are
    bytes (0.5 degrees, 1 / 255).

    BackendError where Draco fails, SetupError where DracoPy is missing.
    """
    repacking = Repacking(document, binary)
    for mesh in repacking.document["meshes"]:
        for primitive in mesh["primitives"]:
            _pack(repacking, primitive)
    repacking.require(_EXTENSION)
    return repacking.finish()


def _pack(repacking: Repacking, primitive: dict[str, Any]) -> None:
    """Pack one primitive's own vertices."""
    attributes, indices = primitive["attributes"], primitive["indices"]
    used, triangles = np.unique(repacking.array(indices), return_inverse=True)
    stream = _stream({key: repacking.array(attributes[key])[used] for key in _PACKED if key in attributes}, triangles.reshape(-1, 3))
    vertices = used[stream.source]
    primitive["attributes"] = {key: _decoded(repacking, at, key, stream) for key, at in attributes.items() if key in stream.ids}
    primitive["attributes"] |= _beside(repacking, attributes, vertices)
    small = len(vertices) <= 65_535
    primitive["indices"] = repacking.add_accessor(
        {"componentType": 5123 if small else 5125, "count": 3 * stream.triangle_count, "type": "SCALAR"}
    )
    primitive["extensions"] = {_EXTENSION: {"bufferView": repacking.view(stream.data), "attributes": stream.ids}}


def _stream(arrays: dict[str, np.ndarray], triangles: Int64[np.ndarray, "n 3"]) -> DracoStream:
    faces: UInt32[np.ndarray, "n 3"] = triangles.astype(np.uint32)
    return encode_draco(arrays["POSITION"], faces, normals=arrays.get("NORMAL"), uvs=arrays.get("TEXCOORD_0"))


def _decoded(repacking: Repacking, accessor: int, key: str, stream: DracoStream) -> int:
    """The accessor of an attribute inside the stream."""
    entry = repacking.kind(accessor) | {"count": len(stream.source)}
    bounds = {"min": stream.low.tolist(), "max": stream.high.tolist()} if key == "POSITION" else {}
    return repacking.add_accessor(entry | bounds)


def _beside(repacking: Repacking, attributes: dict[str, int], vertices: Integer[np.ndarray, " n"]) -> dict[str, int]:
    """Accessors of the attributes beside the stream."""
    arrays = {key: repacking.array(at)[vertices] for key, at in attributes.items() if key not in _PACKED}
    entries = {key: repacking.kind(attributes[key]) | {"count": len(vertices)} for key in arrays}
    if "TANGENT" in arrays:
        repacking.require("KHR_mesh_quantization")
        arrays["TANGENT"] = np.round(arrays["TANGENT"] * 127).astype(np.int8)
        entries["TANGENT"] |= {"componentType": _BYTE, "normalized": True}
    arrays |= narrow_skin(arrays)
    entries |= {key: entry | WEIGHTS_AS_BYTES for key, entry in entries.items() if key.startswith("WEIGHTS_")}
    return {key: _accessor(repacking, numbers, entries[key]) for key, numbers in arrays.items()}


def _accessor(repacking: Repacking, numbers: Shaped[np.ndarray, "n k"], entry: dict[str, Any]) -> int:
    stride = numbers.itemsize * numbers.shape[1]
    view = repacking.view(np.ascontiguousarray(numbers).tobytes(), byteStride=stride, target=34962)
    return repacking.add_accessor({"bufferView": view, **entry})
