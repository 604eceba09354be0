from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kiln.asset import Asset, Material, Mesh, Primitive
from kiln.errors import ModelError
from kiln.formats.asset_files import asset_files
from kiln.formats.package import new_package, write_manifest
from kiln.formats.package_read import is_package, open_package
from kiln.geometry.normals import smooth_normals
from kiln.geometry.tangents import add_tangents
from shapes import cube, sphere


def _painted(mesh: Mesh) -> Mesh:
    uvs = (mesh.positions[:, :2] - mesh.positions[:, :2].min(0)) / np.ptp(mesh.positions[:, :2], axis=0)
    return add_tangents(replace(mesh, uvs=uvs.astype(np.float32), normals=smooth_normals(mesh)))


def _asset() -> Asset:
    material = Material(
        name="ball",
        base_color=np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype=np.uint8),
        orm=np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8),
        alpha_mode="MASK",
    )
    box = Primitive(kind="box", center=(0.0, 0.5, 0.0), size=(1.0, 2.0, 3.0), rotation=(0.0, 0.6, 0.0, 0.8))
    return Asset(
        name="ball",
        source=sphere(16, 32),
        mesh=_painted(sphere(8, 16)),
        material=material,
        lods=(_painted(sphere(4, 8)),),
        hulls=(cube(), cube().moved(offset=np.array([2, 0, 0], np.float32))),
        fits=(box, None),
    )


def _written(folder: Path, asset: Asset | None = None) -> Path:
    asset = asset or _asset()
    with new_package(folder / asset.name, archives=("",)) as draft:
        for name, data in asset_files(asset).items():
            draft.write(name, data)
        draft.write("report.json", json.dumps({"measures": {"triangles": 7}}).encode())
        write_manifest(draft, {"kiln": "0", "name": asset.name})
    return folder / asset.name


@pytest.mark.parametrize("ending", ["", ".zip"])
def test_everything_an_engine_needs_comes_back(tmp_path: Path, ending: str) -> None:
    folder, meant = _written(tmp_path), _asset()
    path = folder.with_name(folder.name + ending)
    assert is_package(path)
    opened = open_package(path)
    read = opened.asset
    assert read.name == "ball"
    assert meant.mesh is not None and read.mesh is not None
    for key in ("positions", "triangles", "normals", "tangents", "uvs"):
        np.testing.assert_array_equal(getattr(read.mesh, key), getattr(meant.mesh, key))
    np.testing.assert_array_equal(read.lods[0].positions, meant.lods[0].positions)
    assert [hull.positions.mean(0).round(4).tolist() for hull in read.hulls] == [[0, 0, 0], [2, 0, 0]]
    assert read.fits == meant.fits
    assert read.material is not None and meant.material is not None
    np.testing.assert_array_equal(read.material.base_color, meant.material.base_color)
    np.testing.assert_array_equal(read.material.orm, meant.material.orm)
    assert read.material.alpha_mode == "MASK"
    assert opened.measures == {"triangles": 7}
    assert opened.changed == ()


def test_a_texture_that_was_painted_over_is_taken_and_named(tmp_path: Path) -> None:
    folder = _written(tmp_path)
    other = asset_files(replace(_asset(), material=Material(base_color=np.full((8, 8, 4), 77, np.uint8), alpha_mode="MASK")))
    (folder / "textures" / "ball_base_color.png").write_bytes(other["textures/ball_base_color.png"])
    opened = open_package(folder)
    assert opened.changed == ("textures/ball_base_color.png",)
    assert opened.asset.material is not None and opened.asset.material.base_color is not None
    assert (opened.asset.material.base_color == 77).all()


def test_lods_keep_their_materials_numbers(tmp_path: Path) -> None:
    mesh = cube()
    two = replace(mesh, material_ids=(np.arange(mesh.triangle_count) % 2).astype(np.uint32))
    second = replace(mesh, material_ids=np.ones(mesh.triangle_count, np.uint32))
    asset = Asset(name="two", source=two, source_materials=(Material(name="a"), Material(name="b")), lods=(second,))
    read = open_package(_written(tmp_path, asset)).asset
    assert [material.name for material in read.source_materials] == ["a", "b"]
    assert read.material is None
    assert read.lods[0].material_ids is not None
    assert (read.lods[0].material_ids == 1).all()


@pytest.mark.parametrize(
    "damage, reason",
    [
        (lambda folder: (folder / "manifest.json").write_text("{}"), "no Kiln package"),
        (lambda folder: (folder / "manifest.json").write_text("["), "no Kiln package"),
        (lambda folder: (folder / "manifest.json").unlink(), "no manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text('{"kiln": NaN, "outputs": []}'), "no Kiln package"),
        (lambda folder: (folder / "ball.glb").unlink(), "has no ball.glb"),
        (lambda folder: (folder / "textures" / "ball_orm.png").unlink(), "material needs it"),
        (lambda folder: (folder / "ball.glb").write_bytes(b"glTF"), "ball.glb: .*cut short"),
        (
            lambda folder: (folder / "manifest.json").write_text(
                json.dumps({"kiln": "0", "name": "ball", "outputs": [{"name": "../secret", "sha256": ""}]})
            ),
            "outside its own folder",
        ),
    ],
)
def test_what_is_no_whole_package_is_refused(tmp_path: Path, damage: object, reason: str) -> None:
    folder = _written(tmp_path)
    (tmp_path / "secret").write_text("x")
    damage(folder)  # type: ignore[operator]
    with pytest.raises(ModelError, match=reason):
        open_package(folder)


def test_maps_to_which_no_file_refers_come_back_on_demand(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    extras = {
        "curvature": random.integers(0, 256, (8, 8), dtype=np.uint8),
        "position": random.integers(0, 65536, (8, 8, 3), dtype=np.uint16),
    }
    meant = _asset()
    assert meant.material is not None
    folder = _written(tmp_path, replace(meant, material=replace(meant.material, extras=extras)))
    plain, whole = open_package(folder).asset.material, open_package(folder, extras=True).asset.material
    assert plain is not None and whole is not None
    assert plain.extras == {}
    assert whole.extras.keys() == extras.keys()
    for name, pixels in extras.items():
        np.testing.assert_array_equal(whole.extras[name], pixels)
        assert whole.extras[name].dtype == pixels.dtype


def test_what_somebody_took_out_is_told_and_not_missed(tmp_path: Path) -> None:
    folder = _written(tmp_path)
    (folder / "ball_LOD1.glb").unlink()
    opened = open_package(folder)
    assert opened.gone == ("ball_LOD1.glb",)
    assert opened.asset.lods == ()


@pytest.mark.parametrize("report", ["{", "[1]", '{"measures": NaN}', '{"measures": {}, "steps": null}', '{"measures": 7}', "[" * 100_000])
def test_a_damaged_report_counts_as_none(tmp_path: Path, report: str) -> None:
    folder = _written(tmp_path)
    (folder / "report.json").write_text(report)
    opened = open_package(folder)
    assert opened.report == opened.measures == {}


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("a/readme.txt", "x")
        packed.writestr("b/readme.txt", "x")
    with zipfile.ZipFile(tmp_path / "up.zip", "w") as packed:
        packed.writestr("../manifest.json", "{}")
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04 nothing")
    for name, reason in (("a.zip", "one Kiln package"), ("up.zip", "inside a folder"), ("b.zip", "unpacked"), ("c.zip", "no file")):
        with pytest.raises(ModelError, match=reason):
            open_package(tmp_path / name)
