from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom, UsdShade, UsdSkel, UsdValidation

from kiln.asset import Material, Mesh, Skeleton
from kiln.errors import ModelError, SetupError
from kiln.formats.package_layout import texture_pixels
from kiln.formats.png import encode_pngs
from kiln.formats.usd import write_usd, write_usdz
from kiln.geometry.normals import smooth_normals
from shapes import cube, mesh, sphere


def _noise(channels: int) -> np.ndarray:
    return np.random.default_rng(channels).integers(0, 256, (8, 4, channels), dtype=np.uint8)


def _full(**changes: Any) -> Material:
    return replace(
        Material(
            name="full",
            base_color=_noise(4),
            base_color_factor=(0.5, 0.25, 1.0, 0.75),
            normal=_noise(3),
            orm=_noise(3),
            roughness_factor=0.5,
            metallic_factor=0.25,
            emissive=_noise(3),
            emissive_factor=(2.0, 1.0, 0.5),
        ),
        **changes,
    )


def _ball() -> Mesh:
    """Smooth, with a seam: two vertices at each of its places."""
    ball = sphere(6, 8)
    ball = replace(ball, normals=smooth_normals(ball))
    split = ball.take_vertices(ball.triangles.ravel(), np.arange(3 * ball.triangle_count, dtype=np.uint32).reshape(-1, 3))
    uvs = np.random.default_rng(0).random((split.vertex_count, 2), np.float32)
    return replace(split, uvs=uvs, lightmap_uvs=uvs[::-1].copy())


def _skeleton() -> Skeleton:
    """A chain of 300 joints whose names are not USD's, each turned and moved from the one before."""
    turn = np.array([(0.8, -0.6, 0, 0), (0.6, 0.8, 0, 0.01), (0, 0, 1, 0), (0, 0, 0, 1)])
    names = tuple(f"mixamorig:bone {number}" for number in range(300))
    return Skeleton(names=names, parents=np.arange(-1, 299, dtype=np.int32), local_matrices=np.tile(turn, (300, 1, 1)))


def _skinned() -> Mesh:
    ball = _ball()
    place = ball.positions[:, 0] > 0  # the same for all vertices of a place
    joints = np.zeros((ball.vertex_count, 4), np.uint16)
    joints[place, :2] = 299, 7
    weights = np.tile(np.float32([0.75, 0.25, 0, 0]), (ball.vertex_count, 1))
    return replace(ball, joints=joints, weights=weights)


def _stage(folder: Path, solid: Mesh, *materials: Material, skeleton: Skeleton | None = None) -> Usd.Stage:
    """The package's USD as pxr opens it; its validators found nothing to object to, in the .usdz neither."""
    textures = encode_pngs(texture_pixels("crate", materials))
    files = textures | write_usd("crate", solid, materials, textures, skeleton=skeleton)
    for path, data in (files | {"crate.usdz": write_usdz("crate", solid, materials, textures, skeleton=skeleton)}).items():
        (folder / path).parent.mkdir(exist_ok=True, parents=True)
        (folder / path).write_bytes(data)
    stages = [Usd.Stage.Open(str(folder / f"crate.{kind}")) for kind in ("usdc", "usdz")]
    assert [_objections(stage) for stage in stages] == [[], []]
    return stages[0]


def _objections(stage: Usd.Stage) -> list[str]:
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    return [error.GetErrorAsString() for error in UsdValidation.ValidationContext(validators).Validate(stage)]


def _shape(stage: Usd.Stage) -> UsdGeom.Mesh:
    return UsdGeom.Mesh(stage.GetPrimAtPath("/crate/crate"))


def _corners(shape: UsdGeom.Mesh, primvar: str) -> np.ndarray:
    return np.array(UsdGeom.PrimvarsAPI(shape).GetPrimvar(primvar).ComputeFlattened())


def _source(shader: UsdShade.Shader, name: str) -> tuple[UsdShade.Shader, str]:
    source, output, _ = shader.GetInput(name).GetConnectedSource()
    return UsdShade.Shader(source.GetPrim()), output


def _value(shader: UsdShade.Shader, name: str) -> Any:
    return shader.GetInput(name).Get()


def test_geometry_comes_back_exactly_on_welded_points(tmp_path: Path) -> None:
    ball = _ball()
    stage = _stage(tmp_path, ball, Material())
    shape = _shape(stage)
    corners = np.array(shape.GetFaceVertexIndicesAttr().Get())
    assert len(shape.GetPointsAttr().Get()) == sphere(6, 8).vertex_count
    assert np.array_equal(np.array(shape.GetPointsAttr().Get())[corners], ball.positions[ball.triangles.ravel()])
    assert shape.GetNormalsInterpolation() == "vertex"
    assert np.array_equal(np.array(shape.GetNormalsAttr().Get())[corners], ball.normals[ball.triangles.ravel()])
    for primvar, uvs in (("st", ball.uvs), ("st1", ball.lightmap_uvs)):
        assert np.allclose(_corners(shape, primvar) * (1, -1) + (0, 1), uvs[ball.triangles.ravel()], atol=1e-7)
    assert set(shape.GetFaceVertexCountsAttr().Get()) == {3}
    assert np.array_equal(shape.GetExtentAttr().Get(), ball.bounds)
    assert (shape.GetSubdivisionSchemeAttr().Get(), shape.GetOrientationAttr().Get()) == ("none", "rightHanded")


def test_hard_edges_have_a_normal_for_each_corner(tmp_path: Path) -> None:
    box = cube()
    box = box.take_vertices(box.triangles.ravel(), np.arange(36, dtype=np.uint32).reshape(-1, 3))
    normals = np.repeat(np.repeat(np.float32([(-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)]), 2, axis=0), 3, axis=0)
    stage = _stage(tmp_path, replace(box, normals=normals))
    shape = _shape(stage)
    assert len(shape.GetPointsAttr().Get()) == 8
    assert shape.GetNormalsInterpolation() == "faceVarying"
    assert np.array_equal(shape.GetNormalsAttr().Get(), normals)


def test_stage_is_a_component_in_metres_with_y_up(tmp_path: Path) -> None:
    stage = _stage(tmp_path, cube())
    root = stage.GetDefaultPrim()
    assert (root.GetPath(), root.GetTypeName(), Usd.ModelAPI(root).GetKind()) == ("/crate", "Xform", "component")
    assert (UsdGeom.GetStageMetersPerUnit(stage), UsdGeom.GetStageUpAxis(stage)) == (1, "Y")


def test_every_map_reaches_its_input(tmp_path: Path) -> None:
    stage = _stage(tmp_path, _ball(), _full())
    material, _ = UsdShade.MaterialBindingAPI(_shape(stage)).ComputeBoundMaterial()
    surface = material.ComputeSurfaceSource()[0]
    found = {}
    for name in ("diffuseColor", "normal", "occlusion", "roughness", "metallic", "emissiveColor"):
        texture, output = _source(surface, name)
        file = Path(_value(texture, "file").resolvedPath).relative_to(tmp_path).as_posix()
        found[name] = (file, output, _value(texture, "sourceColorSpace"), tuple(_value(texture, "scale")))
        reader, _ = _source(texture, "st")
        assert _value(reader, "varname") == "st"
    orm = ("textures/crate_orm.png", "raw", (1, 0.5, 0.25, 1))
    assert found == {
        "diffuseColor": ("textures/crate_base_color.png", "rgb", "sRGB", (0.5, 0.25, 1, 0.75)),
        "normal": ("textures/crate_normal.png", "rgb", "raw", (2, 2, 2, 1)),
        "occlusion": (orm[0], "r", *orm[1:]),
        "roughness": (orm[0], "g", *orm[1:]),
        "metallic": (orm[0], "b", *orm[1:]),
        "emissiveColor": ("textures/crate_emissive.png", "rgb", "sRGB", (2, 1, 0.5, 1)),
    }
    assert tuple(_value(_source(surface, "normal")[0], "bias")) == (-1, -1, -1, 0)
    assert not surface.GetInput("opacity")


@pytest.mark.parametrize(("mode", "threshold"), [("MASK", 0.5), ("BLEND", None)])
def test_alpha(tmp_path: Path, mode: Any, threshold: float | None) -> None:
    stage = _stage(
        tmp_path, _ball(), _full(alpha_mode=mode, double_sided=True), Material(alpha_mode=mode, base_color_factor=(1.0, 1.0, 1.0, 0.5))
    )
    mapped, plain = (UsdShade.Shader(stage.GetPrimAtPath(f"/crate/_materials/{name}/surface")) for name in ("full", "material"))
    assert _source(mapped, "opacity")[1] == "a"
    assert _value(plain, "opacity") == 0.5
    assert (_value(mapped, "opacityThreshold") if mapped.GetInput("opacityThreshold") else None) == threshold
    assert _shape(stage).GetDoubleSidedAttr().Get()


def test_factors_stand_alone_without_maps(tmp_path: Path) -> None:
    bare = Material(base_color_factor=(0.5, 0.25, 0.125, 1.0), roughness_factor=0.5, metallic_factor=0.25, emissive_factor=(3.0, 2.0, 1.0))
    stage = _stage(tmp_path, cube(), bare)
    surface = UsdShade.Shader(stage.GetPrimAtPath("/crate/_materials/material/surface"))
    assert [tuple(_value(surface, name)) for name in ("diffuseColor", "emissiveColor")] == [(0.5, 0.25, 0.125), (3, 2, 1)]
    assert (_value(surface, "roughness"), _value(surface, "metallic")) == (0.5, 0.25)


def test_maps_without_uvs_or_files_are_left_out(tmp_path: Path) -> None:
    for solid, folder in ((replace(_ball(), uvs=None, lightmap_uvs=None), "a"), (_ball(), "b")):
        (tmp_path / folder).mkdir()
        file = tmp_path / folder / "crate.usdc"
        file.write_bytes(
            write_usd("crate", solid, (_full(),), encode_pngs(texture_pixels("crate", (_full(),))) if folder == "a" else {})[file.name]
        )
        stage = Usd.Stage.Open(str(file))
        assert _objections(stage) == []
        assert [prim.GetName() for prim in stage.GetPrimAtPath("/crate/_materials/full").GetChildren()] == ["surface"]


def test_several_materials_are_bound_to_parts_of_the_faces(tmp_path: Path) -> None:
    ids = np.uint32([2, 0] * 6)
    materials = tuple(Material(name="rock", roughness_factor=value) for value in (0.25, 0.5, 0.75))
    stage = _stage(tmp_path, replace(cube(), material_ids=ids), *materials)
    subsets = UsdShade.MaterialBindingAPI(_shape(stage)).GetMaterialBindSubsets()
    found = {}
    for subset in subsets:
        material, _ = UsdShade.MaterialBindingAPI(subset).ComputeBoundMaterial()
        found[_value(material.ComputeSurfaceSource()[0], "roughness")] = list(subset.GetIndicesAttr().Get())
    assert found == {0.25: np.flatnonzero(ids == 0).tolist(), 0.75: np.flatnonzero(ids == 2).tolist()}


def test_vertex_colours_are_linear_and_shown(tmp_path: Path) -> None:
    colors = np.tile(np.uint8([255, 128, 0, 255]), (8, 1))
    stage = _stage(tmp_path, replace(cube(), colors=colors))
    assert np.allclose(_shape(stage).GetDisplayColorAttr().Get(), (1, 0.2158605, 0))
    reader, _ = _source(UsdShade.Shader(stage.GetPrimAtPath("/crate/_materials/unmade/surface")), "diffuseColor")
    assert _value(reader, "varname") == "displayColor"


def test_skeleton_binds_where_the_mesh_stands(tmp_path: Path) -> None:
    """Posed at rest, USD's own skinning leaves every point where it is; posed anew, it moves as the joints do."""
    skeleton, ball = _skeleton(), _skinned()
    stage = _stage(tmp_path, ball, skeleton=skeleton)
    skin, pose = _skin_queries(stage)
    points = _shape(stage).GetPointsAttr().Get()
    moved = type(points)(points)
    skin.ComputeSkinnedPoints(pose.ComputeSkinningTransforms(Usd.TimeCode.Default()), moved, Usd.TimeCode.Default())
    assert np.allclose(moved, points, atol=1e-5)
    assert np.allclose(np.array(pose.GetJointWorldBindTransforms()).transpose(0, 2, 1), skeleton.global_matrices)
    shifts = [Gf.Matrix4d(1).SetTranslate(Gf.Vec3d(0, number, 0)) for number in range(300)]
    moved = type(points)(points)
    skin.ComputeSkinnedPoints(shifts, moved, Usd.TimeCode.Default())
    heights = (ball.joints * ball.weights).sum(axis=1)
    corners = np.array(_shape(stage).GetFaceVertexIndicesAttr().Get())
    assert np.allclose((np.array(moved) - points)[corners, 1], heights[ball.triangles.ravel()], atol=1e-4)
    names = UsdSkel.Skeleton(stage.GetPrimAtPath("/crate/_skeleton")).GetJointNamesAttr().Get()
    assert list(names) == list(skeleton.names)


def _skin_queries(stage: Usd.Stage) -> tuple[Any, Any]:
    cache = UsdSkel.Cache()
    root = UsdSkel.Root(stage.GetDefaultPrim())
    cache.Populate(root, Usd.PrimDefaultPredicate)
    skeleton = UsdSkel.Skeleton(stage.GetPrimAtPath("/crate/_skeleton"))
    return cache.GetSkinningQuery(_shape(stage).GetPrim()), cache.GetSkelQuery(skeleton)


def test_usdz_is_stored_and_aligned_scene_first() -> None:
    textures = encode_pngs(texture_pixels("crate", (_full(),)))
    data = write_usdz("crate", _ball(), (_full(),), textures | {"textures/crate_curvature.png": b"not used"})
    archive = zipfile.ZipFile(io.BytesIO(data))
    entries = archive.infolist()
    assert [entry.filename for entry in entries] == ["crate.usdc", *sorted(textures)]
    for entry in entries:
        name, extra = struct.unpack_from("<HH", data, entry.header_offset + 26)
        assert (entry.header_offset + 30 + name + extra) % 64 == 0
        assert (entry.compress_type, entry.flag_bits & 1) == (zipfile.ZIP_STORED, 0)
    assert all(archive.read(path) == content for path, content in textures.items())


def test_same_bytes_in_every_process() -> None:
    script = """
import hashlib
from dataclasses import replace
import numpy as np
from kiln.asset import Material, Skeleton
from kiln.formats.usd import write_usdz
from shapes import cube
stand = np.tile(np.eye(4), (99, 1, 1))
skeleton = Skeleton(names=tuple(map(str, range(99))), parents=np.arange(-1, 98, dtype=np.int32), local_matrices=stand)
weights = dict(joints=np.arange(32, dtype=np.uint16).reshape(8, 4), weights=np.full((8, 4), 0.25, np.float32))
box = cube()
box = replace(box, uvs=box.positions[:, :2], material_ids=np.arange(12, dtype=np.uint32), **weights)
materials = [Material(name=f"m{number}", orm=np.zeros((4, 4, 3), np.uint8)) for number in range(12)]
paths = {f"textures/crate_{number}_orm.png": b"picture" for number in range(12)}
print(hashlib.sha256(write_usdz("crate", box, materials, paths, skeleton=skeleton)).hexdigest())
"""
    found = set()
    for seed in "12":
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1])}
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1


def test_without_usd_core_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiln.formats.usd.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"pip install kiln3d\[usd\]"):
        write_usd("crate", cube(), (), {})


def test_nothing_to_write_is_said() -> None:
    with pytest.raises(ModelError, match="no triangles"):
        write_usdz("crate", mesh(np.zeros((3, 3)), np.zeros((0, 3))), (), {})
