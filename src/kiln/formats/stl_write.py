"""STL files (3D Systems 1989), binary, for printing: millimetres and +Z up."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from kiln.asset import Mesh
from kiln.errors import ModelError
from kiln.formats.attributes import unit_rows
from kiln.formats.stl import HEADER_BYTES, RECORD
from kiln.version import VERSION

_MILLIMETRES_PER_METRE = 1000


def write_stl(name: str, mesh: Mesh) -> bytes:
    """The mesh's triangles, nothing else: STL holds neither UVs nor materials.

    STL names no unit and no axes. It is slicers that read it: they take millimetres and stand parts on the XY plane, so a figure of
    0.1 m comes out 100 mm high and upright, looking along -Y. In Kiln's own axes it would lie on its back, a thousandth as large. A
    triangle without area has the normal zero.
    """
    if not mesh.triangle_count:
        raise ModelError(f"{name}: it has no triangles to write as STL: nothing is left of the mesh")
    records = np.zeros(mesh.triangle_count, RECORD)
    records["corners"] = _standing(mesh.positions)[mesh.triangles]
    records["normal"] = _face_normals(records["corners"])
    header = f"Kiln {VERSION}, {name}: millimetres, +Z up".encode("ascii", "replace")[: HEADER_BYTES - 4]
    return b"".join([header.ljust(HEADER_BYTES - 4), mesh.triangle_count.to_bytes(4, "little"), records.tobytes()])


def _standing(positions: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n 3"]:
    """Millimetres, turned by 90 degrees about X so that +Y becomes +Z and +Z becomes -Y."""
    x, y, z = (positions * np.float32(_MILLIMETRES_PER_METRE)).T
    return np.column_stack([x, -z, y])


def _face_normals(corners: Float32[np.ndarray, "n 3 3"]) -> Float32[np.ndarray, "n 3"]:
    """Unit vectors that the counter-clockwise side looks along. Doubles: edges of a micrometre would underflow in float32."""
    edges = corners[:, 1:].astype(np.float64) - corners[:, :1]
    return unit_rows(np.cross(edges[:, 0], edges[:, 1]))
