"""A run that is spared work gives the very bytes of one that is not, and whatever has a say in a result has one in its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kiln import make, process
from kiln.asset import Asset, Material, Mesh, Package, Report
from kiln.errors import ModelError
from kiln.formats.stl_write import write_stl
from kiln.pipeline import recall
from kiln.pipeline.cache import StageCache
from kiln.pipeline.recall import Recall
from kiln.pipeline.recipe import Recipe, RecipeStep, load_recipe
from kiln.pipeline.run import Event, Run
from kiln.stages import Context, Params, Stage
from kiln.stages.stage import stage
from shapes import cube, sphere, tetrahedron

calls: list[str] = []
"""Stages that worked, in their order."""


@pytest.fixture(autouse=True)
def everything_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    calls.clear()
    monkeypatch.setattr(recall, "_WORTH_KEEPING_S", 0.0)


class Size(Params):
    """One number."""

    size: float = 1.0


@stage(reads=("source",), writes=("mesh",))
def simplify(asset: Asset, params: Size, context: Context) -> Asset:
    """Take the source, larger."""
    calls.append("simplify")
    context.note(f"size {params.size}")
    context.measure(size=params.size)
    return replace(asset, mesh=asset.source.moved(scale=params.size))


@stage(reads=("mesh",), writes=("mesh", "material"))
def bake(asset: Asset, params: Size, context: Context) -> Asset:
    """Give it a material, and leave the mesh."""
    calls.append("bake")
    return replace(asset, material=Material(name=asset.name))


@stage(reads=("mesh",), writes=("lods",))
def unkept(asset: Asset, params: Size, context: Context) -> Asset:
    """What cannot be written as bytes."""
    calls.append("unkept")
    context.measures["odd"] = np.float64(1.0)
    return asset


@stage(reads=("mesh",), writes=("lods",), cached=False)
def quick(asset: Asset, params: Size, context: Context) -> Asset:
    """What is not to be kept."""
    calls.append("quick")
    return asset


@stage(reads=("source",))
def export(asset: Asset, params: Size, context: Context) -> Package:
    """Hand the asset back inside a report."""
    calls.append("export")
    made.append(asset)
    return Package(name=asset.name, folder=Path(), archive=None, files=(), report=Report(name="x", measures={}, steps=asset.history))


made: list[Asset] = []
"""What export was given."""


def run(cache: StageCache, *chosen: Stage, source: Mesh | None = None, **settings: Any) -> tuple[Package, list[Event]]:
    events: list[Event] = []
    params = {entry.name: Size(size=settings.get(entry.name, 1.0)) for entry in chosen}
    recipe = Recipe(name="test", summary="", steps=tuple(RecipeStep(stage=entry, params=params[entry.name]) for entry in chosen))
    asset = Asset(name=settings.get("name", "thing"), source=source or tetrahedron())
    package = Run(recipe=recipe, on_event=events.append, bench=Recall(cache)).from_asset(asset)
    return package, events


@pytest.fixture
def cache(tmp_path: Path) -> StageCache:
    return StageCache(tmp_path / "cache", limit_bytes=10**8)


def said_of_cache(events: Sequence[Event]) -> list[str]:
    return [note for event in events if event.stage == "cache" for note in event.notes]


def test_the_second_run_does_not_work_and_says_the_same(cache: StageCache) -> None:
    first, _ = run(cache, simplify, bake, export)
    second, events = run(cache, simplify, bake, export)
    assert calls == ["simplify", "bake", "export", "export"]
    assert first.report == second.report
    assert [event.words for event in events if event.state == "finished"] == ["from the cache", "from the cache", ""]
    one, other = made[-2:]
    assert one.mesh is not None and other.mesh is not None and one.material is not None and other.material is not None
    assert one.mesh.positions.tobytes() == other.mesh.positions.tobytes()
    assert other.material.name == "thing"


def test_only_what_changed_works_again(cache: StageCache) -> None:
    run(cache, simplify, bake, export)
    calls.clear()
    run(cache, simplify, bake, export, bake=2.0)
    assert calls == ["bake", "export"]
    calls.clear()
    run(cache, simplify, bake, export, simplify=2.0)
    assert calls == ["simplify", "bake", "export"]
    calls.clear()
    run(cache, simplify, bake, export, name="other")
    assert calls == ["simplify", "bake", "export"]
    calls.clear()
    run(cache, simplify, bake, export, source=cube())
    assert calls == ["simplify", "bake", "export"]


def test_equal_results_meet_again_however_they_came_about(cache: StageCache) -> None:
    """A digest is of content: the mesh that was scaled by two halves is the one that was left alone."""
    run(cache, simplify, bake, export, simplify=1.0)
    calls.clear()
    run(cache, simplify, bake, export, simplify=1.0000000001)  # the same in float32
    assert calls == ["simplify", "export"]


def test_only_what_a_stage_changed_is_kept(cache: StageCache) -> None:
    source = sphere(64, 128)
    run(cache, simplify, bake, export, source=source)
    sizes = sorted(file.stat().st_size for file in cache.folder.rglob("??/*"))
    assert sizes[0] < 2000 < source.positions.nbytes < sizes[1]


def test_what_is_not_to_be_kept_or_cannot_be_works_each_time(cache: StageCache) -> None:
    for _ in range(2):
        _, events = run(cache, simplify, unkept, export)
        assert "unkept was not kept" in said_of_cache(events)[0]
        run(cache, simplify, quick, export)
    assert calls.count("unkept") == calls.count("quick") == 2
    assert calls.count("simplify") == 1


def test_a_quick_stage_is_not_kept(cache: StageCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "_WORTH_KEEPING_S", 60.0)
    steps = (RecipeStep(stage=simplify, params=Size()), RecipeStep(stage=export, params=Size()))
    Run(recipe=Recipe(name="test", summary="", steps=steps), bench=Recall(cache)).from_asset(Asset(name="thing", source=cube()))
    assert cache.info().entries == 0


class Hasty(Size):
    """A stage that a clock may stop."""

    time_limit_s: float = 0.0


def test_what_a_clock_stopped_is_not_kept(cache: StageCache) -> None:
    for limit, entries in ((0.0, 0), (60.0, 1)):
        steps = (RecipeStep(stage=simplify, params=Hasty(time_limit_s=limit)), RecipeStep(stage=export, params=Size()))
        Run(recipe=Recipe(name="test", summary="", steps=steps), bench=Recall(cache)).from_asset(Asset(name="thing", source=cube()))
        assert cache.info().entries == entries


def test_a_damaged_entry_is_made_again_and_said(cache: StageCache) -> None:
    run(cache, simplify, export)
    (entry,) = cache.folder.rglob("??/*")
    whole = entry.read_bytes()
    for broken in (whole[:-1], b"", whole[: len(whole) // 2] + b"\xff" + whole[len(whole) // 2 + 1 :]):
        entry.write_bytes(broken)
        calls.clear()
        _, events = run(cache, simplify, export)
        assert calls == ["simplify", "export"]
        assert "damaged" in said_of_cache(events)[0]
        assert entry.read_bytes() == whole
    assert said_of_cache(run(cache, simplify, export)[1]) == []


def test_a_cache_that_cannot_write_is_said_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    _, events = run(StageCache(tmp_path / "file", limit_bytes=10**6), simplify, bake, export)
    assert calls == ["simplify", "bake", "export"]
    assert len(said_of_cache(events)) == 1
    assert "keeps nothing" in said_of_cache(events)[0]


def test_a_stage_that_fails_is_asked_again(cache: StageCache) -> None:
    @stage(reads=("source",), writes=("mesh",))
    def failing(asset: Asset, params: Size, context: Context) -> Asset:
        """Fail."""
        calls.append("failing")
        raise ModelError("broken: mend it")

    for _ in range(2):
        with pytest.raises(ModelError):
            run(cache, simplify, failing, export)
    assert calls.count("failing") == 2
    assert calls.count("simplify") == 1  # what was done before the failure is kept


def sha256(path: Path | None) -> str:
    assert path is not None
    return hashlib.sha256(path.read_bytes()).hexdigest()


SMALL: dict[str, dict[str, Any]] = {
    "simplify": {"triangles": 300},
    "unwrap": {"size": 256, "padding": 2},
    "bake": {"ao_rays": 1},
    "export": {"engine": (), "previews": False},
}


def test_a_package_from_the_cache_has_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.zeros((96, 96, 4), np.uint8)
    rows, columns = np.mgrid[:96, :96]
    inside = (rows - 48) ** 2 + 2 * (columns - 48) ** 2 < 40**2
    pixels[inside] = np.stack([rows, columns, rows ^ columns, 0 * rows + 255], -1)[inside]
    import cv2

    path = tmp_path / "egg.png"
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    monkeypatch.setenv("KILN_CACHE", str(tmp_path / "cache"))

    def packed(place: str, **changes: Any) -> tuple[str, set[str]]:
        """The zip's digest, and the stages that came from the cache."""
        spared: list[str] = []

        def listen(event: Event) -> None:
            spared.extend([event.stage] if event.words == "from the cache" else [])

        package = make(path, recipe="mobile", out=tmp_path / place, on_event=listen, **{**SMALL, **changes})
        return sha256(package.archive), set(spared)

    plain = packed("plain", cache=False)
    first, second = packed("first"), packed("second")
    assert first == plain == (second[0], set())
    assert second[1] == set(load_recipe("mobile").as_data()["stages"]) - {"place"}
    _, spared = packed("changed", simplify={"triangles": 280})
    assert {"cutout", "generate", "repair"} <= spared
    assert not {"simplify", "unwrap", "bake", "lods"} & spared


@pytest.mark.long
def test_a_model_from_the_cache_has_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its normals and rays are worked out for the unplaced source, and handed on: also when bake did not look at it."""
    path = tmp_path / "ball.stl"
    path.write_bytes(write_stl("ball", sphere(24, 48)))
    plain = process(path, recipe="mobile", out=tmp_path / "plain", place={"height": 1.7}, **SMALL)
    monkeypatch.setenv("KILN_CACHE", str(tmp_path / "cache"))
    for number in range(2):
        package = process(path, recipe="mobile", out=tmp_path / str(number), place={"height": 1.7}, **SMALL)
        assert sha256(package.archive) == sha256(plain.archive)
