"""The runner: side by side gives what one after the other gives; what is not declared is caught; stop means stop."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kiln.asset import Asset, Material, Package, Picture, Report, View
from kiln.errors import BackendError, Cancelled, PostconditionError, SetupError
from kiln.pipeline.recipe import Recipe, RecipeStep
from kiln.pipeline.run import Event, Run
from kiln.stages import Context, Params, Stage
from kiln.stages.stage import stage
from shapes import cube, tetrahedron


class NoParams(Params):
    """None."""


@stage(reads=("source",), writes=("mesh",))
def simplify(asset: Asset, params: NoParams, context: Context) -> Asset:
    """Take the source."""
    return replace(asset, mesh=asset.source)


@stage(reads=("mesh",), writes=("mesh", "uvs"))
def unwrap(asset: Asset, params: NoParams, context: Context) -> Asset:
    """Give it UVs."""
    assert asset.mesh is not None
    return replace(asset, mesh=replace(asset.mesh, uvs=np.zeros((asset.mesh.vertex_count, 2), np.float32)))


both_are_running = threading.Barrier(2, timeout=20)


@stage(reads=("uvs", "source"), writes=("material",))
def bake(asset: Asset, params: NoParams, context: Context) -> Asset:
    """Wait until the hulls are being made too."""
    assert asset.mesh is not None and asset.mesh.uvs is not None
    both_are_running.wait()
    context.note("baked")
    return replace(asset, material=Material(name="baked"))


@stage(reads=("mesh",), writes=("hulls",))
def collide(asset: Asset, params: NoParams, context: Context) -> Asset:
    """Wait until the maps are being made too."""
    both_are_running.wait()
    context.note("hulled")
    return replace(asset, hulls=(cube(),))


@stage(reads=("mesh", "hulls", "material"), writes=("mesh", "hulls"))
def place(asset: Asset, params: NoParams, context: Context) -> Asset:
    """Needs everything."""
    assert asset.hulls and asset.material and asset.mesh
    return replace(asset, mesh=asset.mesh.moved(scale=2.0), hulls=tuple(hull.moved(scale=2.0) for hull in asset.hulls))


@stage(reads=("mesh",))
def export(asset: Asset, params: NoParams, context: Context) -> Package:
    """Hand the asset back inside a report."""
    report = Report(
        name=asset.name, measures={"hulls": len(asset.hulls), "width": float(asset.hulls[0].bounds[1][0]) if asset.hulls else 0}
    )
    return Package(name=asset.name, folder=Path(), archive=None, files=(), report=replace(report, steps=asset.history))


def run(*stages: Stage, **settings: object) -> Package:
    steps = tuple(RecipeStep(stage=entry, params=NoParams()) for entry in stages)
    return Run(recipe=Recipe(name="test", summary="", steps=steps), **settings).from_asset(Asset(name="thing", source=tetrahedron()))


def test_independent_stages_overlap_and_later_ones_see_both() -> None:
    events: list[Event] = []
    package = run(simplify, unwrap, bake, collide, place, export, on_event=events.append)
    assert package.report.measures == {"hulls": 1, "width": 1.0}
    assert [step.stage for step in package.report.steps] == ["simplify", "unwrap", "bake", "collide", "place"]
    assert [step.notes for step in package.report.steps] == [(), (), ("baked",), ("hulled",), ()]
    for name in ("simplify", "unwrap", "bake", "collide", "place", "export"):
        assert [e.state for e in events if e.stage == name and e.state != "progress"] == ["started", "finished"]


def test_a_stage_sees_what_was_there_at_its_place() -> None:
    seen: list[int] = []

    @stage(reads=("mesh",), writes=("hulls",))
    def collide(asset: Asset, params: NoParams, context: Context) -> Asset:
        """Record the mesh."""
        assert asset.mesh is not None
        seen.append(asset.mesh.triangle_count)
        return replace(asset, hulls=(cube(),))

    @stage(reads=("source",), writes=("mesh",))
    def unwrap(asset: Asset, params: NoParams, context: Context) -> Asset:
        """Replace the mesh."""
        return replace(asset, mesh=cube())

    run(simplify, collide, unwrap, export)
    run(simplify, unwrap, collide, export)
    assert seen == [4, 12]


def test_writing_what_is_not_declared_is_caught() -> None:
    @stage(reads=("mesh",), writes=("hulls",))
    def collide(asset: Asset, params: NoParams, context: Context) -> Asset:
        """Cheat."""
        return replace(asset, name="stolen")

    with pytest.raises(PostconditionError, match="collide changed 'name' without declaring it"):
        run(simplify, collide, export)


@pytest.mark.parametrize(
    ("raised", "expected", "message"),
    [
        (BackendError("the model fell over"), BackendError, "the model fell over"),
        (MemoryError(), SetupError, "ran out of memory: ask for smaller maps"),
        (KeyboardInterrupt(), Cancelled, "nothing was written"),
        (ZeroDivisionError("oops"), ZeroDivisionError, "oops"),
    ],
)
def test_errors_come_through_and_others_are_stopped(raised: BaseException, expected: type[BaseException], message: str) -> None:
    failed: list[Event] = []

    @stage(reads=("mesh",), writes=("hulls",))
    def collide(asset: Asset, params: NoParams, context: Context) -> Asset:
        """Fail."""
        raise raised

    with pytest.raises(expected, match=message):
        run(simplify, collide, export, on_event=lambda e: failed.append(e) if e.state == "failed" else None)
    assert [event.stage for event in failed] == ["collide"]


def test_stop_means_stop() -> None:
    stop = threading.Event()

    @stage(reads=("source",), writes=("mesh",))
    def simplify(asset: Asset, params: NoParams, context: Context) -> Asset:
        """Somebody presses Ctrl-C meanwhile."""
        stop.set()
        context.progress(0.5)
        raise AssertionError("not reached")

    with pytest.raises(Cancelled, match="nothing was written"):
        run(simplify, export, cancelled=stop)


def test_what_several_pictures_said_stands_in_their_order_whichever_was_done_first() -> None:
    back_is_done = threading.Event()

    @stage()
    def cutout(picture: Picture, params: NoParams, context: Context) -> Picture:
        """The front is slow."""
        if picture.view == "front":
            back_is_done.wait(20)
        context.note("cut")
        context.measure(coverage=0.5)
        if picture.view == "back":
            back_is_done.set()
        return picture

    @stage(writes=("source",))
    def generate(pictures: tuple[Picture, ...], params: NoParams, context: Context) -> Asset:
        """A tetrahedron."""
        return Asset(name="thing", source=tetrahedron())

    steps = tuple(RecipeStep(stage=entry, params=NoParams()) for entry in (cutout, generate, simplify, export))
    views: tuple[View, ...] = ("front", "back")
    pictures = [Picture(pixels=np.zeros((2, 2, 4), np.uint8), name="thing", view=view) for view in views]
    package = Run(recipe=Recipe(name="test", summary="", steps=steps)).from_pictures(pictures, notes=["turned upright"])
    assert [step.stage for step in package.report.steps] == ["read", "cutout", "generate", "simplify"]
    assert package.report.steps[0].notes == ("turned upright",)
    assert package.report.steps[1].notes == ("front: cut", "back: cut")
    assert package.report.steps[1].measures == {"front_coverage": 0.5, "back_coverage": 0.5}
