"""Wavefront OBJ files: polygons, vertex colours, and materials from .mtl files in the same folder."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64, UInt8, UInt32

from kiln.asset import UNMADE, Material, Mesh
from kiln.errors import ModelError
from kiln.formats.attributes import flipped_v, unit_rows
from kiln.formats.content import Content, check_counts
from kiln.formats.folder import Folder
from kiln.formats.mtl import picture_beside, read_mtl
from kiln.formats.polygons import equal_corners, triangulate
from kiln.kernels.text import count_obj, parse_obj

_MENTION = re.compile(rb"^[ \t]*(mtllib|usemtl)[ \t]+([^\r\n]*)", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class _Tables:
    """An OBJ's lines as numbers."""

    vertices: Float64[np.ndarray, "v 6"]
    uvs: Float64[np.ndarray, "t 2"]
    normals: Float64[np.ndarray, "n 3"]
    face_places: Int64[np.ndarray, " f"]
    face_sizes: Int64[np.ndarray, " f"]
    corners: Int64[np.ndarray, "c 3"]


def read_obj(data: bytes, folder: Folder) -> Content:
    """The file's faces as triangles; a vertex is split where its corners have different UVs or normals. Needs +Y up."""
    if b"\0" in data[:4096]:
        raise ModelError("it is not text, so it is no OBJ file")
    if b"\\\n" in data or b"\\\r\n" in data:  # a backslash continues a line
        data = data.replace(b"\\\r\n", b"  ").replace(b"\\\n", b" ")
    tables = _parse(data)
    notes: list[str] = []
    mesh, face = _mesh(tables, notes)
    mesh_ids, materials = _materials(data, tables.face_places, folder, notes)
    if not materials and mesh.uvs is not None:
        materials = picture_beside(folder, notes)
    ids = mesh_ids[face] if len(materials) > 1 else None
    return Content(mesh=replace(mesh, material_ids=ids), materials=materials, notes=tuple(notes), linked=folder.used)


def _parse(data: bytes) -> _Tables:
    text = np.frombuffer(data, np.uint8)
    counts = np.zeros(5, np.int64)
    count_obj(text, counts)
    _, v, t, n, f = counts.tolist()
    check_counts(vertices=max(v, t, n), triangles=f)
    if not f:
        raise ModelError("it holds no faces" + (": only points or lines" if v else ""))
    vertices, uvs, normals = np.full((v, 6), np.nan), np.full((t, 2), np.nan), np.full((n, 3), np.nan)
    places, sizes = np.empty(f, np.int64), np.empty(f, np.int64)
    guess = np.empty((4 * f, 3), np.int64)
    total = parse_obj(text, vertices, uvs, normals, places, sizes, guess)
    if total > len(guess):  # polygons of more than four corners on average
        check_counts(vertices=0, triangles=total)
        guess = np.empty((total, 3), np.int64)
        parse_obj(text, vertices, uvs, normals, places, sizes, guess)
    return _Tables(vertices, uvs, normals, places, sizes, guess[:total])


def _mesh(tables: _Tables, notes: list[str]) -> tuple[Mesh, Int64[np.ndarray, " triangles"]]:
    """The triangles, and the face each came from."""
    corners, sizes, faces = tables.corners, tables.face_sizes, np.arange(len(tables.face_sizes))
    if (corners == -2).any():
        raise ModelError(
            f"{int((corners == -2).any(axis=1).sum()):,} face corners refer to vertices that do not exist: the file is damaged"
        )
    if sizes.min() < 3:
        whole = sizes >= 3
        notes.append(f"{int((~whole).sum()):,} face(s) of fewer than 3 corners were left out")
        corners, sizes, faces = corners[whole.repeat(sizes)], sizes[whole], faces[whole]
        if not len(sizes):
            raise ModelError("it holds no faces of 3 or more corners")
    check_counts(vertices=len(corners), triangles=int((sizes - 2).sum()))
    chosen, face = triangulate(np.ascontiguousarray(tables.vertices[:, :3]), sizes, np.ascontiguousarray(corners[:, 0]))
    keep_uv, keep_normal = bool((corners[:, 1] >= 0).all()), bool((corners[:, 2] >= 0).all())
    classes, first = equal_corners(corners[:, [0] + [1] * keep_uv + [2] * keep_normal].astype(np.int32))
    wedge = corners[first]
    with np.errstate(over="ignore"):  # what does not fit in float32 is counted and refused later
        mesh = Mesh(
            positions=tables.vertices[wedge[:, 0], :3].astype(np.float32),
            triangles=classes[chosen],
            normals=unit_rows(tables.normals[wedge[:, 2]]) if keep_normal else None,
            uvs=flipped_v(tables.uvs[wedge[:, 1]]) if keep_uv else None,
            colors=_colors(tables.vertices, wedge[:, 0]),
        )
    return mesh, faces[face]


def _colors(vertices: Float64[np.ndarray, "v 6"], chosen: Int64[np.ndarray, " n"]) -> UInt8[np.ndarray, "n 4"] | None:
    """Colours behind the positions, sRGB as ZBrush and MeshLab write them; from 0 to 1, or to 255 where any is larger."""
    colors = vertices[:, 3:]
    if not len(colors) or not np.isfinite(colors).all():
        return None
    top = 255.0 if colors.max() > 1 else 1.0
    rgb = np.round(colors[chosen].clip(0, top) * (255 / top)).astype(np.uint8)
    return np.column_stack([rgb, np.full(len(rgb), 255, np.uint8)])


def _materials(
    data: bytes, places: Int64[np.ndarray, " f"], folder: Folder, notes: list[str]
) -> tuple[UInt32[np.ndarray, " f"], tuple[Material, ...]]:
    """The material of each face, and those in use, in the order in which the file first uses them."""
    known: dict[str, Material] = {}
    uses: list[tuple[int, str]] = []
    for mention in _MENTION.finditer(data):
        word = mention[2].decode("utf-8", "replace").strip()
        if mention[1] == b"usemtl":
            uses.append((mention.start(), word))
        else:
            known |= read_mtl(word, folder, notes)
    if not known or not uses:
        return np.zeros(len(places), np.uint32), ()
    # Faces before the first usemtl, and those of unknown names, have a default material.
    use = np.searchsorted([start for start, _ in uses], places, side="right")
    names = ["", *(name if name in known else "" for _, name in uses)]
    order = list(dict.fromkeys(names[i] for i in dict.fromkeys(use.tolist())))
    number = np.array([order.index(name) if name in order else 0 for name in names], np.uint32)
    return number[use], tuple(known.get(name, UNMADE) for name in order)
