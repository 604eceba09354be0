from __future__ import annotations

import base64
import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kiln.asset import Material
from kiln.errors import ModelError
from kiln.formats.gltf_write import Part, encode_material, write_glb
from kiln.formats.model import Model, read_model
from kiln.formats.png import encode_png
from shapes import cube, mesh

POINTS = np.float32([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)])
INDICES = np.uint16([0, 1, 2, 2, 1, 3])


def _uri(data: bytes) -> str:
    return "data:application/octet-stream;base64," + base64.b64encode(data).decode()


def _document(**changes: Any) -> dict[str, Any]:
    """A square of two triangles; `changes` replace top-level entries."""
    data = POINTS.tobytes() + INDICES.tobytes()
    document: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
            {"bufferView": 1, "componentType": 5123, "count": 6, "type": "SCALAR"},
        ],
        "bufferViews": [{"buffer": 0, "byteLength": 48}, {"buffer": 0, "byteOffset": 48, "byteLength": 12}],
        "buffers": [{"byteLength": len(data), "uri": _uri(data)}],
    }
    return document | changes


def _read(folder: Path, document: object) -> Model:
    (folder / "a.gltf").write_text(json.dumps(document))
    return read_model(folder / "a.gltf")


def _with_accessor(array: np.ndarray, kind: str, component: int, **extra: Any) -> tuple[dict[str, Any], int]:
    """A square's document with one more accessor over a buffer of its own, and that accessor's number."""
    document = _document()
    document["buffers"].append({"byteLength": array.nbytes, "uri": _uri(array.tobytes())})
    document["bufferViews"].append({"buffer": 1, "byteLength": array.nbytes})
    document["accessors"].append({"bufferView": 2, "componentType": component, "count": len(array), "type": kind, **extra})
    return document, 2


def test_square_is_read_as_it_stands(tmp_path: Path) -> None:
    model = _read(tmp_path, _document())
    assert np.array_equal(model.mesh.positions, POINTS)
    assert np.array_equal(model.mesh.triangles, INDICES.reshape(2, 3))
    assert (model.materials, model.notes, model.name) == ((), (), "a")


def test_node_transforms_multiply_down_the_tree_and_a_mirror_flips_winding(tmp_path: Path) -> None:
    nodes = [
        {"children": [1], "translation": [10, 0, 0], "rotation": [0, 0, np.sqrt(0.5), np.sqrt(0.5)]},
        {"mesh": 0, "matrix": [-2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 5, 1]},
    ]
    model = _read(tmp_path, _document(nodes=nodes))
    # (x, y, z) -> (-2x, 2y, 2z + 5), then a quarter turn about z, then 10 along x.
    expected = [(-2 * y + 10, -2 * x, 2 * z + 5) for x, y, z in POINTS]
    assert np.allclose(model.mesh.positions, expected, atol=1e-5)
    assert np.array_equal(model.mesh.triangles, INDICES.reshape(2, 3)[:, [0, 2, 1]])


def test_strips_and_fans_become_triangles_of_one_winding(tmp_path: Path) -> None:
    document = _document()
    document["meshes"] = [{"primitives": [{"attributes": {"POSITION": 0}, "mode": mode} for mode in (5, 6)]}]
    triangles = _read(tmp_path, document).mesh.triangles
    assert triangles.tolist() == [[0, 1, 2], [1, 3, 2], [0, 1, 2], [0, 2, 3]]


def test_points_and_lines_are_left_out_with_one_note(tmp_path: Path) -> None:
    document = _document()
    document["meshes"][0]["primitives"] += [{"attributes": {"POSITION": 0}, "mode": mode} for mode in (0, 1, 3)]
    model = _read(tmp_path, document)
    assert model.mesh.triangle_count == 2
    assert model.notes == ("3 primitive(s) of points or lines were left out",)


def test_sparse_accessors_replace_rows(tmp_path: Path) -> None:
    document, at = _with_accessor(np.float32([(7, 8, 9)]), "VEC3", 5126)
    document["buffers"].append({"byteLength": 1, "uri": _uri(b"\3")})
    document["bufferViews"].append({"buffer": 2, "byteLength": 1})
    document["accessors"][0]["sparse"] = {"count": 1, "indices": {"bufferView": 3, "componentType": 5121}, "values": {"bufferView": at}}
    assert _read(tmp_path, document).mesh.positions.tolist() == [*POINTS[:3].tolist(), [7, 8, 9]]


def test_strided_quantized_positions_are_scaled_by_their_node(tmp_path: Path) -> None:
    """KHR_mesh_quantization: int16, normalized, padded to 8 bytes."""
    quantized = np.zeros((4, 4), np.int16)
    quantized[:, :3] = POINTS * 32767
    document, at = _with_accessor(quantized, "VEC3", 5122, normalized=True)
    document["bufferViews"][2]["byteStride"] = 8
    document["meshes"][0]["primitives"][0]["attributes"]["POSITION"] = at
    document["nodes"][0]["scale"] = [3, 3, 3]
    document |= {"extensionsUsed": ["KHR_mesh_quantization"], "extensionsRequired": ["KHR_mesh_quantization"]}
    assert np.allclose(_read(tmp_path, document).mesh.positions, 3 * POINTS)


@pytest.mark.parametrize(("dtype", "component", "top"), [(np.float32, 5126, 1), (np.uint8, 5121, 255), (np.uint16, 5123, 65535)])
def test_linear_vertex_colors_become_srgb(tmp_path: Path, dtype: type, component: int, top: int) -> None:
    colors = (np.array([(0.2158605, 0, 1, 1)] * 4) * top).round(0 if top > 1 else 7).astype(dtype)
    document, at = _with_accessor(colors, "VEC4", component, normalized=top > 1)
    document["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"] = at
    assert _read(tmp_path, document).mesh.colors[0].tolist() == [128, 0, 255, 255]


def test_texture_transform_is_worked_into_uvs(tmp_path: Path) -> None:
    document, at = _with_accessor(np.float32([(0, 0), (1, 0), (0, 1), (1, 1)]), "VEC2", 5126)
    document["meshes"][0]["primitives"][0] |= {"attributes": {"POSITION": 0, "TEXCOORD_0": at}, "material": 0}
    moved = {"KHR_texture_transform": {"offset": [0.5, 0.25], "scale": [2, 4], "rotation": np.pi / 2}}
    document["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "extensions": moved}}}]
    document["textures"], document["images"] = [{"source": 0}], [{"uri": _uri(encode_png(np.zeros((2, 2, 3), np.uint8)))}]
    # The extension's own matrices: translation * rotation * scale, rotation being [cos sin; -sin cos].
    expected = [(0.5 + 4 * v, 0.25 - 2 * u) for u, v in [(0, 0), (1, 0), (0, 1), (1, 1)]]
    assert np.allclose(_read(tmp_path, document).mesh.uvs, expected, atol=1e-6)


def test_separate_occlusion_and_roughness_pictures_become_one_map(tmp_path: Path) -> None:
    document, at = _with_accessor(np.zeros((4, 2), np.float32), "VEC2", 5126)
    document["meshes"][0]["primitives"][0] |= {"attributes": {"POSITION": 0, "TEXCOORD_0": at}, "material": 0}
    document["images"] = [{"uri": "ao.png"}, {"uri": "mr%20map.png"}]
    document["textures"] = [{"source": 0}, {"source": 1}]
    document["materials"] = [
        {"occlusionTexture": {"index": 0, "strength": 0.5}, "pbrMetallicRoughness": {"metallicRoughnessTexture": {"index": 1}}}
    ]
    (tmp_path / "ao.png").write_bytes(encode_png(np.full((2, 2), 55, np.uint8)))
    (tmp_path / "mr map.png").write_bytes(encode_png(np.full((4, 4, 3), (1, 2, 3), np.uint8)))
    model = _read(tmp_path, document)
    assert model.materials[0].orm.shape == (4, 4, 3)
    assert (model.materials[0].orm == (155, 2, 3)).all()
    assert [file.name for file in model.inputs] == ["a.gltf", "ao.png", "mr map.png"]


@pytest.mark.parametrize("cutoff", [0.1, 0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("factor", [0.3, 1.0])
def test_a_cutoff_other_than_a_half_is_worked_into_alpha(tmp_path: Path, cutoff: float, factor: float) -> None:
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16)
    document, at = _with_accessor(np.zeros((4, 2), np.float32), "VEC2", 5126)
    document["meshes"][0]["primitives"][0] |= {"attributes": {"POSITION": 0, "TEXCOORD_0": at}, "material": 0}
    document["textures"], document["images"] = [{"source": 0}], [{"uri": _uri(encode_png(np.dstack([alpha] * 4)))}]
    shading = {"baseColorTexture": {"index": 0}, "baseColorFactor": [1, 1, 1, factor]}
    document["materials"] = [{"alphaMode": "MASK", "alphaCutoff": cutoff, "pbrMetallicRoughness": shading}]
    material = _read(tmp_path, document).materials[0]
    assert material.alpha_mode == "MASK" and material.base_color is not None
    meant, kept = alpha / 255 * factor - cutoff, material.base_color[..., 3] / 255 * material.base_color_factor[3] - 0.5
    clear = np.abs(meant) > 1 / 255  # not at the very edge, where a step of 8 bits decides
    np.testing.assert_array_equal((kept >= 0)[clear], (meant >= 0)[clear])


def test_a_cutoff_of_zero_cuts_nothing(tmp_path: Path) -> None:
    document = _document(materials=[{"alphaMode": "MASK", "alphaCutoff": 0}])
    document["meshes"][0]["primitives"][0]["material"] = 0
    assert _read(tmp_path, document).materials[0].alpha_mode == "OPAQUE"


def test_missing_texture_is_a_note_and_missing_buffer_an_error(tmp_path: Path) -> None:
    file = tmp_path / "a.glb"
    square = replace(mesh(POINTS, INDICES.reshape(2, 3)), uvs=np.zeros((4, 2), np.float32))
    surface = encode_material(Material(base_color=np.full((2, 2, 4), 255, np.uint8)))
    file.write_bytes(write_glb([Part(name="a", mesh=square)], [replace(surface, images={"base_color": "gone.png"})]))
    model = read_model(file)
    assert model.materials[0].base_color is None
    assert "gone.png" in model.notes[0]
    document = _document()
    document["buffers"][0]["uri"] = "gone.bin"
    with pytest.raises(ModelError, match=r"gone\.bin.*not there: put that file beside it"):
        _read(tmp_path, document)


@pytest.mark.parametrize(
    "uri", ["../secret.bin", "/etc/hostname", "C:\\secret.bin", "http://example.com/a.bin", "sub/../../secret.bin", "%2e%2e/secret.bin"]
)
def test_references_outside_the_folder_are_refused(tmp_path: Path, uri: str) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(60))
    inside = tmp_path / "inside"
    inside.mkdir()
    document = _document()
    document["buffers"][0]["uri"] = uri
    with pytest.raises(ModelError, match="outside its own folder"):
        _read(inside, document)


def test_symbolic_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(60))
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.bin").symlink_to(tmp_path / "secret.bin")
    document = _document()
    document["buffers"][0]["uri"] = "link.bin"
    with pytest.raises(ModelError, match="outside its own folder"):
        _read(inside, document)


def _changed(path: str, value: object) -> dict[str, Any]:
    """A square's document with one value replaced: "accessors.0.count"."""
    document: Any = _document()
    at = document
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in way:
        at = at[key]
    at[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("accessors.0.count", 10**12, "must be an integer"),
        ("accessors.0.count", 50_000_000, "50,000,000 vertices"),
        ("accessors.0.count", 400, "needs 4,800 bytes"),
        ("accessors.0.count", float("nan"), "must be an integer"),
        ("accessors.0.byteOffset", -4, "must be an integer"),
        ("accessors.0.byteOffset", 2**60, "must be an integer"),
        ("accessors.0.componentType", 5124, "does not know"),
        ("accessors.0.type", "MAT3", "MAT3"),
        ("accessors.1.componentType", 5126, "bytes"),
        ("bufferViews.0.byteLength", 10**9, "ends at byte"),
        ("bufferViews.0.byteStride", 8, "shorter than its elements"),
        ("bufferViews.0.buffer", 7, r"buffers\[7\]"),
        ("buffers.0.byteLength", 10**9, "cut short"),
        ("buffers.0.uri", "data:,x", "base64"),
        ("nodes.0", {"children": [0], "mesh": 0}, "own ancestor"),
        ("nodes.0", {"mesh": 0, "translation": [1, 2]}, "3 finite numbers"),
        ("nodes.0", {"mesh": 0, "scale": [1, float("inf"), 1]}, "3 finite numbers"),
        ("nodes.0", {"mesh": 0, "scale": [1e200, 1e200, 1e200]}, "not finite"),
        ("nodes.0", {"mesh": 0, "scale": [0, 0, 0]}, "degenerate"),
        ("nodes.0.mesh", 3, r"meshes\[3\]"),
        ("scenes.0.nodes", [], "no triangles"),
        ("scene", 4, r"scenes\[4\]"),
        ("nodes", "none", "array of objects"),
        ("asset.version", "1.0", "version '1.0'"),
    ],
)
def test_hostile_numbers_are_refused_before_anything_is_allocated(tmp_path: Path, path: str, value: object, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        _read(tmp_path, _changed(path, value))


def test_index_of_a_vertex_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    document, at = _with_accessor(np.uint8([0, 1, 200]), "SCALAR", 5121)
    document["meshes"][0]["primitives"][0]["indices"] = at
    with pytest.raises(ModelError, match="vertex 200 of 4"):
        _read(tmp_path, document)


def test_a_few_bytes_of_json_cannot_ask_for_gigabytes(tmp_path: Path) -> None:
    """A mesh is placed once a node; accessors without data are all zeros."""
    document = _document(nodes=[{"mesh": 0}] * 3, scenes=[{"nodes": [0, 1, 2]}])
    document["accessors"][0] = {"componentType": 5126, "count": 20_000_000, "type": "VEC3"}
    with pytest.raises(ModelError, match="count"):
        _read(tmp_path, document)


@pytest.mark.parametrize(
    ("extension", "cure"),
    [("KHR_draco_mesh_compression", "gltf-transform"), ("EXT_meshopt_compression", "gltf-transform"), ("XX_new", "without")],
)
def test_required_extensions_that_cannot_be_read_say_how_to_cure(tmp_path: Path, extension: str, cure: str) -> None:
    with pytest.raises(ModelError, match=cure):
        _read(tmp_path, _document(extensionsRequired=[extension]))


def test_broken_json_and_chunks_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gltf").write_text('{"asset": ' + "[" * 100_000)
    with pytest.raises(ModelError, match="JSON"):
        read_model(tmp_path / "a.gltf")
    whole = write_glb([Part(name="a", mesh=cube())])
    for name, data, reason in (
        ("short", whole[:-10], "cut short"),
        ("tiny", whole[:15], "cut short"),
        ("chunk", whole[:12] + struct.pack("<I", 2**31) + whole[16:], "past the end"),
        ("old", whole[:4] + struct.pack("<I", 1) + whole[8:], "version 1"),
    ):
        (tmp_path / f"{name}.glb").write_bytes(data)
        with pytest.raises(ModelError, match=reason):
            read_model(tmp_path / f"{name}.glb")


def test_any_damage_is_a_model_error_or_still_a_mesh(tmp_path: Path) -> None:
    """300 files with random bytes replaced: never another exception, never a face beyond the vertices."""
    square = replace(mesh(POINTS, INDICES.reshape(2, 3)), normals=np.float32([(0, 0, 1)] * 4), colors=np.full((4, 4), 9, np.uint8))
    whole = write_glb([Part(name="a", mesh=square)])
    random, file = np.random.default_rng(0), tmp_path / "a.glb"
    for _ in range(300):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[random.integers(20, len(damaged), random.integers(1, 6))] = random.integers(0, 256)
        file.write_bytes(damaged.tobytes())
        try:
            read = read_model(file).mesh
        except ModelError:
            continue
        assert read.triangles.max() < read.vertex_count
        assert np.isfinite(read.positions).all()
