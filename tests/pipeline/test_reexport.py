"""`kiln export`: finished packages and models go to engines as they are."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kiln
from kiln.errors import Cancelled, InputError, ModelError, RecipeError
from kiln.formats.gltf_write import Part, write_glb
from kiln.formats.model import read_model
from shapes import sphere


@pytest.fixture(scope="module")
def ball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small package, made from a mesh."""
    folder = tmp_path_factory.mktemp("ball")
    (folder / "ball.glb").write_bytes(write_glb([Part(name="ball", mesh=sphere(40, 80))]))
    small = {"simplify": {"triangles": 300}, "unwrap": {"size": 256, "padding": 2}}
    return kiln.process(folder / "ball.glb", out=folder / "out", contract="none", export={"engine": ("portable",)}, **small).folder


def read_picture(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture).astype(int)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_package_gets_more_engines_and_nothing_else_changes(ball: Path, tmp_path: Path) -> None:
    before = _bytes(ball)
    package = kiln.export(ball, engine=["godot", "unity"], out=tmp_path)
    after = _bytes(package.folder)
    added = {name for name in after if name.startswith(("godot/", "unity/"))}
    assert added and set(after) == set(before) | added
    assert {name for name in before if after[name] != before[name]} == {"manifest.json", "report.json"}
    assert set(package.engine_archives) == {"godot", "unity"}
    told = {entry["name"] for entry in json.loads(after["manifest.json"])["outputs"]}
    assert told | {"manifest.json"} == set(after)
    assert [step["stage"] for step in json.loads(after["report.json"])["steps"]][-2:] == ["export", "export"]


def test_from_the_zip_and_from_the_folder_come_the_same_bytes(ball: Path, tmp_path: Path) -> None:
    one = kiln.export(ball, engine=["unreal"], out=tmp_path / "one")
    two = kiln.export(ball.with_name("ball.zip"), engine=["unreal"], out=tmp_path / "two")
    assert _bytes(one.folder) == _bytes(two.folder)
    assert one.archive is not None and two.archive is not None
    assert one.archive.read_bytes() == two.archive.read_bytes()


def test_what_make_writes_for_an_engine_is_what_export_writes_later(ball: Path, tmp_path: Path) -> None:
    later = kiln.export(ball, engine=["portable"], out=tmp_path)
    assert (later.folder / "portable" / "ball.glb").read_bytes() == (ball / "portable" / "ball.glb").read_bytes()
    assert (later.folder / "portable" / "ball.glb").read_bytes() == (ball / "ball.glb").read_bytes()


def test_an_engine_s_zip_holds_its_folder_alone(ball: Path, tmp_path: Path) -> None:
    import zipfile

    package = kiln.export(ball, engine=["unity"], out=tmp_path)
    with zipfile.ZipFile(package.engine_archives["unity"]) as packed:
        held = {name.removeprefix("ball/"): packed.read(name) for name in packed.namelist()}
    assert held == _bytes(package.folder / "unity")


def test_further_formats_lie_beside_the_model(ball: Path, tmp_path: Path) -> None:
    package = kiln.export(ball, engine=[], formats=("obj", "stl", "gltf"), out=tmp_path)
    meant = read_model(package.model).mesh
    assert read_model(package.folder / "ball.gltf").mesh.triangle_count == meant.triangle_count
    obj = read_model(package.folder / "ball.obj")
    np.testing.assert_allclose(sorted(obj.mesh.bounds[1]), sorted(meant.bounds[1]), atol=1e-6)
    assert obj.materials[0].base_color is not None
    assert package.engine_archives == {}


def test_textures_of_ones_own_packing(ball: Path, tmp_path: Path) -> None:
    package = kiln.export(ball, engine=[], pack={"Mask": "R=metallic G=occlusion B=1 A=1-roughness"}, out=tmp_path)
    packed = read_picture(package.folder / "textures" / "ball_Mask.png")
    orm = read_picture(package.folder / "textures" / "ball_orm.png")
    np.testing.assert_array_equal(packed[..., [0, 1]], orm[..., [2, 0]])
    assert (packed[..., 2] == 255).all()
    np.testing.assert_array_equal(packed[..., 3], 255 - orm[..., 1])
    with pytest.raises(RecipeError, match="no source"):
        kiln.export(ball, pack={"Mask": "R=what?"}, out=tmp_path)
    with pytest.raises(RecipeError, match="must differ"):
        kiln.export(ball, pack={"Mask": "R=1", "mask": "R=0"}, out=tmp_path)
    with pytest.raises(RecipeError, match="another name than ORM"):
        kiln.export(ball, pack={"ORM": "R=1"}, out=tmp_path)


def test_a_map_that_no_model_refers_to_can_be_packed_later(ball: Path, tmp_path: Path) -> None:
    first = kiln.export(ball, engine=[], pack={"Gloss": "R=1-roughness"}, out=tmp_path)
    again = kiln.export(first.folder, engine=[], pack={"Both": "R=Gloss G=metallic B=0"})
    packed = read_picture(again.folder / "textures" / "ball_Both.png")
    np.testing.assert_array_equal(packed[..., 0], read_picture(first.folder / "textures" / "ball_Gloss.png"))


def test_an_engine_s_folder_that_was_deleted_stays_away_and_comes_back_on_demand(ball: Path, tmp_path: Path) -> None:
    import shutil

    whole = kiln.export(ball, engine=["godot", "portable"], out=tmp_path).folder
    before = _bytes(whole)
    shutil.rmtree(whole / "godot")
    without = kiln.export(whole, engine=["portable"])
    assert set(_bytes(whole)) == {name for name in before if not name.startswith("godot/")}
    assert "godot/ball.glb was taken out of the package, and stays out" in without.report.steps[-1].notes
    kiln.export(whole, engine=["godot"])
    assert _bytes(whole)["godot/ball.glb"] == before["godot/ball.glb"]


def test_a_model_goes_as_it_is(tmp_path: Path) -> None:
    mesh = sphere(10, 20)
    (tmp_path / "my ball.glb").write_bytes(write_glb([Part(name="x", mesh=mesh)]))
    package = kiln.export(tmp_path / "my ball.glb", engine=["portable"], out=tmp_path / "out")
    assert package.name == "my_ball"
    np.testing.assert_array_equal(read_model(package.folder / "portable" / "my_ball.glb").mesh.positions, mesh.positions)


def test_a_refusal_leaves_the_package_as_it_was(ball: Path) -> None:
    before = _bytes(ball.parent)
    with pytest.raises(InputError, match="keeps its name"):
        kiln.export(ball, engine=["unity"], name="other")
    with pytest.raises(RecipeError, match="engine"):
        kiln.export(ball, engine=["quake"])
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        kiln.export(ball, engine=["unity"], cancelled=stop)
    with pytest.raises(ModelError, match="name a package"):
        kiln.export(ball.parent, engine=["unity"])
    assert _bytes(ball.parent) == before


def test_progress_is_told(ball: Path, tmp_path: Path) -> None:
    events: list[kiln.pipeline.run.Event] = []
    kiln.export(ball, engine=["portable"], out=tmp_path, on_event=events.append)
    assert events[0].state == "started"
    assert events[-1].state == "finished"
    assert [event.words for event in events if event.state == "progress"] == ["package", "engines", "package"]
