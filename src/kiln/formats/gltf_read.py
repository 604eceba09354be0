"""A strict reader of glTF 2.0: all of a scene's triangles as one Mesh, in one frame, with its materials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float32, UInt32

from kiln.asset import UNMADE, Material, Mesh
from kiln.errors import ModelError
from kiln.formats import gltf_json
from kiln.formats.attributes import unit_rows
from kiln.formats.bound_skeleton import Influences
from kiln.formats.content import Content, check_counts
from kiln.formats.folder import Folder
from kiln.formats.gltf_accessor import accessor_count, read_floats, read_indices
from kiln.formats.gltf_container import Gltf, open_gltf
from kiln.formats.gltf_json import Entry
from kiln.formats.gltf_material import MaterialReader, UvMap
from kiln.formats.gltf_scene import Matrix, Node, scene_nodes
from kiln.formats.gltf_skin import SkinReader
from kiln.formats.gltf_write import Part
from kiln.formats.vertex_color import from_linear

_TRIANGLES, _STRIP, _FAN = 4, 5, 6
"""Primitive modes; 0 to 3 are points and lines."""

_ATTRIBUTES = {"NORMAL": (3,), "TANGENT": (4,), "COLOR_0": (3, 4), "TEXCOORD_1": (2,), "_IMPORTANCE": (1,)}
"""What is read beside POSITION and the UV set that textures use, and the widths allowed."""


def read_gltf(data: bytes, folder: Folder) -> Content:
    """The default scene of a .glb or .gltf file. Raises ModelError with the reason, whatever the bytes are."""
    gltf = open_gltf(data, folder)
    scene = _Scene(gltf, nodes := scene_nodes(gltf))
    for node in nodes:
        if node.mesh is not None:
            scene.add_mesh(node, node.mesh)
    mesh, materials = scene.merge()
    skeleton = scene.skins.skeleton() if mesh.joints is not None else None
    notes = (*gltf.notes, *_left_out(gltf))
    return Content(mesh=mesh, materials=materials, skeleton=skeleton, notes=notes, linked=folder.used)


def read_gltf_parts(data: bytes, folder: Folder) -> list[Part]:
    """The nodes of the default scene that have meshes, each by itself in the scene's frame. ModelError as `read_gltf`."""
    gltf = open_gltf(data, folder)
    nodes = scene_nodes(gltf)
    parts = []
    for node in nodes:
        if node.mesh is not None:
            scene = _Scene(gltf, nodes)
            scene.add_mesh(node, node.mesh)
            parts.append(Part(name=node.name, mesh=scene.merge()[0], extras=node.extras))
    return parts


def _left_out(gltf: Gltf) -> list[str]:
    animations = len(gltf_json.entries(gltf.document, "animations"))
    return [f"{animations} animation(s) were left out"] if animations else []


@dataclass
class _Part:
    """Vertices of one node, and the triangles over them by material."""

    mesh: Mesh
    """Without triangles yet."""

    mirrored: bool
    triangles: list[UInt32[np.ndarray, "n 3"]] = field(default_factory=list)
    materials: list[int] = field(default_factory=list)


class _Scene:
    """Collects parts, then makes one mesh of them."""

    def __init__(self, gltf: Gltf, nodes: Sequence[Node]) -> None:
        self._gltf = gltf
        self.skins = SkinReader(gltf, nodes)
        self._reader = MaterialReader(gltf)
        self._parts: list[_Part] = []
        self._vertices = self._triangles = self._skipped = 0

    def add_mesh(self, node: Node, index: int) -> None:
        """A node's mesh. Primitives over the same vertices stay one part, so that reading back what was written gives the same mesh."""
        parts: dict[object, _Part] = {}
        for primitive in gltf_json.entries(gltf_json.pick(self._gltf.document, "meshes", index), "primitives"):
            mode = gltf_json.integer(primitive, "mode", high=6, default=_TRIANGLES)
            attributes = gltf_json.entry(primitive, "attributes")
            if mode < _TRIANGLES or "POSITION" not in attributes:
                self._skipped += 1
                continue
            if "targets" in primitive:
                self._gltf.note("morph targets were left out")
            material = gltf_json.integer(primitive, "material") if "material" in primitive else -1
            uv_map = self._reader.uv_map(material) if material >= 0 else UvMap()
            key = (uv_map, *((name, str(at)) for name, at in attributes.items()))
            if key not in parts:
                parts[key] = self._part(attributes, uv_map, node)
                self._parts.append(parts[key])
            self._add_triangles(parts[key], primitive, mode, material)

    def merge(self) -> tuple[Mesh, tuple[Material, ...]]:
        """One mesh of all parts, and the materials its triangles use."""
        if self._skipped:
            self._gltf.note(f"{self._skipped} primitive(s) of points or lines were left out")
        if not self._triangles:
            raise ModelError("it holds no triangles" + (": only points or lines" if self._skipped else ": is the mesh in another scene?"))
        used = np.unique(np.concatenate([part.materials for part in self._parts]).astype(np.int64))
        used = np.append(used[used >= 0], used[used < 0])  # a default material, where one is needed, comes last
        mesh = merge_meshes([_finished(part, used.tolist()) for part in self._parts])
        materials = tuple(self._reader.read(index) if index >= 0 else UNMADE for index in used.tolist())
        if used.tolist() == [-1]:
            materials = ()
        return (replace(mesh, material_ids=None) if len(materials) < 2 else mesh), materials

    def _part(self, attributes: Entry, uv_map: UvMap, node: Node) -> _Part:
        at = gltf_json.integer(attributes, "POSITION")
        self._vertices += accessor_count(self._gltf, at)
        check_counts(vertices=self._vertices, triangles=self._triangles)
        positions = read_floats(self._gltf, at, widths=(3,))
        found = {key: self._attribute(attributes, key, len(positions), widths) for key, widths in _ATTRIBUTES.items() if key in attributes}
        uv_key = f"TEXCOORD_{uv_map.texture_set}"
        uvs = self._attribute(attributes, uv_key, len(positions), (2,)) if uv_key in attributes else None
        lightmap_uvs = found.get("TEXCOORD_1") if uv_map.texture_set == 0 else None
        joints, weights = self._influences(node, attributes, len(positions))
        mesh = Mesh(
            positions=positions,
            triangles=np.zeros((0, 3), np.uint32),
            normals=found.get("NORMAL"),
            tangents=found.get("TANGENT"),
            uvs=None if uvs is None else _moved_uvs(uvs, uv_map),
            lightmap_uvs=lightmap_uvs if lightmap_uvs is not None and np.isfinite(lightmap_uvs).all() else None,
            colors=from_linear(_with_alpha(found["COLOR_0"])) if "COLOR_0" in found else None,
            importance=_usable_importance(found["_IMPORTANCE"][:, 0]) if "_IMPORTANCE" in found else None,
            joints=joints,
            weights=weights,
        )
        world = node.world if node.skin is None else self.skins.placement(node.skin)
        return _Part(mesh=_placed(mesh, world), mirrored=_is_mirrored(world))

    def _influences(self, node: Node, attributes: Entry, count: int) -> Influences | tuple[None, None]:
        if self._gltf.folder.skins and self.skins:
            return self.skins.influences(node, attributes, count)
        if node.skin is not None:
            self._gltf.note("skins were left out: the mesh stands as it was bound to its skeleton")
        return None, None

    def _attribute(self, attributes: Entry, key: str, count: int, widths: tuple[int, ...]) -> Float32[np.ndarray, "n k"]:
        index = gltf_json.integer(attributes, key)
        if accessor_count(self._gltf, index) != count:
            raise ModelError(f"{key} has {accessor_count(self._gltf, index):,} elements for {count:,} vertices: the file is damaged")
        return read_floats(self._gltf, index, widths=widths)

    def _add_triangles(self, part: _Part, primitive: Entry, mode: int, material: int) -> None:
        vertices = part.mesh.vertex_count
        at = gltf_json.integer(primitive, "indices") if "indices" in primitive else None
        count = vertices if at is None else accessor_count(self._gltf, at)
        self._triangles += count // 3 if mode == _TRIANGLES else max(0, count - 2)
        check_counts(vertices=self._vertices, triangles=self._triangles)
        corners = np.arange(vertices) if at is None else read_indices(self._gltf, at)
        if corners.max() >= vertices:
            raise ModelError(f"a triangle refers to vertex {int(corners.max()):,} of {vertices:,}: the file is damaged")
        triangles = _as_triangles(corners.astype(np.uint32), mode)
        part.triangles.append(triangles[:, [0, 2, 1]] if part.mirrored else triangles)
        part.materials.append(material)


def _as_triangles(corners: UInt32[np.ndarray, " n"], mode: int) -> UInt32[np.ndarray, "t 3"]:
    if mode == _TRIANGLES:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    number = np.arange(max(0, len(corners) - 2))
    if mode == _FAN:
        return corners[np.stack([np.zeros_like(number), number + 1, number + 2], axis=1)]
    odd = number % 2  # every other triangle of a strip is listed the wrong way round
    return corners[np.stack([number, number + 1 + odd, number + 2 - odd], axis=1)]


def _moved_uvs(uvs: Float32[np.ndarray, "n 2"], uv_map: UvMap) -> Float32[np.ndarray, "n 2"]:
    if uv_map == UvMap(texture_set=uv_map.texture_set):
        return uvs
    cos, sin = np.cos(uv_map.rotation), np.sin(uv_map.rotation)
    with np.errstate(over="ignore", invalid="ignore"):
        turned = (uvs * uv_map.scale) @ np.array([[cos, -sin], [sin, cos]])
        return (turned + uv_map.offset).astype(np.float32)


def _usable_importance(importance: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, " n"]:
    """Weights as Kiln means them: other programs may mean something else by the name, so what is no positive number counts as usual."""
    return np.where(np.isfinite(importance) & (importance > 0), importance, np.float32(1)).astype(np.float32)


def _with_alpha(colors: Float32[np.ndarray, "n k"]) -> Float32[np.ndarray, "n 4"]:
    return colors if colors.shape[1] == 4 else np.column_stack([colors, np.ones(len(colors), np.float32)])


def _is_mirrored(world: Matrix) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.linalg.det(world[:3, :3]) < 0)


def _placed(mesh: Mesh, world: Matrix) -> Mesh:
    """The mesh in the scene's frame."""
    if np.array_equal(world, np.eye(4)):
        return mesh
    linear = world[:3, :3]
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit in float32 is counted and refused later
        determinant = np.linalg.det(linear)
        positions = (mesh.positions @ linear.T + world[:3, 3]).astype(np.float32)
        if not 1e-30 < abs(determinant) < 1e30:
            return replace(mesh, positions=positions, normals=None, tangents=None)
        normals, tangents = mesh.normals, mesh.tangents
        if normals is not None:
            normals = unit_rows(normals @ np.linalg.inv(linear))  # the inverse transpose, for row vectors
        if tangents is not None:
            tangents = np.column_stack([unit_rows(tangents[:, :3] @ linear.T), tangents[:, 3] * np.float32(np.sign(determinant))])
    return replace(mesh, positions=positions, normals=normals, tangents=tangents)


def _finished(part: _Part, used: list[int]) -> Mesh:
    """The part with its triangles, whose material ids count into `used`."""
    ids = [np.full(len(t), used.index(m), np.uint32) for t, m in zip(part.triangles, part.materials, strict=True)]
    return replace(part.mesh, triangles=np.concatenate(part.triangles), material_ids=np.concatenate(ids))


def merge_meshes(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of all triangles. Missing UVs become 0 and missing colours white; normals and tangents stay only if every mesh has them."""
    if len(meshes) == 1:
        return meshes[0]
    first = np.cumsum([0] + [mesh.vertex_count for mesh in meshes[:-1]])

    def stacked(arrays: list[np.ndarray | None], filler: float | None, width: int, dtype: type) -> np.ndarray | None:
        if all(array is None for array in arrays) or (filler is None and any(array is None for array in arrays)):
            return None
        sizes = [mesh.vertex_count for mesh in meshes]
        return np.concatenate([np.full((n, width), filler, dtype) if a is None else a for a, n in zip(arrays, sizes, strict=True)])

    importance = stacked([None if mesh.importance is None else mesh.importance[:, None] for mesh in meshes], 1.0, 1, np.float32)
    ids = [np.zeros(mesh.triangle_count, np.uint32) if mesh.material_ids is None else mesh.material_ids for mesh in meshes]
    return Mesh(
        positions=np.concatenate([mesh.positions for mesh in meshes]),
        triangles=np.concatenate([mesh.triangles + np.uint32(start) for mesh, start in zip(meshes, first, strict=True)]),
        normals=stacked([mesh.normals for mesh in meshes], None, 3, np.float32),
        tangents=stacked([mesh.tangents for mesh in meshes], None, 4, np.float32),
        uvs=stacked([mesh.uvs for mesh in meshes], 0.0, 2, np.float32),
        lightmap_uvs=stacked([mesh.lightmap_uvs for mesh in meshes], None, 2, np.float32),
        colors=stacked([mesh.colors for mesh in meshes], 255.0, 4, np.uint8),
        importance=None if importance is None else importance[:, 0],
        joints=stacked([mesh.joints for mesh in meshes], None, 0, np.uint16),
        weights=stacked([mesh.weights for mesh in meshes], None, 0, np.float32),
        material_ids=np.concatenate(ids),
    )
