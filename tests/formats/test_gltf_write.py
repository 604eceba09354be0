from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import trimesh

import kiln
from kiln.asset import Material, Mesh
from kiln.formats.gltf_write import EncodedMaterial, Part, encode_material, write_glb, write_gltf
from kiln.formats.model import read_model
from kiln.geometry.normals import smooth_normals
from kiln.geometry.tangents import add_tangents
from oracles import khronos, three
from shapes import cube, sphere


def _textured(rings: int = 6, segments: int = 8) -> Mesh:
    ball = sphere(rings, segments)
    x, y, z = ball.positions.T
    uvs = np.stack([np.arctan2(x, z) / (2 * np.pi) + 0.5, np.arccos(np.clip(y, -1, 1)) / np.pi], 1).astype(np.float32)
    return add_tangents(replace(ball, uvs=uvs, normals=smooth_normals(ball)))


def _noise(channels: int) -> np.ndarray:
    return np.random.default_rng(channels).integers(0, 256, (8, 4, channels), dtype=np.uint8)


def _full() -> Material:
    return Material(
        name="full",
        base_color=_noise(4),
        base_color_factor=(0.5, 0.25, 1.0, 0.5),
        normal=np.full((4, 4, 3), (128, 128, 255), np.uint8),
        orm=_noise(3),
        roughness_factor=0.5,
        metallic_factor=0.25,
        emissive=_noise(3),
        emissive_factor=(2.0, 1.0, 0.5),
        alpha_mode="MASK",
        double_sided=True,
    )


def _json(glb: bytes) -> dict[str, object]:
    size = struct.unpack_from("<I", glb, 12)[0]
    return json.loads(glb[20 : 20 + size])


def test_reading_back_gives_the_same_bits(tmp_path: Path) -> None:
    mesh = _textured()
    colors = np.random.default_rng(0).integers(0, 256, (mesh.vertex_count, 4), dtype=np.uint8)
    mesh = replace(mesh, colors=colors, material_ids=(np.arange(mesh.triangle_count) % 2).astype(np.uint32))
    order = np.argsort(mesh.material_ids, kind="stable")  # a file groups triangles by material
    (tmp_path / "a.glb").write_bytes(
        write_glb([Part(name="a", mesh=mesh)], [encode_material(_full()), EncodedMaterial(material=Material(name="plain"))])
    )
    read = read_model(tmp_path / "a.glb")
    for name in ("positions", "normals", "tangents", "uvs", "colors"):
        assert np.array_equal(getattr(read.mesh, name), getattr(mesh, name)), name
    assert np.array_equal(read.mesh.triangles, mesh.triangles[order])
    assert np.array_equal(read.mesh.material_ids, mesh.material_ids[order])
    got, wanted = read.materials[0], _full()
    for name in ("base_color", "normal", "orm", "emissive"):
        assert np.array_equal(getattr(got, name), getattr(wanted, name)), name
    for name in ("name", "base_color_factor", "roughness_factor", "metallic_factor", "emissive_factor", "alpha_mode", "double_sided"):
        assert getattr(got, name) == getattr(wanted, name), name
    assert read.materials[1].name == "plain"
    assert read.notes == ()


def test_khronos_finds_nothing_to_object_to(tmp_path: Path) -> None:
    """Textured with every map; untextured with colours; 32-bit indices; several materials; several nodes; external textures."""
    ball, plain = _textured(), cube()
    many = replace(ball, material_ids=(np.arange(ball.triangle_count) % 3).astype(np.uint32))
    colored = replace(plain, colors=np.full((8, 4), 99, np.uint8))
    full = encode_material(_full())
    files = {
        "textured.glb": write_glb([Part(name="a", mesh=ball)], [full]),
        "plain.glb": write_glb([Part(name="a", mesh=colored)]),
        "wide.glb": write_glb([Part(name="a", mesh=sphere(260, 260))]),
        "many.glb": write_glb([Part(name="a", mesh=many)], [full, full, full]),
        "nodes.glb": write_glb([Part(name="a_hull_00", mesh=plain), Part(name="a_hull_01", mesh=plain)]),
        **write_gltf([Part(name="a", mesh=ball)], [full], name="split"),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    models = [tmp_path / name for name in files if name.endswith(("glb", "gltf"))]
    for model, found in zip(models, khronos(*models), strict=True):
        assert (found["errors"], found["warnings"]) == (0, 0), (model.name, found["messages"])
    assert read_model(tmp_path / "split.gltf").materials[0].orm is not None


def test_lightmap_uvs_and_importance_come_back_and_pass_khronos(tmp_path: Path) -> None:
    ball, file = _textured(), tmp_path / "a.glb"
    marked = replace(ball, lightmap_uvs=ball.uvs[:, ::-1].copy(), importance=np.linspace(0.5, 3, ball.vertex_count, dtype=np.float32))
    file.write_bytes(write_glb([Part(name="a", mesh=marked)], [encode_material(_full())]))
    read = read_model(file).mesh
    assert np.array_equal(read.lightmap_uvs, marked.lightmap_uvs)
    assert np.array_equal(read.importance, marked.importance)
    (found,) = khronos(file)
    assert (found["errors"], found["warnings"]) == (0, 0), found["messages"]


def test_importance_that_is_no_weight_counts_as_usual(tmp_path: Path) -> None:
    file = tmp_path / "a.glb"
    file.write_bytes(write_glb([Part(name="a", mesh=replace(cube(), importance=np.float32([2, 0, -1, np.nan, np.inf, 1, 0.5, 3])))]))
    assert read_model(file).mesh.importance.tolist() == [2, 1, 1, 1, 1, 1, 0.5, 3]


def test_other_readers_read_the_same_numbers(tmp_path: Path) -> None:
    mesh, file = _textured(), tmp_path / "a.glb"
    file.write_bytes(write_glb([Part(name="ball", mesh=mesh)], [encode_material(replace(_full(), alpha_mode="OPAQUE"))]))
    (loaded,) = three(file)[0]
    assert loaded["name"] == "ball"
    assert (loaded["vertices"], loaded["triangles"]) == (mesh.vertex_count, mesh.triangle_count)
    assert loaded["attributes"] == ["normal", "position", "tangent", "uv"]
    assert loaded["maps"] == ["map", "normalMap", "aoMap", "roughnessMap", "metalnessMap", "emissiveMap"]
    assert np.array_equal([loaded["low"], loaded["high"]], np.array(mesh.bounds, np.float64))
    theirs = trimesh.load(file, process=False, force="mesh")
    assert np.array_equal(theirs.vertices, mesh.positions)
    assert np.array_equal(theirs.faces, mesh.triangles)
    assert np.allclose(theirs.visual.uv, np.stack([mesh.uvs[:, 0], 1 - mesh.uvs[:, 1]], 1))
    document = pygltflib.GLTF2().load(str(file))
    assert document.materials[0].occlusionTexture.index == document.materials[0].pbrMetallicRoughness.metallicRoughnessTexture.index
    assert document.accessors[document.meshes[0].primitives[0].attributes.POSITION].max == mesh.bounds[1].tolist()


def test_indices_have_16_bits_as_long_as_none_is_65535() -> None:
    def component(vertices: int) -> object:
        points = np.random.default_rng(0).random((vertices, 3), np.float32)
        document = _json(write_glb([Part(name="a", mesh=Mesh(positions=points, triangles=np.uint32([(0, 1, vertices - 1)])))]))
        return document["accessors"][document["meshes"][0]["primitives"][0]["indices"]]["componentType"]  # type: ignore[index]

    assert component(65_535) == 5123
    assert component(65_536) == 5125


def test_same_input_gives_same_bytes_and_every_view_is_aligned() -> None:
    def write() -> bytes:
        return write_glb([Part(name="a", mesh=_textured())], [encode_material(_full())])

    assert write() == write()
    document = _json(write())
    assert all(view["byteOffset"] % 4 == 0 for view in document["bufferViews"])  # type: ignore[union-attr,attr-defined]
    assert "extensionsRequired" not in document
    assert document["asset"]["generator"] == f"Kiln {kiln.__version__}"  # type: ignore[index]


def test_images_without_uvs_and_meshes_without_triangles_are_refused() -> None:
    with pytest.raises(ValueError, match="needs UVs"):
        write_glb([Part(name="a", mesh=cube())], [encode_material(_full())])
    with pytest.raises(ValueError, match="no triangles"):
        write_glb([Part(name="a", mesh=Mesh(positions=np.zeros((3, 3), np.float32), triangles=np.zeros((0, 3), np.uint32)))])
