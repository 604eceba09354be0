from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.props import ball, many, prop, skinned
from engines.readers.corners import CornerMesh, differences
from engines.readers.fbx_file import FbxFile, read_fbx
from formats.fbx.as_ufbx_reads import in_file_axes
from formats.fbx.record_walker import Node, walk
from kiln.asset import Asset, Material, Mesh, Skeleton
from kiln.errors import ModelError
from kiln.formats.fbx import write
from kiln.formats.fbx.frame import UNITY, UNREAL, UNREAL_FORWARD_X, Frame
from kiln.formats.fbx.scene import FbxMaterial, FbxModel, FbxScene, FbxSlot, FbxTexture
from kiln.formats.fbx.write import write_fbx
from kiln.geometry.normals import smooth_normals
from shapes import cube, grid, mesh, tetrahedron

_FRAMES = {"unreal": UNREAL, "unreal_x": UNREAL_FORWARD_X, "unity": UNITY}
_TURNS = {"unreal": np.eye(3), "unreal_x": np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]]), "unity": np.eye(3)}
"""What the file's own axes make of the asset: nothing, but for the one that was turned on purpose."""


def _shaded(bare: Mesh) -> Mesh:
    return replace(bare, normals=smooth_normals(bare))


def _texture(name: str, content: bytes | None = None) -> FbxTexture:
    return FbxTexture(name=name, path=f"Textures/{name}.png", content=content)


def _materials(asset: Asset, *, embedded: bool = False) -> list[FbxMaterial]:
    slots: tuple[FbxSlot, ...] = ("base_color", "normal", "emissive")
    found = []
    for material in (asset.material,) if asset.material else asset.source_materials:
        used: list[FbxSlot] = [slot for slot in slots if getattr(material, slot) is not None]
        textures = {slot: _texture(f"T_{material.name}_{slot}", b"\x89PNG" + slot.encode() if embedded else None) for slot in used}
        found.append(FbxMaterial(name=f"M_{material.name}", material=material, textures=textures))
    return found


def _prop() -> FbxScene:
    asset = prop()
    assert asset.mesh is not None
    levels = [FbxModel(name=f"SM_Egg_LOD{level}", mesh=lod) for level, lod in enumerate((asset.mesh, *asset.lods))]
    hulls = [FbxModel(name=f"UCX_SM_Egg_LOD0_{n:02d}", mesh=_shaded(hull), materials=False) for n, hull in enumerate(asset.hulls)]
    return FbxScene(lod_group="SM_Egg", lods=levels, lod_thresholds=(40.0, 15.0), models=hulls, materials=_materials(asset, embedded=True))


def _patchwork() -> FbxScene:
    asset = many()
    return FbxScene(models=[FbxModel(name="SM_Patchwork", mesh=asset.source)], materials=_materials(asset))


def _worm(bones: int = 3) -> FbxScene:
    asset = skinned(bones=bones)
    assert asset.mesh is not None
    return FbxScene(models=[FbxModel(name="SK_Worm", mesh=asset.mesh)], materials=_materials(asset), skeleton=asset.skeleton)


def _crawler() -> FbxScene:
    """Skinned LODs."""
    scene = _worm(5)
    levels = [replace(scene.models[0], name=f"SK_Worm_LOD{level}") for level in range(2)]
    return replace(scene, models=(), lod_group="SK_Worm", lods=levels)


def _plain(size: float = 1.0) -> FbxScene:
    """No UVs, no materials."""
    return FbxScene(models=[FbxModel(name="SM_Cube", mesh=_shaded(cube(size)))])


_SCENES = {"prop": _prop, "patchwork": _patchwork, "worm": _worm, "crawler": _crawler, "plain": _plain}


def _read(scene: FbxScene, folder: Path, *, version: int | None = None) -> tuple[FbxFile, Node]:
    """As ufbx reads it, and record by record."""
    path = folder / "model.fbx"
    path.write_bytes(write_fbx(scene, version=version))
    return read_fbx(path), walk(path.read_bytes())[1]


def _corners(model: FbxModel, skeleton: Skeleton | None, turn: np.ndarray) -> CornerMesh:
    """What the file should hold of a model, in float64."""
    given, corners = model.mesh, model.mesh.triangles.ravel()
    normals = given.normals.astype(float)  # type: ignore[union-attr]
    tangents = None if given.tangents is None else given.tangents.astype(float)
    weights = {}
    if given.joints is not None and given.weights is not None and skeleton is not None:
        table = given.weights.astype(float)
        weights = {name: (table * (given.joints == joint)).sum(axis=1)[corners] for joint, name in enumerate(skeleton.names)}
    return CornerMesh(
        name=model.name,
        positions=given.positions.astype(float)[corners] @ turn.T,
        normals=normals[corners] @ turn.T,
        uvs=tuple(uvs[corners].astype(float) for uvs in (given.uvs, given.lightmap_uvs) if uvs is not None),
        tangents=None if tangents is None else tangents[corners, :3] @ turn.T,
        bitangents=None if tangents is None else (np.cross(normals, tangents[:, :3]) * tangents[:, 3:])[corners] @ turn.T,
        materials=np.zeros(given.triangle_count) if given.material_ids is None else given.material_ids.astype(int),
        weights=weights,
    )


@pytest.mark.parametrize("version", [7400, 7500])
@pytest.mark.parametrize("frame", _FRAMES)
@pytest.mark.parametrize("name", _SCENES)
def test_ufbx_reads_the_very_numbers(name: str, frame: str, version: int, tmp_path: Path) -> None:
    scene = replace(_SCENES[name](), frame=_FRAMES[frame])
    found, _ = _read(scene, tmp_path, version=version)
    assert (found.version, found.warnings) == (version, ())
    for model in [*scene.lods, *scene.models]:
        assert max(differences(_corners(model, scene.skeleton, _TURNS[frame]), found.meshes[model.name]).values()) < 1e-6
        np.testing.assert_allclose(found.matrices[model.name][:3, 3], 0, atol=1e-12)


@pytest.mark.parametrize("frame", _FRAMES)
@pytest.mark.parametrize("name", ["worm", "crawler"])
def test_joints_stand_where_the_skeleton_has_them(name: str, frame: str, tmp_path: Path) -> None:
    scene = replace(_SCENES[name](), frame=_FRAMES[frame])
    assert scene.skeleton is not None
    found, top = _read(scene, tmp_path)
    turn = np.eye(4)
    turn[:3, :3] = _TURNS[frame]
    for joint, matrix in zip(scene.skeleton.names, scene.skeleton.global_matrices, strict=True):
        expected = in_file_axes(turn @ matrix if joint != scene.skeleton.names[0] else matrix, scene.frame)
        np.testing.assert_allclose(found.matrices[joint], expected, atol=1e-6)
        np.testing.assert_allclose(found.bind_pose[joint], expected, atol=1e-6)
        for model in [*scene.lods, *scene.models]:
            np.testing.assert_allclose(found.geometry_to_joint[model.name][joint], np.linalg.inv(expected), atol=1e-6)
    assert found.parents["root"] == ""
    assert found.parents["spine_01"] == "root"
    posed = {entry["Node"].value for entry in _objects(top, "Pose")[0].all("PoseNode")}
    assert posed == {model.values[0] for model in _objects(top, "Model")}, "validators of poses want the nodes above skinned ones, too"


def test_300_joints(tmp_path: Path) -> None:
    scene = _worm(300)
    found, top = _read(scene, tmp_path)
    assert scene.skeleton is not None
    assert found.joints == set(scene.skeleton.names)
    expected = _corners(scene.models[0], scene.skeleton, np.eye(3)).weights
    for joint, weights in found.meshes["SK_Worm"].weights.items():
        np.testing.assert_allclose(weights, expected[joint], atol=1e-7)
    clusters = [deformer for deformer in _objects(top, "Deformer") if deformer.values[2] == "Cluster"]
    assert len(clusters) == 300
    assert any(not cluster.all("Indexes") for cluster in clusters), "a joint that moves nothing has no empty arrays"


@pytest.mark.parametrize(("frame", "axis", "sign"), [(UNREAL, 1, -1), (UNREAL_FORWARD_X, 0, 1), (UNITY, 2, 1)])
def test_the_front_looks_where_the_frame_says(frame: Frame, axis: int, sign: int) -> None:
    """A tetrahedron with its nose drawn out along +Z."""
    nosed = replace(tetrahedron(), positions=tetrahedron().positions * np.float32((1, 1, 5)))
    points = _points(_geometry(FbxScene(models=[FbxModel(name="SM_Nose", mesh=nosed)], frame=frame)))
    nose = np.abs(points).max(axis=1).argmax()
    expected = np.zeros(3)
    expected[axis] = sign * 5 * frame.units_per_metre
    np.testing.assert_array_equal(points[nose], expected)


@pytest.mark.parametrize(("frame", "units"), [(UNREAL, 100.0), (UNITY, 1.0)])
def test_a_cube_of_a_metre(frame: Frame, units: float, tmp_path: Path) -> None:
    found, top = _read(replace(_plain(), frame=frame), tmp_path)
    assert found.unit_metres * units == 1.0
    np.testing.assert_array_equal(np.ptp(_points(_objects(top, "Geometry")[0]), axis=0), units)
    np.testing.assert_allclose(found.meshes["SM_Cube"].dimensions, 1.0)


def test_a_lod_group_has_its_levels_as_children_and_hulls_stand_beside_it(tmp_path: Path) -> None:
    found, top = _read(_prop(), tmp_path)
    assert found.lod_groups == {"SM_Egg": (("SM_Egg_LOD0", "SM_Egg_LOD1", "SM_Egg_LOD2"), (100.0, 40.0, 15.0))}
    assert {found.parents[f"UCX_SM_Egg_LOD0_0{number}"] for number in (0, 1)} == {""}
    with_materials = {bool(geometry.all("LayerElementMaterial")): geometry.values[1] for geometry in _objects(top, "Geometry")}
    assert with_materials[False].startswith("UCX_")
    assert len([c for c in top["Connections"].children if c.values[1] in _ids(top, "Material")]) == 3


def test_levels_switch_at_halves_when_nobody_says_where(tmp_path: Path) -> None:
    found, _ = _read(replace(_prop(), lod_thresholds=()), tmp_path)
    assert found.lod_groups["SM_Egg"][1] == (100.0, 50.0, 25.0)


def test_textures_are_referenced_and_embedded(tmp_path: Path) -> None:
    referenced, _ = _read(_patchwork(), tmp_path)
    base, normal = "Textures/T_first_base_color.png", "Textures/T_first_normal.png"
    assert referenced.materials["M_first"] == {"DiffuseColor": base, "NormalMap": normal}
    assert referenced.materials["M_plain"] == {}
    assert referenced.embedded == {}
    embedded, _ = _read(_prop(), tmp_path)
    assert embedded.embedded["Textures/T_Egg_base_color.png"] == b"\x89PNGbase_color"


def test_a_picture_that_two_materials_share_is_there_once(tmp_path: Path) -> None:
    shared = _texture("T_Shared", b"\x89PNG")
    materials = [FbxMaterial(name=name, material=Material(), textures={"base_color": shared}) for name in ("M_a", "M_b")]
    found, top = _read(FbxScene(models=[FbxModel(name="SM_Egg", mesh=ball())], materials=materials), tmp_path)
    assert found.materials["M_a"] == found.materials["M_b"] == {"DiffuseColor": "Textures/T_Shared.png"}
    assert len(_objects(top, "Video")) == len(_objects(top, "Texture")) == 1


def test_names_and_paths_of_any_script(tmp_path: Path) -> None:
    texture = FbxTexture(name="木の箱", path="Téxtures/木の箱.png")
    material = FbxMaterial(name="Grün", material=Material(), textures={"base_color": texture})
    found, _ = _read(FbxScene(models=[FbxModel(name="SM_Ωmega", mesh=ball())], materials=[material]), tmp_path)
    assert list(found.meshes) == ["SM_Ωmega"]
    assert found.materials == {"Grün": {"DiffuseColor": "Téxtures/木の箱.png"}}


def test_only_materials_in_use_hang_on_a_node(tmp_path: Path) -> None:
    """Slots 0 and 2 of three become the node's 0 and 1."""
    scene = _patchwork()
    ids = np.uint32([0, 2])[np.arange(scene.models[0].mesh.triangle_count) % 2]
    used = replace(scene, models=[FbxModel(name="SM_P", mesh=replace(scene.models[0].mesh, material_ids=ids))])
    found, top = _read(used, tmp_path)
    np.testing.assert_array_equal(found.meshes["SM_P"].materials, ids // 2)
    names = {node.values[0]: node.values[1].split("\0")[0] for node in _objects(top, "Material")}
    hung = [names[c.values[1]] for c in top["Connections"].children if c.values[0] == "OO" and c.values[1] in names]
    assert hung == ["M_first", "M_third"]


def test_factors_of_a_material() -> None:
    glow = Material(base_color_factor=(0.8, 0.4, 0.2, 0.5), emissive_factor=(0.0, 4.0, 2.0), roughness_factor=0.4, metallic_factor=1.0)
    scene = replace(_plain(), materials=[FbxMaterial(name="M_Glow", material=glow)])
    found = _objects(walk(write_fbx(scene))[1], "Material")[0].settings
    assert found["DiffuseColor"] == [0.8, 0.4, 0.2]
    assert (found["EmissiveColor"], found["EmissiveFactor"]) == ([0.0, 1.0, 0.5], [4.0])
    assert (found["Opacity"], found["TransparencyFactor"], found["TransparentColor"]) == ([0.5], [0.5], [1.0] * 3)
    assert found["ShininessExponent"] == pytest.approx([36.0])
    assert found["ReflectionFactor"] == [1.0]


def test_a_material_whose_metal_is_in_a_map_is_not_all_metal() -> None:
    """Phong takes no such map, and its factor of 1 alone would look black."""
    scene = _prop()
    assert scene.materials[0].material.metallic_factor == 1.0
    assert _objects(walk(write_fbx(scene))[1], "Material")[0].settings["ReflectionFactor"] == [0.0]


def test_control_points_are_welded_and_uv_islands_stay_whole() -> None:
    """Two triangles with three vertices each: their common edge has two points, and one UV at the end where both have the same."""
    quad = mesh(
        [(0, 0, 0), (1, 0, 0), (1, 1, 0), (-0.0, 0, 0), (1, 1, 0), (0, 1, 0)],
        [(0, 1, 2), (3, 4, 5)],
        normals=np.float32([(0, 0, 1)] * 6),
        uvs=np.float32([(0, 0), (1, 0), (1, 1), (0, 0), (0.9, 1), (0, 1)]),
    )
    geometry = _geometry(FbxScene(models=[FbxModel(name="SM_Quad", mesh=quad)]))
    assert len(_points(geometry)) == 4
    assert geometry["PolygonVertexIndex"].value.tolist() == [0, 1, ~2, 0, 2, ~3]
    layer = geometry["LayerElementUV"]
    assert layer["UVIndex"].value.tolist() == [0, 1, 2, 0, 3, 4]
    np.testing.assert_array_equal(layer["UV"].value.reshape(-1, 2)[:2], [(0, 1), (1, 1)])


def test_points_of_skinned_meshes_are_welded_only_where_they_move_alike() -> None:
    twins = mesh([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 0), (1, 0, 0), (0, 0, 1)], [(0, 1, 2), (4, 3, 5)])
    joints = np.uint16([(0, 1)] * 6)
    weights = np.float32([(1, 0), (0.5, 0.5), (1, 0), (1, 0), (0.25, 0.75), (1, 0)])
    bound = replace(twins, joints=joints, weights=weights)
    scene = FbxScene(models=[FbxModel(name="SK_Twins", mesh=bound)], skeleton=_bones(2))
    assert len(_points(_geometry(scene))) == 5
    assert len(_points(_geometry(replace(scene, models=[FbxModel(name="SM_Twins", mesh=twins)])))) == 4


def test_a_joint_that_is_named_twice_counts_with_both_weights() -> None:
    bound = replace(tetrahedron(), joints=np.uint16([(1, 1)] * 4), weights=np.float32([(0.75, 0.25)] * 4))
    top = walk(write_fbx(FbxScene(models=[FbxModel(name="SK_T", mesh=bound)], skeleton=_bones(2))))[1]
    (cluster,) = [deformer for deformer in _objects(top, "Deformer") if deformer.all("Indexes")]
    assert cluster["Indexes"].value.tolist() == [0, 1, 2, 3]
    assert cluster["Weights"].value.tolist() == [1.0] * 4


def test_colours_are_written_as_they_are_encoded() -> None:
    colors = np.uint8([(255, 128, 0, 255), (255, 128, 0, 255), (0, 0, 0, 51), (255, 128, 0, 255)])
    layer = _geometry(FbxScene(models=[FbxModel(name="SM_T", mesh=replace(tetrahedron(), colors=colors))]))["LayerElementColor"]
    by_corner = layer["Colors"].value.reshape(-1, 4)[layer["ColorIndex"].value]
    np.testing.assert_allclose(by_corner, colors[tetrahedron().triangles.ravel()] / 255)
    assert layer["Colors"].value.size == 8


def test_layers_list_every_element() -> None:
    geometry = _geometry(_prop())
    first, second = ([(e["Type"].value, e["TypedIndex"].value) for e in layer.all("LayerElement")] for layer in geometry.all("Layer"))
    assert [name.removeprefix("LayerElement") for name, _ in first] == ["Normal", "Binormal", "Tangent", "Smoothing", "UV", "Material"]
    assert second == [("LayerElementUV", 1)]
    assert [layer["Name"].value for layer in geometry.all("LayerElementUV")] == ["UVMap", "Lightmap"]
    assert set(geometry["LayerElementSmoothing"]["Smoothing"].value) == {1}


@pytest.mark.parametrize("name", _SCENES)
def test_definitions_ids_and_connections_agree(name: str) -> None:
    top = walk(write_fbx(_SCENES[name]()))[1]
    assert [node.name for node in top.children] == _TOP
    objects = top["Objects"].children
    counts = {kind.value: kind["Count"].value for kind in top["Definitions"].all("ObjectType")}
    assert counts.pop("GlobalSettings") == 1
    assert counts == {kind: len(_objects(top, kind)) for kind in {node.name for node in objects}}
    assert top["Definitions"]["Count"].value == len(objects) + 1
    ids = {node.values[0] for node in objects}
    assert len(ids) == len(objects)
    for connection in top["Connections"].children:
        assert connection.values[1] in ids
        assert connection.values[2] in ids | {0}
    hung = {connection.values[1] for connection in top["Connections"].children}
    assert {node.name for node in objects if node.values[0] not in hung} <= {"Pose", "Material"}


@pytest.mark.parametrize("name", _SCENES)
def test_every_node_says_which_attribute_is_its_own(name: str) -> None:
    """Autodesk's SDK finds no mesh on a node that does not; every reader in these tests does without, so it is asserted here."""
    for node in _objects(walk(write_fbx(_SCENES[name]()))[1], "Model"):
        assert node.settings["DefaultAttributeIndex"] == [0]
        assert node.settings["InheritType"] == [1]


def test_the_same_scene_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_fbx(_prop())
    monkeypatch.setattr("kiln.settings.threads", lambda: 1)
    assert write_fbx(_prop()) == first


def test_70000_vertices(tmp_path: Path) -> None:
    flat = grid(280, 250)
    scene = FbxScene(models=[FbxModel(name="SM_Flat", mesh=replace(flat, normals=np.tile(np.float32((0, 0, 1)), (flat.vertex_count, 1))))])
    found, top = _read(scene, tmp_path)
    assert len(_points(_objects(top, "Geometry")[0])) == flat.vertex_count == 281 * 251
    assert differences(_corners(scene.models[0], None, np.eye(3)), found.meshes["SM_Flat"])["positions"] < 1e-6


def test_large_files_are_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    assert walk(write_fbx(_prop()))[0] == 7400
    monkeypatch.setattr(write, "_NARROW_LIMIT", 10_000)
    version, top = walk(write_fbx(_prop()))
    assert version == top["FBXHeaderExtension"]["FBXVersion"].value == 7500


def test_a_skeleton_may_come_alone(tmp_path: Path) -> None:
    found, _ = _read(FbxScene(skeleton=_bones(3)), tmp_path)
    assert found.parents == {"bone_0": "", "bone_1": "bone_0", "bone_2": "bone_1"}


@pytest.mark.parametrize(
    "turn", [np.diag((1.0, 1, 1)), np.diag((2.0, 0.5, 3)), np.diag((-1.0, 1, 1)), np.array([[0, 0, 1], [0, 1, 0], [-1.0, 0, 0]])]
)
def test_any_placement_without_shear_comes_back(turn: np.ndarray, tmp_path: Path) -> None:
    """Scaled, mirrored, and turned by a right angle about Y, where Euler angles lock."""
    bones = _bones(2)
    local = np.array(bones.local_matrices)
    spin = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
    local[1, :3, :3] = turn if turn[0, 2] else spin @ turn
    found, _ = _read(FbxScene(skeleton=replace(bones, local_matrices=local)), tmp_path)
    np.testing.assert_allclose(found.matrices["bone_1"], in_file_axes(local[0] @ local[1], UNREAL), atol=1e-9)


def _bones(count: int) -> Skeleton:
    local = np.tile(np.eye(4), (count, 1, 1))
    local[1:, 1, 3] = 0.5
    return Skeleton(names=tuple(f"bone_{n}" for n in range(count)), parents=np.arange(-1, count - 1, dtype=np.int32), local_matrices=local)


def _with(**attributes: object) -> FbxScene:
    return FbxScene(models=[FbxModel(name="SM_Bad", mesh=replace(tetrahedron(), **attributes))], skeleton=_bones(2))  # type: ignore[arg-type]


_BAD_MESHES = {
    "no triangles": (_with(triangles=np.zeros((0, 3), np.uint32)), "no triangles"),
    "a hole": (_with(triangles=np.uint32([(0, 1, 9)])), "vertex 9 of 4"),
    "not finite": (_with(positions=np.full((4, 3), np.nan, np.float32)), "positions hold numbers that are not finite"),
    "infinite UVs": (_with(uvs=np.full((4, 2), np.inf, np.float32)), "uvs hold numbers"),
    "tangents alone": (_with(tangents=np.zeros((4, 4), np.float32)), "tangents without normals"),
    "unknown joint": (_with(joints=np.full((4, 4), 7, np.uint16), weights=np.full((4, 4), 0.25, np.float32)), "joint 7 of 2"),
    "joints alone": (_with(joints=np.zeros((4, 4), np.uint16)), "joints and weights must come together"),
    "weightless": (
        _with(joints=np.zeros((4, 4), np.uint16), weights=np.zeros((4, 4), np.float32)),
        "4 vertices have negative weights, or none",
    ),
    "no skeleton": (replace(_worm(), skeleton=None), "no skeleton"),
    "unknown material": (
        replace(_with(material_ids=np.uint32([0, 1, 2, 3])), materials=[FbxMaterial(name="M", material=Material())]),
        "material 3 of 1",
    ),
    "textures without UVs": (
        replace(_plain(), materials=[FbxMaterial(name="M", material=Material(), textures={"normal": _texture("T")})]),
        "needs UVs",
    ),
    "sheared joint": (FbxScene(skeleton=replace(_bones(1), local_matrices=np.eye(4)[None] + np.eye(4, k=1)[None])), "sheared"),
    "flat joint": (FbxScene(skeleton=replace(_bones(1), local_matrices=np.diag((1.0, 0, 1, 1))[None])), "scaled to nothing"),
    "lost joint": (FbxScene(skeleton=replace(_bones(1), local_matrices=np.full((1, 4, 4), np.nan))), "not finite"),
}


@pytest.mark.parametrize("case", _BAD_MESHES)
def test_an_asset_that_cannot_be_written_is_refused(case: str) -> None:
    scene, message = _BAD_MESHES[case]
    with pytest.raises(ModelError, match=message):
        write_fbx(scene)


_BAD_SCENES = {
    "empty": (FbxScene(), "nothing to write"),
    "twins": (FbxScene(models=_plain().models * 2), "2 nodes are called 'SM_Cube'"),
    "a bone's name": (replace(_with(), models=[FbxModel(name="bone_1", mesh=cube())]), "2 nodes are called 'bone_1'"),
    "nameless": (FbxScene(models=[FbxModel(name="", mesh=cube())]), "cannot name"),
    "twin materials": (replace(_plain(), materials=[FbxMaterial(name="M", material=Material())] * 2), "2 materials are called 'M'"),
    "LODs without a group": (replace(_prop(), lod_group=None), "need a LodGroup's name"),
    "a group without LODs": (replace(_plain(), lod_group="SM_Group"), "needs LODs"),
    "rising thresholds": (replace(_prop(), lod_thresholds=(10.0, 20.0)), "must fall"),
    "too few thresholds": (replace(_prop(), lod_thresholds=(10.0,)), "3 LODs have 2 thresholds"),
    "a child before its parent": (FbxScene(skeleton=replace(_bones(2), parents=np.int32([1, -1]))), "parent must come before"),
    "one path for two pictures": (
        replace(
            _prop(),
            materials=[
                FbxMaterial(name=name, material=Material(), textures={"normal": _texture("T", name.encode())}) for name in ("M_a", "M_b")
            ],
        ),
        "two textures with different content",
    ),
}


@pytest.mark.parametrize("case", _BAD_SCENES)
def test_a_scene_that_contradicts_itself_is_refused(case: str) -> None:
    scene, message = _BAD_SCENES[case]
    with pytest.raises(ValueError, match=message):
        write_fbx(scene)


def test_other_versions_are_refused() -> None:
    with pytest.raises(ValueError, match="7400 or 7500"):
        write_fbx(_plain(), version=7700)


_TOP = [
    "FBXHeaderExtension",
    "FileId",
    "CreationTime",
    "Creator",
    "GlobalSettings",
    "Documents",
    "References",
    "Definitions",
    "Objects",
    "Connections",
    "Takes",
]


def _objects(top: Node, kind: str) -> list[Node]:
    return top["Objects"].all(kind)


def _ids(top: Node, kind: str) -> set[int]:
    return {node.values[0] for node in _objects(top, kind)}


def _geometry(scene: FbxScene) -> Node:
    """The first one's records."""
    return _objects(walk(write_fbx(scene))[1], "Geometry")[0]


def _points(geometry: Node) -> np.ndarray:
    return geometry["Vertices"].value.reshape(-1, 3)
