"""The web folder: a small GLB that others read, within the budget it tells of, a poster and a page."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.props import ball, handover, many, prop, skinned
from kiln.asset import Asset, Material
from kiln.engines import web
from kiln.engines.handover import Handover
from kiln.engines.web_textures import largest_side, web_materials
from kiln.errors import BackendError
from kiln.formats import gltf_draco
from oracles import gltf_transform, khronos
from packed import three_packed
from shapes import cube

BLIND_TO_KTX2 = {"VALUE_NOT_IN_LIST", "IMAGE_UNRECOGNIZED_FORMAT"}
"""The validator knows no picture but PNG and JPEG, and of extensions WebP alone."""

COMPRESSIONS = ("meshopt", "draco", "none")


def model(given: Handover) -> tuple[bytes, tuple[str, ...]]:
    """The GLB alone: posters and pages have their own tests."""
    data, notes = web._within_budget(given, min(given.options.web_texture_size, largest_side(given)))
    return data, tuple(notes)


def document(glb: bytes) -> dict[str, Any]:
    (length,) = struct.unpack_from("<I", glb, 12)
    return json.loads(glb[20 : 20 + length])


def painted(side: int) -> Asset:
    """Noise in every map, so that nothing packs well."""
    random = np.random.default_rng(1)
    maps = {slot: random.integers(0, 256, (side, side, 3), dtype=np.uint8) for slot in ("normal", "orm", "emissive")}
    base = np.full((side, side, 4), 255, np.uint8)
    base[..., :3] = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Asset(name="Noise", source=ball(), material=Material(base_color=base, emissive_factor=(1.0, 1.0, 1.0), **maps))


def bare() -> Asset:
    return Asset(name="Bare", source=cube())


def test_the_folder_holds_model_poster_and_page() -> None:
    made = web.files(handover(prop()))
    assert sorted(made.files) == ["Egg.glb", "index.html", "poster.webp"]
    assert made.files["poster.webp"][8:12] == b"WEBP"
    assert b"<html" in made.files["index.html"]
    assert made.notes == (
        f"{len(made.files['Egg.glb']) / 1e6:.2f} MB, 352 triangles, draw calls: 1, textures of 16 texels: "
        "within Khronos' 3D Commerce budget for a room planner on the web",
    )


@pytest.mark.parametrize(("compression", "textures"), [("meshopt", "webp"), ("draco", "png"), ("none", "webp"), ("none", "ktx2")])
def test_khronos_and_gltf_transform_find_nothing(tmp_path: Path, compression: str, textures: str) -> None:
    paths = []
    for asset in (prop(), many(), skinned(), bare()):
        paths.append(tmp_path / f"{asset.name}.glb")
        paths[-1].write_bytes(model(handover(asset, compression=compression, web_textures=textures))[0])
    for path, report in zip(paths, khronos(*paths), strict=True):
        found = {message["code"] for message in report["messages"] if message["severity"] < 2}
        assert found <= (BLIND_TO_KTX2 if textures == "ktx2" else set()), path.name
    for told in gltf_transform(*paths):
        assert told["warnings"] == []


def test_what_a_file_needs_is_what_it_says() -> None:
    def required(**options: str) -> list[str]:
        return document(model(handover(prop(), **options))[0]).get("extensionsRequired", [])

    assert required(compression="none", web_textures="png") == []
    assert required(compression="none", web_textures="webp") == ["EXT_texture_webp"]
    assert required(compression="none", web_textures="ktx2") == ["KHR_texture_basisu"]
    assert required(compression="meshopt", web_textures="png") == ["EXT_meshopt_compression", "KHR_mesh_quantization"]
    assert required(compression="draco", web_textures="png") == ["KHR_draco_mesh_compression", "KHR_mesh_quantization"]


def test_png_textures_are_the_packages_own() -> None:
    given = handover(prop(), web_textures="png")
    (material,) = web_materials(given, side=2048)
    assert set(material.images.values()) <= set(given.textures.values())


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_many_materials_and_skins_are_whole(tmp_path: Path, compression: str) -> None:
    for number, asset in enumerate((many(), skinned())):
        (tmp_path / f"{number}.glb").write_bytes(model(handover(asset, compression=compression))[0])
    patches, worm = three_packed(tmp_path / "0.glb", tmp_path / "1.glb")
    assert len(patches) == 3
    assert sum(len(patch.triangles) for patch in patches) == many().source.triangle_count
    assert [part.bones for part in worm] == [4]


def test_textures_are_halved_until_the_model_is_small_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_SMALLEST_SIDE", 32)
    whole, _ = model(handover(painted(256)))
    monkeypatch.setattr(web, "_WIDEST", replace(web.BUDGETS[-1], size_bytes=len(whole) // 2))
    data, notes = model(handover(painted(256)))
    assert notes[0] == "textures are reduced from 256 to 128 texels: with those the model would be larger than 5 MB"
    assert "128 texels" in notes[-1]
    assert len(data) < len(whole) // 2


def test_an_asset_that_keeps_no_budget_says_so() -> None:
    wide = replace(ball(400, 300), lightmap_uvs=None)
    _, notes = model(handover(Asset(name="Dense", source=wide)))
    assert notes[-1].endswith(
        "more than any of Khronos' 3D Commerce budgets allows (100,000 triangles, 5 MB); make it with fewer triangles"
    )


def test_a_mesh_that_draco_cannot_pack_goes_to_meshopt(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise BackendError("it crashed")

    monkeypatch.setattr(gltf_draco, "encode_draco", broken)
    data, notes = model(handover(prop(), compression="draco"))
    assert "EXT_meshopt_compression" in document(data)["extensionsRequired"]
    assert notes[0] == "packed with meshopt instead of Draco: it crashed"


def test_joints_without_a_skeleton_are_left_out() -> None:
    data, _ = model(replace(handover(skinned()), asset=replace(skinned(), skeleton=None)))
    assert "skins" not in document(data)


def test_importance_stays_at_home() -> None:
    marked = replace(ball(), importance=np.ones(ball().vertex_count, np.float32))
    (primitive,) = document(model(handover(Asset(name="Marked", source=marked)))[0])["meshes"][0]["primitives"]
    assert "_IMPORTANCE" not in primitive["attributes"]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_the_same_asset_gives_the_same_bytes(compression: str) -> None:
    assert model(handover(prop(), compression=compression)) == model(handover(prop(), compression=compression))
