"""One mesh as a USD stage. Imports usd-core, so it is itself imported only when USD is written."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64, UInt32
from pxr import Kind, Sdf, Usd, UsdGeom, UsdShade, Vt

from kiln.asset import UNMADE, Material, Mesh, Skeleton
from kiln.asset.srgb import decode_srgb
from kiln.formats.attributes import flipped_v
from kiln.formats.gltf_write import Slot, by_material
from kiln.formats.names import unique_names
from kiln.formats.polygons import equal_corners
from kiln.formats.usd_material import add_material
from kiln.formats.usd_skeleton import add_skeleton, bind_skeleton
from kiln.version import VERSION

_MATERIALS, _SKELETON = "_materials", "_skeleton"
"""Names beside the mesh, which is called as the asset: safe names never begin with an underscore."""


def usdc_bytes(
    name: str, mesh: Mesh, materials: Sequence[Material], slots: Sequence[Mapping[Slot, str]], skeleton: Skeleton | None
) -> bytes:
    """The binary file; `slots` are each material's textures by path relative to it."""
    skinned = skeleton is not None and mesh.joints is not None
    stage = _stage(name, root_type="SkelRoot" if skinned else "Xform")
    root = stage.GetDefaultPrim()
    classes, first = equal_corners(_point_keys(mesh))
    shape = _add_mesh(stage, root.GetPath().AppendChild(name), mesh, classes, first)
    if not materials:
        materials, slots = (UNMADE,), ({},)
    shape.CreateDoubleSidedAttr(any(material.double_sided for material in materials))
    _add_materials(shape, mesh, materials, slots)
    if skeleton is not None and skinned:
        bind_skeleton(shape, mesh, first, add_skeleton(stage, root.GetPath().AppendChild(_SKELETON), skeleton))
        UsdGeom.Boundable(root).CreateExtentAttr(shape.GetExtentAttr().Get())
    return _exported(stage.GetRootLayer())


def _stage(name: str, *, root_type: str) -> Usd.Stage:
    """A stage with an empty component as its default prim."""
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, UsdGeom.LinearUnits.meters)
    stage.GetRootLayer().customLayerData = {"creator": f"Kiln {VERSION}"}
    root = stage.DefinePrim(Sdf.Path.absoluteRootPath.AppendChild(name), root_type)
    stage.SetDefaultPrim(root)
    Usd.ModelAPI(root).SetKind(Kind.Tokens.component)
    Usd.ModelAPI(root).SetAssetName(name)
    return stage


def _point_keys(mesh: Mesh) -> Float32[np.ndarray, "vertices k"]:
    """What a USD point carries: vertices that differ in other things only, at seams, are one point."""
    carried = [mesh.positions, mesh.colors, mesh.joints, mesh.weights]
    return np.hstack([array.astype(np.float32) for array in carried if array is not None])


def _add_mesh(
    stage: Usd.Stage, path: Sdf.Path, mesh: Mesh, classes: UInt32[np.ndarray, " vertices"], first: Int64[np.ndarray, " points"]
) -> UsdGeom.Mesh:
    """The mesh over points, each the class of some vertices, whose first is `first`; UVs and normals stay with the faces' corners."""
    shape = UsdGeom.Mesh.Define(stage, path)
    shape.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(mesh.positions[first]))
    shape.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack(mesh.bounds)))
    shape.CreateFaceVertexCountsAttr(Vt.IntArray(mesh.triangle_count, 3))
    shape.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(classes[mesh.triangles].ravel().astype(np.int32)))
    shape.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    shape.CreateOrientationAttr(UsdGeom.Tokens.rightHanded)
    if mesh.normals is not None:
        _add_normals(shape, mesh.normals, mesh.triangles, classes, first)
    for primvar, uvs in (("st", mesh.uvs), ("st1", mesh.lightmap_uvs)):
        if uvs is not None:
            _add_uvs(shape, primvar, uvs, mesh.triangles)
    if mesh.colors is not None:
        linear = decode_srgb(mesh.colors[first, :3] / 255).astype(np.float32)
        shape.CreateDisplayColorPrimvar(UsdGeom.Tokens.vertex).Set(Vt.Vec3fArray.FromNumpy(linear))
    return shape


def _add_normals(
    shape: UsdGeom.Mesh,
    normals: Float32[np.ndarray, "vertices 3"],
    triangles: UInt32[np.ndarray, "triangles 3"],
    classes: UInt32[np.ndarray, " vertices"],
    first: Int64[np.ndarray, " points"],
) -> None:
    """One normal a point where that says all, which is a sixth of the bytes; else one a corner."""
    smooth = np.array_equal(normals[first][classes], normals)
    shape.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(normals[first] if smooth else normals[triangles.ravel()]))
    shape.SetNormalsInterpolation(UsdGeom.Tokens.vertex if smooth else UsdGeom.Tokens.faceVarying)


def _add_uvs(
    shape: UsdGeom.Mesh, primvar: str, uvs: Float32[np.ndarray, "vertices 2"], triangles: UInt32[np.ndarray, "triangles 3"]
) -> None:
    """USD counts v from the bottom of the texture. Equal UVs are stored once."""
    classes, first = equal_corners(uvs)
    made = UsdGeom.PrimvarsAPI(shape).CreatePrimvar(primvar, Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.faceVarying)
    made.Set(Vt.Vec2fArray.FromNumpy(flipped_v(uvs[first])))
    made.SetIndices(Vt.IntArray.FromNumpy(classes[triangles].ravel().astype(np.int32)))


def _add_materials(shape: UsdGeom.Mesh, mesh: Mesh, materials: Sequence[Material], slots: Sequence[Mapping[Slot, str]]) -> None:
    """Materials beside the mesh, bound to it whole, or to subsets of its faces where it uses several."""
    stage, scope = shape.GetPrim().GetStage(), shape.GetPath().GetParentPath().AppendChild(_MATERIALS)
    UsdGeom.Scope.Define(stage, scope)
    names = unique_names(material.name for material in materials)
    made = [
        add_material(stage, scope.AppendChild(name), material, maps, colored=mesh.colors is not None)
        for name, material, maps in zip(names, materials, slots, strict=True)
    ]
    used = [number for number, _ in by_material(mesh)]
    if len(used) == 1:
        UsdShade.MaterialBindingAPI.Apply(shape.GetPrim()).Bind(made[used[0]])
        return
    binding = UsdShade.MaterialBindingAPI.Apply(shape.GetPrim())
    for number in used:
        faces = np.flatnonzero(mesh.material_ids == number).astype(np.int32)
        subset = binding.CreateMaterialBindSubset(names[number], Vt.IntArray.FromNumpy(faces))
        UsdShade.MaterialBindingAPI.Apply(subset.GetPrim()).Bind(made[number])
    binding.SetMaterialBindSubsetsFamilyType(UsdGeom.Tokens.partition)


def _exported(layer: Sdf.Layer) -> bytes:
    """The layer as a binary file, by way of the disk: USD writes to paths only."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scene.usdc"
        layer.Export(str(file))
        return file.read_bytes()
