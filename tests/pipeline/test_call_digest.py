"""Whatever has a say in a stage's result has one in its digest."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from kiln import stages
from kiln.asset import Asset, Picture, Projection
from kiln.backends import registry
from kiln.pipeline import call_digest as call_digest_module
from kiln.pipeline.call_digest import FIELDS, call_digest, code_digest, made_with
from kiln.pipeline.plan import touched
from kiln.pipeline.recipe import RecipeStep
from kiln.stages.stage import Context, Params, stage
from shapes import cube


def picture_step(**params: Any) -> RecipeStep:
    return RecipeStep(stage=stages.cutout, params=stages.cutout.params.model_validate(params))


def picture() -> Picture:
    return Picture(pixels=np.full((8, 8, 4), 7, np.uint8), name="p")


def test_the_content_of_named_files_counts_and_not_where_they_lie(tmp_path: Path) -> None:
    masks = [tmp_path / name for name in ("a.png", "b.png")]
    for mask in masks:
        mask.write_bytes(b"one")
    before, elsewhere = (call_digest(picture_step(mask=str(mask)), picture()) for mask in masks)
    assert before == elsewhere
    masks[0].write_bytes(b"two")
    changed = call_digest(picture_step(mask=str(masks[0])), picture())
    missing = call_digest(picture_step(mask=str(tmp_path / "missing")), picture())
    none = call_digest(picture_step(), picture())
    other = call_digest(picture_step(scribble=str(masks[1])), picture())
    assert len({before, changed, missing, none, other}) == 5


def test_every_parameter_that_names_a_file_is_declared() -> None:
    for name, entry in stages.STAGES.items():
        if name != "export":
            paths = {key for key, field in entry.params.model_fields.items() if "file" in (field.description or "").split()}
            assert paths == entry.files, name


@pytest.mark.parametrize("change", [{"pixels": np.zeros((8, 8, 4), np.uint8)}, {"name": "q"}, {"view": "back"}, {"has_matte": True}])
def test_all_of_a_picture_counts(change: dict[str, Any]) -> None:
    assert call_digest(picture_step(), replace(picture(), **change)) != call_digest(picture_step(), picture())


def test_the_backend_its_version_its_options_and_its_code_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def step(**params: Any) -> RecipeStep:
        return RecipeStep(stage=stages.generate, params=stages.generate.params.model_validate({"backend": "fake", **params}))

    pictures = (picture(),)
    card = registry.find("generator", "fake")
    before = call_digest(step(), pictures)
    assert call_digest(step(subdivisions=9), pictures) != before
    monkeypatch.setattr(registry, "find", lambda role, name: replace(card, version="other"))
    assert call_digest(step(), pictures) != before
    (tmp_path / "plugin").mkdir()
    code = tmp_path / "plugin" / "__init__.py"
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "find", lambda role, name: replace(card, implementation="plugin.deep:Maker"))
    found = set()
    for text in ("one = 1\n", "two = 22\n"):
        code.write_text(text)
        call_digest_module._plugin_code.cache_clear()
        found.add(call_digest(step(), pictures))
    assert len(found | {before}) == 3


def test_kilns_code_and_every_library_count(tmp_path: Path) -> None:
    told = made_with()
    assert {"kiln", "python", "machine", "numpy", "embreex", "numba", "pynanoinstantmeshes"} <= told.keys()
    assert "pytest" not in told
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "a.py").write_text("1")
    before = code_digest(tmp_path / "room")
    (tmp_path / "room" / "a.py").rename(tmp_path / "room" / "b.py")
    renamed = code_digest(tmp_path / "room")
    (tmp_path / "room" / "b.py").write_text("2")
    assert len({before, renamed, code_digest(tmp_path / "room")}) == 3


def test_of_a_stage_that_is_written_elsewhere_its_own_code_and_the_pipelines_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    @stage()
    def deliver(asset: Asset, params: Params, context: Context) -> Asset:
        """Do what a service needs."""
        return asset

    def digest() -> str:
        call_digest_module._own_code.cache_clear()
        return call_digest(RecipeStep(stage=deliver, params=Params()), Asset(name="a", source=cube()))

    (tmp_path / "pipeline").mkdir()
    before = digest()
    monkeypatch.setattr(call_digest_module, "_HOUSE", tmp_path)
    empty = digest()
    (tmp_path / "pipeline" / "run.py").write_text("1")
    filled = digest()
    own = tmp_path / "own.py"
    own.write_text("1")
    monkeypatch.setattr(sys.modules[__name__], "__file__", str(own))
    moved = digest()
    own.write_text("2")
    assert len({before, empty, filled, moved, digest()}) == 5
    call_digest_module._own_code.cache_clear()


NEUTRAL = {"errors", "settings", "isolate", "version"}
"""What is said, how many threads say it; isolate counts always, and so does the version."""


@pytest.mark.parametrize("exports", [False, True])
def test_stages_lean_on_no_code_that_does_not_count(exports: bool) -> None:
    house = Path(call_digest_module.__file__).parents[1]
    rooms = call_digest_module._ROOMS + (call_digest_module._EXPORT_ROOMS if exports else ())
    for file in (file for room in rooms for file in (house / room).rglob("*.py")):
        if exports or file != house / "stages" / "export.py":
            nodes = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
            used = {node.module.split(".")[1] for node in nodes if node.module and node.module.startswith("kiln.")}
            assert used <= {*rooms, *NEUTRAL}, file


class Watched(Asset):
    """An asset that remembers which of its fields were looked at, but for copies by dataclasses.replace."""

    seen: ClassVar[set[str]] = set()

    def __getattribute__(self, name: str) -> Any:
        if name in FIELDS and sys._getframe(1).f_globals["__name__"] != "dataclasses":
            Watched.seen.add(name)
        return super().__getattribute__(name)


def whole_asset() -> Asset:
    """An unwrapped, baked asset with pictures' weights, small."""
    source = replace(cube(), seen=np.linspace(0, 1, 8, dtype=np.float32))
    pixels = np.full((8, 8, 4), 90, np.uint8)
    painted = Projection(pixels=pixels, uvs=np.full((8, 2), 0.5, np.float32), weights=np.ones(8, np.float32))
    asset = Asset(name="thing", source=replace(source, projections=(painted,)), mesh=source, hulls=(cube(),), pictures=(picture(),))
    unwrapped = stages.unwrap(asset, size=256, padding=2)
    return stages.bake(unwrapped, ao=False)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("repair", {}),
        ("simplify", {}),
        ("symmetrize", {"symmetry": "x"}),
        ("unwrap", {"size": 256, "padding": 2}),
        ("bake", {"ao": False}),
        ("delight", {"delight": 0.5}),
        ("inpaint", {"inpaint": "diffuse"}),
        ("lods", {}),
        ("collide", {}),
    ],
)
def test_a_stage_looks_at_nothing_that_its_digest_leaves_out(name: str, params: dict[str, Any]) -> None:
    asset = whole_asset()
    watched = Watched(**{key: getattr(asset, key) for key in FIELDS})
    Watched.seen.clear()
    stages.STAGES[name](watched, **params)
    assert Watched.seen <= touched(stages.STAGES[name]) | {"name"}
