"""Small stages for tests of the workbench, and a lane that needs no process: what a lane's child does, in this one."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from kiln.asset import Asset, Material, Package, Report
from kiln.errors import BackendError
from kiln.formats.package import archive_of, new_package, write_manifest
from kiln.jobs.executors.codec import Made
from kiln.jobs.executors.interface import Progress, StageCall, StageResult
from kiln.jobs.executors.terms import FELL_SHORT, FellShort, judge_of
from kiln.jobs.stored import lane_stages
from kiln.jobs.stored.store_codec import StoreCodec
from kiln.pipeline.ladder import Terms, read_terms
from kiln.pipeline.recipe import Recipe, RecipeStep
from kiln.stages.stage import Context, Params, Stage, stage

worked: list[str] = []
"""Stages that worked in this process, in their order."""


class Size(Params):
    """One number."""

    size: float = 1.0


class Out(Params):
    """Where to, and one number."""

    out: Path = Path("out")
    size: float = 1.0
    allow_failing: bool = False


@stage(reads=("source",), writes=("mesh",))
def grow(asset: Asset, params: Size, context: Context) -> Asset:
    """Take the source, larger."""
    worked.append("grow")
    context.progress(0.5, "growing")
    context.note(f"size {params.size}")
    context.measure(size=params.size, at=0.5)
    return replace(asset, mesh=asset.source.moved(scale=params.size))


@stage(reads=("mesh",), writes=("mesh", "material", "lods"))
def paint(asset: Asset, params: Size, context: Context) -> Asset:
    """Give it a material and a LOD, and leave the mesh."""
    worked.append("paint")
    assert asset.mesh is not None
    assert asset.source.vertex_count == 0 or threading.current_thread().name == "paint"  # a lane shows a stage what it reads
    return replace(asset, material=Material(name=asset.name), lods=(asset.mesh,) if params.size > 0 else ())


@stage(reads=("source",), writes=("source", "mesh"), cached=False)
def shift(asset: Asset, params: Size, context: Context) -> Asset:
    """Move everything that is there."""
    worked.append("shift")
    context.note("shifted")
    return replace(asset, source=asset.source.moved(scale=params.size), mesh=asset.mesh and asset.mesh.moved(scale=params.size))


@stage(reads=("source",))
def wrap(asset: Asset, params: Out, context: Context) -> Package:
    """Write down what is there."""
    worked.append("wrap")
    target = params.out / asset.name
    with new_package(target, archives=("",)) as draft:
        draft.write("deep/mesh.bin", b"".join(part.positions.tobytes() for part in (asset.source, asset.mesh, *asset.lods) if part))
        assert asset.mesh is not None
        measures = {"triangles": asset.mesh.triangle_count, "height_m": float(asset.mesh.bounds[1][1])}
        verdict = None if context.judge is None else context.judge(measures)
        draft.write("history.json", json.dumps([[step.stage, step.notes, dict(step.measures)] for step in asset.history]).encode())
        draft.write("verdict.txt", repr(verdict).encode())
        write_manifest(draft, {"kiln": "test", "recipe": context.recipe and context.recipe["name"]})
        report = Report(name=asset.name, measures=measures, steps=asset.history, contract=verdict)
    names = tuple(file.name for file in draft.files)
    return Package(name=asset.name, folder=target, archive=archive_of(target), files=names, report=report)


@stage(reads=("source",), writes=("mesh",))
def faint(asset: Asset, params: Size, context: Context) -> Asset:
    """Fail when it is first asked."""
    worked.append("faint")
    if worked.count("faint") == 1:
        raise BackendError("not today")
    return replace(asset, mesh=asset.source)


_STAGES = {entry.name: entry for entry in (grow, paint, shift, wrap, faint)}


def find(name: str) -> Stage:
    return _STAGES[name] if name in _STAGES else lane_stages.find(name)


def a_recipe(*chosen: Stage, contract: dict[str, Any] | None = None, **sizes: float) -> Recipe:
    steps = tuple(RecipeStep(stage=entry, params=entry.params.model_validate({"size": sizes.get(entry.name, 1.0)})) for entry in chosen)
    terms: Terms | None = None if contract is None else read_terms("test", contract)
    return Recipe(name="test", summary="", steps=steps, terms=terms)


class InlineLane:
    """Runs calls here, one at a time, as a lane's child does; equal ids are the same work, as for the engine."""

    def __init__(self, url: str, *, name: str = "cpu0") -> None:
        self._codec = StoreCodec(url=url, stages="workbench_stages:find", memory_bytes=0)
        self._turn = threading.Lock()
        self.name = name
        self.calls: list[StageCall] = []
        self._results: dict[str, StageResult] = {}
        self.before: Callable[[StageCall], None] = lambda call: None
        """Called when a call begins; may raise."""

    def __call__(
        self, call: StageCall, *, workflow_id: str, on_progress: Callable[[Progress], None], cancel: Callable[[], bool]
    ) -> StageResult:
        call = StageCall.model_validate_json(call.model_dump_json())  # it crosses a pipe
        with self._turn:
            if workflow_id not in self._results:
                self.calls.append(call)
                self.before(call)
                self._results[workflow_id] = self._run(call, on_progress, cancel)
            return self._results[workflow_id]

    def _run(self, call: StageCall, on_progress: Callable[[Progress], None], cancel: Callable[[], bool]) -> StageResult:
        def tell(kind: Any, **data: Any) -> None:
            on_progress(Progress(kind=kind, at_ms=time.monotonic() * 1e3, **data))

        known = find(call.stage)
        context = Context(
            on_progress=lambda share, words: tell("progress", share=share, words=words),
            is_stopped=cancel,
            recipe=call.recipe,
            judge=judge_of(call),
        )
        with self._codec.laying_out(call) as files, self._codec.reading(call, known) as given:
            params = known.params.model_validate({**call.params, **files})
            began = time.monotonic()
            tell("started", lane=self.name)
            try:
                result = known.function(given, params, context)
            except FellShort as short:
                made = Made(outputs={}, values={FELL_SHORT: dict(short.measures)})
            else:
                made = self._codec.write(result, given=given, call=call, stage=known)
        result = StageResult(
            outputs=made.outputs,
            values=made.values,
            notes=tuple(context.notes),
            measures=context.measures,
            seconds=time.monotonic() - began,
            cpu_seconds=0.0,
            peak_bytes=0,
            lane=self.name,
            began_ms=began * 1e3,
        )
        return StageResult.model_validate_json(result.model_dump_json())
