"""A finished package goes to further engines and formats, without baking anything again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from kiln.asset import Package, Report, Step
from kiln.engines.deliver import deliver, measured_switch_sizes
from kiln.engines.handover import Handover
from kiln.engines.packed import packed_textures
from kiln.errors import Cancelled, InputError
from kiln.formats.asset_files import further_files
from kiln.formats.package import MANIFEST, Draft, json_bytes, new_package, write_manifest
from kiln.formats.package_read import OpenPackage, open_package
from kiln.pipeline.run import Event
from kiln.pipeline.watch import now
from kiln.stages.export import ExportParams, archives, engine_options, finished_package

_REPORT = "report.json"


def export_package(
    path: Path, params: ExportParams, *, out: Path | None, on_event: Callable[[Event], None], cancelled: threading.Event
) -> Package:
    """The package with folders for the engines that `params` name, and its files in further formats, in place of what it was or in `out`.

    Everything else in it stays byte by byte. Raises a KilnError, and leaves the package as it was, when an engine cannot take it.
    """
    started = now()

    def step(share: float, words: str) -> None:
        if cancelled.is_set():
            raise Cancelled("stopped: nothing was written")
        on_event(Event(stage="export", state="progress", share=share, words=words, seconds=now() - started))

    on_event(Event(stage="export", state="started"))
    step(0.0, "package")
    opened = open_package(path, extras=bool(params.pack))
    if params.name not in (None, opened.asset.name):
        raise InputError(f"a finished package keeps its name, {opened.asset.name}: leave --name out, or make it again under the new one")
    target = (path.parent if out is None else out) / opened.asset.name
    with new_package(target, archives=archives(params)) as draft:
        step(0.3, "engines")
        _carry_over(draft, opened, params)
        notes = _write(draft, opened, params)
        step(0.9, "package")
        report = _write_report(draft, opened, params, notes)
        write_manifest(draft, {key: value for key, value in opened.manifest.items() if key != "outputs"})
    on_event(Event(stage="export", state="finished", share=1.0, seconds=now() - started, notes=notes))
    return finished_package(target, draft, report, archives=archives(params))


def _carry_over(draft: Draft, opened: OpenPackage, params: ExportParams) -> None:
    """Everything but the folders that are made anew."""
    for name, data in opened.files.items():
        if _engine(name) not in params.engine and name not in (_REPORT, MANIFEST):
            draft.write(name, data)


def _engine(path: str) -> str:
    """The engine in whose folder a file lies, if it does."""
    return path.split("/", 1)[0]


def _write(draft: Draft, opened: OpenPackage, params: ExportParams) -> tuple[str, ...]:
    """The new folders and files; what there is to say of them."""
    asset = opened.asset
    further = further_files(asset, params.formats, opened.files) | packed_textures(asset, params.pack)
    for name, data in further.items():
        draft.write(name, data)
    switch = measured_switch_sizes(opened.measures, len(asset.lods))
    handover = Handover(asset=asset, textures=opened.files, switch=switch, options=engine_options(params))
    changed = [f"{name} was changed since the package was made, and is taken as it is now" for name in opened.changed]
    gone = [f"{name} was taken out of the package, and stays out" for name in opened.gone if _engine(name) not in params.engine]
    return (*changed, *gone, *deliver(draft, handover, params.engine))


def _write_report(draft: Draft, opened: OpenPackage, params: ExportParams, notes: tuple[str, ...]) -> Report:
    """The package's report with one more step."""
    step = Step(stage="export", params=params.model_dump(mode="json", exclude={"out", "name"}), notes=notes)
    added = {"stage": step.stage, "params": dict(step.params), "notes": list(notes), "measures": {}}
    draft.write(_REPORT, json_bytes({**opened.report, "steps": [*opened.report.get("steps", []), added]}))
    warnings = tuple(map(str, opened.report.get("warnings", [])))
    return Report(name=opened.asset.name, measures=opened.measures, steps=(step,), warnings=warnings)
