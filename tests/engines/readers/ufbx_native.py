"""ufbx by its own C interface, which pyufbx's binary exports and which tells more: every UV set, skin weights, LODs, warnings.

The structures mirror ufbx.h 0.21.2, which pyufbx 0.0.7 carries; another version is refused instead of being read wrongly.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, Structure, c_bool, c_char, c_double, c_int32, c_size_t, c_uint32, c_void_p, cast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

VERSION = 21_002  # major * 1,000,000 + minor * 1,000 + patch
_OPTIONS_BYTES, _STRICT_OFFSET, _ERROR_BYTES = 1024, 221, 4096  # more than the 616 bytes of either structure; the offset of opts.strict
_ELEMENT_TYPES = 42


class Text(Structure):
    _fields_ = (("data", c_void_p), ("length", c_size_t))

    def __str__(self) -> str:
        return ctypes.string_at(self.data, self.length).decode() if self.length else ""


class Items(Structure):
    """A list: `data` points at structures, or at pointers to elements."""

    _fields_ = (("data", c_void_p), ("count", c_size_t))

    def structures(self, kind: type[Structure]) -> list[Any]:
        return list(cast(self.data, POINTER(kind))[: self.count]) if self.count else []

    def elements(self, kind: type[Structure]) -> list[Any]:
        return [pointer.contents for pointer in cast(self.data, POINTER(POINTER(kind)))[: self.count]] if self.count else []

    def array(self, dtype: type, width: int = 1) -> np.ndarray:
        """A copy, so that it outlives the scene."""
        if not self.count:
            return np.zeros((0, width) if width > 1 else 0, dtype)
        raw = ctypes.string_at(self.data, self.count * width * np.dtype(dtype).itemsize)
        found = np.frombuffer(raw, dtype).copy()
        return found.reshape(-1, width) if width > 1 else found


class Matrix(Structure):
    _fields_ = (("columns", c_double * 12),)

    @property
    def array(self) -> np.ndarray:
        """4 x 4, for column vectors."""
        return np.vstack([np.array(self.columns).reshape(4, 3).T, (0, 0, 0, 1)])


class Element(Structure):
    _fields_ = (
        ("name", Text),
        ("props", c_char * 32),
        ("element_id", c_uint32),
        ("typed_id", c_uint32),
        ("instances", Items),
        ("type", c_int32),
        ("connections_src", Items),
        ("connections_dst", Items),
        ("dom_node", c_void_p),
        ("scene", c_void_p),
    )


class Attribute(Structure):
    """Values by corner: `values[indices[corner]]`."""

    _fields_ = (
        ("exists", c_bool),
        ("values", Items),
        ("indices", Items),
        ("value_reals", c_size_t),
        ("unique_per_vertex", c_bool),
        ("values_w", Items),
    )

    def by_corner(self, width: int) -> np.ndarray | None:
        return self.values.array(np.float64, width)[self.indices.array(np.uint32)] if self.exists else None


class UvSet(Structure):
    _fields_ = (("name", Text), ("index", c_uint32), ("uv", Attribute), ("tangent", Attribute), ("bitangent", Attribute))


class Mesh(Element):
    _fields_ = (
        ("counts", c_size_t * 9),  # vertices, indices, faces, triangles, edges, ...
        ("faces", Items),
        ("face_smoothing", Items),
        ("face_material", Items),
        ("face_group", Items),
        ("face_hole", Items),
        ("edges", Items),
        ("edge_smoothing", Items),
        ("edge_crease", Items),
        ("edge_visibility", Items),
        ("vertex_indices", Items),
        ("vertices", Items),
        ("vertex_first_index", Items),
        ("position", Attribute),
        ("normal", Attribute),
        ("uv", Attribute),
        ("tangent", Attribute),
        ("bitangent", Attribute),
        ("color", Attribute),
        ("crease", Attribute),
        ("uv_sets", Items),
        ("color_sets", Items),
        ("materials", Items),
        ("face_groups", Items),
        ("material_parts", Items),
        ("face_group_parts", Items),
        ("material_part_usage_order", Items),
        ("skinned_is_local", c_bool),
        ("skinned_position", Attribute),
        ("skinned_normal", Attribute),
        ("skin_deformers", Items),
        ("blend_deformers", Items),
        ("cache_deformers", Items),
        ("all_deformers", Items),
        ("subdivision", c_int32 * 5),
        ("reversed_winding", c_bool),
        ("generated_normals", c_bool),
    )


class Node(Element):
    _fields_ = (
        ("parent", c_void_p),
        ("children", Items),
        ("mesh", POINTER(Mesh)),
        ("light", c_void_p),
        ("camera", c_void_p),
        ("bone", c_void_p),
        ("attrib", POINTER(Element)),
        ("before_node_to_world", c_char * (560 - 192)),
        ("node_to_world", Matrix),
        ("geometry_to_node", Matrix),
        ("geometry_to_world", Matrix),
        ("before_materials", c_char * (1064 - 848)),
        ("materials", Items),
        ("bind_pose", c_void_p),
    )


class SkinWeight(Structure):
    _fields_ = (("cluster", c_uint32), ("weight", c_double))


class SkinVertex(Structure):
    _fields_ = (("first", c_uint32), ("count", c_uint32), ("dual_quaternion_weight", c_double))


class Skin(Element):
    _fields_ = (("method", c_int32), ("clusters", Items), ("vertices", Items), ("weights", Items))


class Cluster(Element):
    _fields_ = (("bone", POINTER(Node)), ("geometry_to_bone", Matrix), ("mesh_node_to_bone", Matrix), ("bind_to_world", Matrix))


class LodLevel(Structure):
    _fields_ = (("distance", c_double), ("display", c_int32))


class LodGroup(Element):
    _fields_ = (("relative", c_bool), ("levels", Items))


class BonePose(Structure):
    _fields_ = (("bone", POINTER(Node)), ("bone_to_world", Matrix), ("bone_to_parent", Matrix))


class Pose(Element):
    _fields_ = (("is_bind_pose", c_bool), ("bones", Items))


class Warned(Structure):
    _fields_ = (("type", c_int32), ("description", Text), ("element_id", c_uint32), ("count", c_size_t))


class Scene(Structure):
    _fields_ = (
        ("warnings", Items),
        ("ascii", c_bool),
        ("version", c_uint32),
        ("before_axes", c_char * (544 + 32 - 24)),
        ("axes", c_int32 * 3),  # right, up, front
        ("unit_metres", c_double),
        ("before_root", c_char * (672 - 600)),
        ("root", POINTER(Node)),
        ("anim", c_void_p),
        ("by_type", Items * _ELEMENT_TYPES),
    )

    nodes = property(lambda self: self.by_type[1].elements(Node))
    lod_groups = property(lambda self: self.by_type[16].elements(LodGroup))
    poses = property(lambda self: self.by_type[40].elements(Pose))


@contextmanager
def opened(path: Path) -> Iterator[Scene]:
    """The scene of an FBX file, read strictly; a failure of the test when ufbx refuses it."""
    library = _library()
    options, error = ctypes.create_string_buffer(_OPTIONS_BYTES), ctypes.create_string_buffer(_ERROR_BYTES)
    options[_STRICT_OFFSET] = b"\x01"
    pointer = library.ufbx_load_file(str(path).encode(), options, error)
    if not pointer:
        pytest.fail(f"ufbx refuses {path.name}: {Text.from_buffer(error, 8)}")
    try:
        yield pointer.contents
    finally:
        library.ufbx_free_scene(pointer)


def _library() -> ctypes.CDLL:
    from ufbx import _ufbx  # type: ignore[attr-defined]

    library = ctypes.CDLL(_ufbx.__file__)
    if (version := c_uint32.in_dll(library, "ufbx_source_version").value) != VERSION:
        pytest.fail(f"pyufbx carries ufbx {version}: compare its ufbx.h with the structures here, then set VERSION ({VERSION})")
    library.ufbx_load_file.restype = POINTER(Scene)
    library.ufbx_load_file.argtypes = (ctypes.c_char_p, c_void_p, c_void_p)
    library.ufbx_free_scene.argtypes = (POINTER(Scene),)
    return library
