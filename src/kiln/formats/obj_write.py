"""Wavefront OBJ files: what nearly every program reads, without skeletons, tangents or second UVs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float32, Shaped, UInt32

from kiln.asset import Material, Mesh
from kiln.errors import ModelError
from kiln.formats.attributes import flipped_v
from kiln.formats.gltf_write import by_material
from kiln.formats.mtl_write import write_mtl
from kiln.formats.names import unique_names
from kiln.formats.package_layout import usable_slots
from kiln.formats.polygons import equal_corners
from kiln.version import VERSION

_ROWS = 1 << 16
"""Lines that are formatted at once: more would only take memory."""


def write_obj(name: str, mesh: Mesh, materials: Sequence[Material], textures: Mapping[str, bytes]) -> dict[str, bytes]:
    """<name>.obj, <name>.mtl and gray maps, by their paths in the package whose PNG files `textures` are.

    Metres, +Y up, +Z front, as most programs take an OBJ to be. Equal positions, UVs and normals are written once, with the 9 digits that
    give the same float32 back. Vertex colours stand behind the positions, sRGB from 0 to 1, as ZBrush, MeshLab and Blender read them. A
    skinned mesh is written in the pose in which it was bound.
    """
    if not mesh.triangle_count:
        raise ModelError(f"{name}: it has no triangles to write as OBJ: nothing is left of the mesh")
    names = unique_names(material.name for material in materials)
    files: dict[str, bytes] = {}
    if materials:
        files[f"{name}.mtl"], grays = write_mtl(name, materials, names, usable_slots(name, mesh, materials, textures))
        files |= grays
    head = f"# Kiln {VERSION}: metres, +Y up, +Z front\n" + f"mtllib {name}.mtl\n" * bool(materials) + f"o {name}\n"
    return {f"{name}.obj": "".join([head, *_body(mesh, names)]).encode()} | files


def _body(mesh: Mesh, names: Sequence[str]) -> Iterator[str]:
    """Lines of positions, of UVs and of normals, equal ones once, then of faces."""
    points = _points(mesh)
    tables = [("v" + " %.9g" * 3 + " %.5g" * (points.shape[1] - 3), points)]
    if mesh.uvs is not None:
        tables.append(("vt %.9g %.9g", flipped_v(mesh.uvs)))
    if mesh.normals is not None:
        tables.append(("vn %.9g %.9g %.9g", mesh.normals))
    columns = []
    for form, table in tables:
        classes, first = equal_corners(table)
        columns.append(classes + 1)
        yield from _lines(form, table[first])
    words = _words(columns, "%d//%d" if mesh.uvs is None and mesh.normals is not None else "/".join(["%d"] * len(columns)))
    for name, triangles in _groups(mesh, names):
        if name:
            yield f"usemtl {name}\n"
        yield from _lines("f %s %s %s", words[triangles])


def _points(mesh: Mesh) -> Float32[np.ndarray, "vertices k"]:
    """Positions, and behind them colours if there are any."""
    return mesh.positions if mesh.colors is None else np.hstack([mesh.positions, mesh.colors[:, :3] / np.float32(255)])


def _words(columns: Sequence[UInt32[np.ndarray, " vertices"]], form: str) -> Shaped[np.ndarray, " vertices"]:
    """What a face calls each vertex: its numbers of position, UV and normal as one word."""
    return np.array("".join(_lines(form, np.stack(columns, axis=1))).split("\n")[:-1], object)


def _groups(mesh: Mesh, names: Sequence[str]) -> list[tuple[str, UInt32[np.ndarray, "n 3"]]]:
    """The name of each material in use, empty without materials, and its triangles."""
    if not names:
        return [("", mesh.triangles)]
    return [(names[material], triangles) for material, triangles in by_material(mesh)]


def _lines(form: str, table: Shaped[np.ndarray, "n k"]) -> Iterator[str]:
    """A line for each row, by one format string for thousands of rows at once."""
    for start in range(0, len(table), _ROWS):
        rows = table[start : start + _ROWS]
        yield (form + "\n") * len(rows) % tuple(rows.ravel().tolist())
