from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kiln.asset import Asset, FileRecord, Line, Material, Mesh, Package, Step, Value, Verdict
from kiln.errors import Cancelled, PostconditionError, SetupError
from kiln.formats.model import read_model
from kiln.geometry.normals import smooth_normals
from kiln.proof.measure import Evidence
from kiln.stages import Context
from kiln.stages.export import ExportParams, export
from oracles import khronos
from shapes import cube, sphere


@pytest.fixture(autouse=True)
def _few_views(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is seen from around is tested in test_views; here two views are enough."""
    monkeypatch.setattr("kiln.proof.views.DIRECTIONS", ((45.0, 35.0), (225.0, 35.0)))


def _unwrapped(rings: int) -> Mesh:
    ball = sphere(rings, 2 * rings)
    x, y, z = ball.positions.T
    uvs = np.stack([np.arctan2(x, z) / (2 * np.pi) + 0.5, np.arccos(np.clip(y, -1, 1)) / np.pi], 1).astype(np.float32)
    return replace(ball, uvs=uvs, normals=smooth_normals(ball))


def _asset() -> Asset:
    random = np.random.default_rng(0)
    material = Material(
        name="ball",
        base_color=random.integers(0, 256, (64, 64, 4), dtype=np.uint8),
        normal=np.full((64, 64, 3), (128, 128, 255), np.uint8),
        orm=random.integers(0, 256, (64, 64, 3), dtype=np.uint8),
        guessed=random.integers(0, 256, (64, 64), dtype=np.uint8),
    )
    return Asset(
        name="Bäll",
        source=sphere(16, 32),
        mesh=_unwrapped(8),
        material=material,
        lods=(_unwrapped(6), _unwrapped(4)),
        hulls=(cube(), cube(0.5)),
        inputs=(FileRecord(name="ball.png", sha256="00", size=7),),
        history=(Step(stage="generate", params={"backend": "fake"}, notes=("made a ball",)),),
    )


def _export(folder: Path, **params: object) -> Package:
    context = Context(recipe={"name": "prop", "stages": ["export"], "export": {"out": str(folder), "previews": False}})
    return export(_asset(), ExportParams(out=folder, **{"engine": (), **params}), context)


LAYOUT = [
    "Ball.glb",
    "Ball_LOD1.glb",
    "Ball_LOD2.glb",
    "collision/Ball_hulls.glb",
    "manifest.json",
    "report.json",
    "textures/Ball_base_color.png",
    "textures/Ball_guessed.png",
    "textures/Ball_normal.png",
    "textures/Ball_orm.png",
]


def test_package_holds_what_the_layout_says_and_khronos_has_nothing_to_object(tmp_path: Path) -> None:
    package = _export(tmp_path, previews=False)
    assert list(package.files) == LAYOUT
    assert package.model.is_file()
    models = [package.folder / name for name in LAYOUT if name.endswith(".glb")]
    for model, found in zip(models, khronos(*models), strict=True):
        assert (found["errors"], found["warnings"]) == (0, 0), (model.name, found["messages"])


def test_lods_share_the_textures_files_and_the_model_embeds_the_same_bytes(tmp_path: Path) -> None:
    folder = _export(tmp_path, previews=False).folder
    texture = (folder / "textures" / "Ball_normal.png").read_bytes()
    assert texture in (folder / "Ball.glb").read_bytes()
    lod = read_model(folder / "Ball_LOD1.glb")
    assert np.array_equal(lod.materials[0].base_color[..., :3], _asset().material.base_color[..., :3])
    assert lod.mesh.tangents is not None
    assert (folder / "Ball_LOD1.glb").stat().st_size < 20_000


def test_hulls_are_named_nodes(tmp_path: Path) -> None:
    data = (_export(tmp_path, previews=False).folder / "collision" / "Ball_hulls.glb").read_bytes()
    document = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    assert [node["name"] for node in document["nodes"]] == ["Ball_hull_00", "Ball_hull_01"]


def test_manifest_tells_inputs_outputs_recipe_versions_and_licences_but_no_paths(tmp_path: Path) -> None:
    folder = _export(tmp_path, previews=False).folder
    text = (folder / "manifest.json").read_text()
    manifest = json.loads(text)
    assert str(tmp_path) not in text
    assert manifest["inputs"] == [{"name": "ball.png", "sha256": "00", "size": 7}]
    assert [file["name"] for file in manifest["outputs"]] == [name for name in LAYOUT if name != "manifest.json"]
    for file in manifest["outputs"]:
        assert file["sha256"] == hashlib.sha256((folder / file["name"]).read_bytes()).hexdigest()
    assert manifest["recipe"] == {"name": "prop", "stages": ["export"], "export": {"previews": False}}
    assert manifest["versions"]["numpy"] == np.__version__
    assert manifest["licences"]["Kiln"] == "Apache-2.0"


def test_report_is_measured_and_keeps_what_stages_said(tmp_path: Path) -> None:
    package = _export(tmp_path, previews=False)
    report = json.loads((package.folder / "report.json").read_text())
    assert report["measures"]["triangles"] == 8 * 16 * 2 - 2 * 16
    assert report["measures"]["lods"] == 3
    assert report["measures"]["hulls"] == 2
    assert report["measures"]["file_bytes"] == package.model.stat().st_size
    assert [step["stage"] for step in report["steps"]] == ["generate", "export"]
    assert report["steps"][0]["notes"] == ["made a ball"]


def test_same_asset_gives_same_bytes(tmp_path: Path) -> None:
    one, two = _export(tmp_path / "one", previews=False), _export(tmp_path / "two", previews=False)
    assert one.archive.read_bytes() == two.archive.read_bytes()
    with zipfile.ZipFile(one.archive) as packed:
        assert packed.namelist() == [f"Ball/{name}" for name in LAYOUT]


def test_previews_and_report_page(tmp_path: Path) -> None:
    package = _export(tmp_path, archive=False, formats=("glb", "gltf"), source=True, name="my ball")
    added = {
        "report.html",
        "previews/contact_sheet.png",
        "previews/maps.png",
        "previews/fidelity.png",
        "source/my_ball_source.glb",
        "my_ball.gltf",
        "my_ball.bin",
    }
    assert added < set(package.files)
    assert package.archive is None
    assert "made a ball" in (package.folder / "report.html").read_text()
    assert read_model(package.folder / "my_ball.gltf").materials[0].orm is not None
    assert np.array_equal(read_model(package.folder / "source" / "my_ball_source.glb").mesh.positions, _asset().source.positions)


def test_bare_source_without_maps_can_be_exported(tmp_path: Path) -> None:
    package = export(Asset(name="a", source=cube()), out=tmp_path, previews=False, engine=())
    assert list(package.files) == ["a.glb", "manifest.json", "report.json"]
    assert read_model(package.model).mesh.normals is not None


def test_nothing_is_left_after_cancelling_or_a_failed_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(share: float, words: str) -> None:
        if share > 0.3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        export(_asset(), ExportParams(out=tmp_path / "out", previews=False), Context(on_progress=stop))
    wrong = Evidence(measures={"triangles": 3, "file_bytes": 1}, mesh=cube(), materials=())
    monkeypatch.setattr("kiln.proof.measure.measure_package", lambda folder, asset: wrong)
    with pytest.raises(PostconditionError, match="3 triangles instead of"):
        _export(tmp_path / "out", previews=False)
    assert list(tmp_path.iterdir()) == []


def _judging(*, limit: int) -> Context:
    def judge(measures: Mapping[str, Value]) -> Verdict:
        value = measures["triangles"]
        return Verdict(contract="tiny", lines=(Line(key="triangles", limit=f"<= {limit}", value=value, passed=value <= limit),))

    return Context(judge=judge)


def test_a_kept_contract_is_in_the_report(tmp_path: Path) -> None:
    package = export(_asset(), ExportParams(out=tmp_path, previews=False), _judging(limit=1000))
    found = json.loads((package.folder / "report.json").read_text())
    assert found["passed"] is True
    assert found["contract"]["lines"][0]["key"] == "triangles"
    assert package.report.contract.passed


def test_a_broken_contract_is_in_the_report_when_the_judge_lets_it_pass(tmp_path: Path) -> None:
    package = export(_asset(), ExportParams(out=tmp_path, previews=False), _judging(limit=100))
    assert json.loads((package.folder / "report.json").read_text())["passed"] is False
    assert [line.key for line in package.report.contract.broken] == ["triangles"]


def test_a_judge_that_wants_another_attempt_leaves_nothing(tmp_path: Path) -> None:
    def judge(measures: Mapping[str, Value]) -> Verdict:
        raise LookupError(measures["triangles"])

    with pytest.raises(LookupError):
        export(_asset(), ExportParams(out=tmp_path / "out", previews=False), Context(judge=judge))
    assert list(tmp_path.iterdir()) == []


def test_output_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(SetupError, match="is a file"):
        _export(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "a file"


def test_each_engine_has_a_folder_a_zip_and_a_place_in_the_manifest(tmp_path: Path) -> None:
    package = _export(tmp_path, previews=False, engine=("unreal", "godot"))
    added = set(package.files) - set(LAYOUT)
    assert {name.split("/")[0] for name in added} == {"unreal", "godot"}
    assert {"unreal/SM_Ball.fbx", "unreal/import_Ball.py", "godot/Ball.glb"} <= added
    told = json.loads((package.folder / "manifest.json").read_text())["outputs"]
    assert added < {entry["name"] for entry in told}
    for engine, archive in package.engine_archives.items():
        with zipfile.ZipFile(archive) as packed:
            assert {f"{engine}/{name.removeprefix('Ball/')}" for name in packed.namelist()} == {
                name for name in added if name.startswith(engine)
            }


def test_an_engine_is_told_the_switch_sizes_that_were_measured(tmp_path: Path) -> None:
    package = _export(tmp_path, previews=False, engine=("unreal",))
    script = (package.folder / "unreal" / "import_Ball.py").read_text()
    assert f"{package.report.measures['lod1_unreal_screen_size']:.4f}"[:5] in script
