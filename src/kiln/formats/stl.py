"""STL files, binary and ASCII (3D Systems 1989): triangles only, welded where corners are equal."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Float32

from kiln.asset import Mesh
from kiln.errors import ModelError
from kiln.formats.content import Content, check_counts
from kiln.formats.folder import Folder
from kiln.formats.polygons import equal_corners
from kiln.kernels.text import parse_stl_vertices

HEADER_BYTES: Final = 84
"""80 of text, then the number of triangles."""

RECORD: Final = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
"""A triangle of a binary file."""


def read_stl(data: bytes, folder: Folder) -> Content:
    """The file's triangles. Its normals say nothing that the winding does not, and are left out."""
    corners = _ascii(data) if _is_ascii(data) else _binary(data)
    triangles, first = equal_corners(corners)
    return Content(mesh=Mesh(positions=corners[first], triangles=triangles.reshape(-1, 3)), linked=folder.used)


def _is_ascii(data: bytes) -> bool:
    """Whether it is text: many binary files begin with `solid` too, so the size that they declare decides first."""
    declared = int.from_bytes(data[80:HEADER_BYTES], "little")
    if len(data) >= HEADER_BYTES and len(data) == HEADER_BYTES + declared * RECORD.itemsize:
        return False
    return data[:512].lstrip().lower().startswith(b"solid")


def _binary(data: bytes) -> Float32[np.ndarray, "n 3"]:
    if len(data) < HEADER_BYTES:
        raise ModelError("it is cut short: even a binary STL without triangles has 84 bytes")
    declared = int.from_bytes(data[80:HEADER_BYTES], "little")
    present = (len(data) - HEADER_BYTES) // RECORD.itemsize
    if declared > present:
        raise ModelError(f"it declares {declared:,} triangles and holds {present:,}: it is cut short, or no STL file")
    check_counts(vertices=0, triangles=declared)
    return np.frombuffer(data, RECORD, declared, HEADER_BYTES)["corners"].reshape(-1, 3)


def _ascii(data: bytes) -> Float32[np.ndarray, "n 3"]:
    text = np.frombuffer(data, np.uint8)
    count = parse_stl_vertices(text, np.empty((0, 3)))
    if count % 3:
        raise ModelError(f"it has {count:,} corners, which is no multiple of 3: it is cut short")
    check_counts(vertices=0, triangles=count // 3)
    positions = np.full((count, 3), np.nan)
    parse_stl_vertices(text, positions)
    with np.errstate(over="ignore"):  # what does not fit in float32 is counted and refused later
        return positions.astype(np.float32)
