"""Draco streams (Google's, bitstream 2.2): the smallest triangles there are, slower to decode than meshopt's."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, Int64, UInt32

from kiln.errors import SetupError
from kiln.isolate import run_isolated

POSITION_BITS: Final = 14
"""Positions are off by at most 2**-15 of the longest side of their bounding box: 0.03 mm on a metre."""

NORMAL_BITS: Final = 10
UV_BITS: Final = 14

_EFFORT: Final = 7
"""Of 10, as encoders commonly take it; what is beyond saves 1 %."""

_TIMEOUT_S: Final = 120.0
"""A million triangles take 4 s."""

_POSITION, _NORMAL, _UV, _GENERIC = 0, 1, 3, 4
"""Draco's kinds of attributes."""

_NAMES: Final = {_POSITION: "POSITION", _NORMAL: "NORMAL", _UV: "TEXCOORD_0"}


@dataclass(frozen=True, eq=False, kw_only=True)
class DracoStream:
    """A mesh as Draco packed it. It chooses the order of vertices and triangles, and drops triangles that use a vertex twice."""

    data: bytes
    source: Int64[np.ndarray, " decoded"]
    """For each vertex it decodes to, the vertex it was."""

    triangle_count: int
    ids: dict[str, int]
    """Each attribute's unique id in the stream, by its name in glTF."""

    low: Float32[np.ndarray, " 3"]
    high: Float32[np.ndarray, " 3"]
    """Bounds of the positions it decodes to."""


def encode_draco(
    positions: Float32[np.ndarray, "vertices 3"],
    triangles: UInt32[np.ndarray, "triangles 3"],
    *,
    normals: Float32[np.ndarray, "vertices 3"] | None = None,
    uvs: Float32[np.ndarray, "vertices 2"] | None = None,
) -> DracoStream:
    """The mesh as a stream, packed in a process of its own. BackendError where Draco fails, SetupError where DracoPy is missing."""
    if find_spec("DracoPy") is None:
        raise SetupError("Draco needs the package DracoPy: pip install kiln3d[web], or take --compression meshopt")
    found: dict[str, Any] = run_isolated(f"{__name__}:pack", positions, triangles, normals, uvs, timeout_s=_TIMEOUT_S)
    return DracoStream(**found)


def pack(
    positions: Float32[np.ndarray, "vertices 3"],
    triangles: UInt32[np.ndarray, "triangles 3"],
    normals: Float32[np.ndarray, "vertices 3"] | None,
    uvs: Float32[np.ndarray, "vertices 2"] | None,
) -> dict[str, Any]:
    """The fields of a DracoStream; what `encode_draco` calls in its child process.

    Draco does not say how it ordered vertices, so they are packed once with their numbers as a further attribute, which is then left out:
    it would be half of the stream. Where that changes the result (Draco joins equal vertices), the numbers stay.
    """
    import DracoPy

    options: dict[str, Any] = {
        "points": positions.astype(np.float64),
        "faces": triangles,
        "quantization_bits": POSITION_BITS,
        "compression_level": _EFFORT,
        "normals": None if normals is None else normals.astype(np.float64),
        "normal_quantization_bits": None if normals is None else NORMAL_BITS,
        "tex_coord": None if uvs is None else uvs.astype(np.float64),
        "tex_coord_quantization_bits": None if uvs is None else UV_BITS,
    }
    number = np.arange(len(positions), dtype=np.uint32)[:, None]
    data = DracoPy.encode(**options, generic_attributes={0: number})
    mesh = DracoPy.decode(data)
    source = next(entry["data"] for entry in mesh.attributes if entry["attribute_type"] == _GENERIC)[:, 0].astype(np.int64)
    bare = DracoPy.encode(**options)
    again = DracoPy.decode(bare)
    if np.array_equal(again.points, mesh.points) and np.array_equal(again.faces, mesh.faces):
        data, mesh = bare, again
    return {
        "data": data,
        "source": source,
        "triangle_count": len(mesh.faces),
        "ids": {_NAMES[entry["attribute_type"]]: entry["unique_id"] for entry in mesh.attributes if entry["attribute_type"] in _NAMES},
        "low": mesh.points.min(axis=0).astype(np.float32),
        "high": mesh.points.max(axis=0).astype(np.float32),
    }
