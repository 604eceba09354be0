"""A strict reader of binary FBX: all of a scene's triangles as one Mesh, in Kiln's frame, with its materials.

FBX leaves open what a reader has to know. It is taken so:

| what | taken as |
| --- | --- |
| normal maps | OpenGL (+Y); DirectX where the name says so: T_Crate_N as Unreal's, ..._dx, ...DirectX |
| material colours | linear, as Blender writes them |
| vertex colours | sRGB-encoded, as they are painted |
| roughness of Phong | 1 - sqrt(shininess) / 10, as Blender and ufbx do; Lambert is matt |
| metal of Phong | ReflectionFactor in files of Blender and Kiln, none in others |
| maps that no slot names | taken where they lie beside named ones: T_Crate_ORM beside T_Crate_BC, Crate_MaskMap beside Crate_BaseColor |
| a second UV set | a light map's if it is called so and lies in the unit square |
| levels of detail | the first child of a LodGroup; _LOD0 where there are _LOD1, _LOD2 beside it |
| skins | meshes and joints as they were bound, not as they are posed; scale of joints is left out |
| joints | what moves a mesh, bones above and below, and what stands between; bones that rigid meshes hang from |
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int64

from kiln.asset import UNMADE, Material, Mesh, Skeleton
from kiln.errors import ModelError
from kiln.formats.attributes import unit_rows
from kiln.formats.content import Content, check_counts
from kiln.formats.fbx.materials import MaterialReader
from kiln.formats.fbx.nodes import Node, Shown, file_to_kiln, scene_nodes, shown_meshes
from kiln.formats.fbx.notes import Notes
from kiln.formats.fbx.objects import Document
from kiln.formats.fbx.parse import parse_fbx
from kiln.formats.fbx.shape import Shape, read_shape
from kiln.formats.fbx.skins import SkinReader
from kiln.formats.folder import Folder
from kiln.formats.gltf_read import merge_meshes


def read_fbx(data: bytes, folder: Folder) -> Content:
    """The scene of a binary FBX file, versions 7100 to 7700. Raises ModelError with the reason, whatever the bytes are."""
    document, notes = Document(parse_fbx(data)), Notes()
    nodes = scene_nodes(document, notes)
    shown = shown_meshes(document, nodes, notes)
    skins = SkinReader(document, nodes, shown)
    if skins.is_skinned and not folder.skins:
        notes.add("skeletons and skins were left out: the mesh stands as it was bound")
    scene = _Scene(document, skins, notes, bones=folder.skins and bool(skins))
    for each in shown:
        scene.add(each)
    mesh, materials = scene.merge(MaterialReader(document, folder, notes))
    _note_left_out(document, notes)
    return Content(mesh=mesh, materials=materials, skeleton=scene.skeleton(), notes=notes.sentences, linked=folder.used)


def _note_left_out(document: Document, notes: Notes) -> None:
    geometries = document.of_kind("Geometry")
    if morphs := sum(geometry.subkind == "Shape" for geometry in geometries):
        notes.add("morph target(s) were left out", count=morphs)
    if others := sum(geometry.subkind not in ("Mesh", "Shape") for geometry in geometries):
        notes.add("curve(s) or surface(s) that are no meshes were left out", count=others)
    if document.of_kind("AnimationCurve"):
        notes.add("animation was left out")


class _Scene:
    """Collects meshes where they stand, then makes one of them."""

    def __init__(self, document: Document, skins: SkinReader, notes: Notes, *, bones: bool) -> None:
        self._document, self._skins, self._notes, self._bones = document, skins, notes, bones
        self._to_kiln = file_to_kiln(document.settings, notes)
        self._number = {item.id: number for number, item in enumerate(document.of_kind("Material"))}
        self._shapes: dict[int, Shape | None] = {}
        self._meshes: list[Mesh] = []
        self._materials: list[Int64[np.ndarray, " triangles"]] = []
        self._vertices = self._triangles = 0

    def add(self, shown: Shown) -> None:
        """A node's mesh. One that several nodes show is read once, and stands in each place."""
        if shown.geometry.id not in self._shapes:
            self._shapes[shown.geometry.id] = read_shape(shown.geometry.record, self._notes)
        shape = self._shapes[shown.geometry.id]
        if shape is None:
            return
        self._vertices += len(shape.vertex_point)
        self._triangles += len(shape.triangles)
        check_counts(vertices=self._vertices, triangles=self._triangles)
        mesh = _placed(shape, self._skins.mesh_matrix(shown), self._to_kiln)
        if self._bones:
            joints, weights = self._skins.influences(shown, len(shape.points))
            mesh = replace(mesh, joints=joints[shape.vertex_point], weights=weights[shape.vertex_point])
        self._meshes.append(mesh)
        self._materials.append(self._numbers(shape, shown.node))

    def skeleton(self) -> Skeleton | None:
        """What the meshes' joints count into."""
        return self._skins.skeleton(self._to_kiln) if self._bones else None

    def merge(self, reader: MaterialReader) -> tuple[Mesh, tuple[Material, ...]]:
        """One mesh of all, and the materials its triangles use, in the file's order; where some have none, a default comes last."""
        if not self._triangles:
            raise ModelError("it holds no triangles: are its meshes hidden, collision hulls only, or curves and NURBS surfaces?")
        used, ids = np.unique(np.concatenate(self._materials), return_inverse=True)
        items = self._document.of_kind("Material")
        mesh = replace(merge_meshes(self._meshes), material_ids=ids.astype(np.uint32) if len(used) > 1 else None)
        if used.tolist() == [len(items)]:
            return mesh, ()
        return mesh, tuple(reader.read(items[number]) if number < len(items) else UNMADE for number in used.tolist())

    def _numbers(self, shape: Shape, node: Node) -> Int64[np.ndarray, " triangles"]:
        """The number of each triangle's material in the file; one more than the last where the node has none in its slot."""
        found = [self._number[item.id] for item in self._document.children(node.item, "Material")]
        filled = (shape.slots >= 0) & (shape.slots < len(found))
        return np.array([*found, len(self._number)])[np.where(filled, shape.slots, len(found))]


def _placed(shape: Shape, matrix: Float64[np.ndarray, "4 4"], to_kiln: Float64[np.ndarray, "3 3"]) -> Mesh:
    """A shape in Kiln's frame. Where it is mirrored on the way its triangles turn round, so that they face outwards again."""
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit in float32 is counted and refused later
        linear = to_kiln @ matrix[:3, :3]
        points = shape.points @ linear.T + to_kiln @ matrix[:3, 3]
        determinant = np.linalg.det(linear)
        normals, tangents = shape.normals, shape.tangents
        if not 1e-30 < abs(determinant) < 1e30:
            normals = tangents = None
        if normals is not None:
            normals = unit_rows(normals @ np.linalg.inv(linear))  # the inverse transpose, for row vectors
        if tangents is not None:
            tangents = np.column_stack([unit_rows(tangents[:, :3] @ linear.T), tangents[:, 3] * np.float32(np.sign(determinant))])
        positions = points[shape.vertex_point].astype(np.float32)
    return Mesh(
        positions=positions,
        triangles=shape.triangles[:, [0, 2, 1]] if determinant < 0 else shape.triangles,
        normals=normals,
        tangents=tangents,
        uvs=shape.uvs,
        lightmap_uvs=shape.lightmap_uvs,
        colors=shape.colors,
    )
