"""A run on stored things gives the very bytes of one in this process, does nothing twice, and mends what was lost."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import workbench_stages
from kiln import process
from kiln.asset import Asset
from kiln.errors import BackendError, Cancelled, ContractError, InputError, ModelError, StorageError
from kiln.formats import noun_codec
from kiln.formats.stl_write import write_stl
from kiln.jobs.executors.failure import LaneClosed, LaneCrashed
from kiln.jobs.executors.interface import CallLimits, Progress, Reference, StageCall, StageResult
from kiln.jobs.executors.lane_setup import LaneSetup
from kiln.jobs.executors.local import LocalExecutor
from kiln.jobs.records.events import EventKind
from kiln.jobs.stored.calls import call_for, given_digest, parts_of, references_in
from kiln.jobs.stored.lane_stages import ReadModelParams, read_model
from kiln.jobs.stored.nouns import StoredAsset, StoredFile, StoredPackage, StoredPicture
from kiln.jobs.stored.record import StageRecord, keep_record, record_key
from kiln.jobs.stored.workbench import Workbench
from kiln.pipeline.call_digest import digest_of
from kiln.pipeline.recall import Recall
from kiln.pipeline.recipe import Recipe, RecipeStep, load_recipe
from kiln.pipeline.run import Event, Run
from kiln.stages import Context, cutout
from kiln.storage.blobs import blob_key
from kiln.storage.connect import open_store
from kiln.storage.store import Store
from lanes import linux
from shapes import sphere, tetrahedron
from workbench_stages import InlineLane, a_recipe, faint, grow, paint, shift, worked, wrap

Said = list[tuple[EventKind, Mapping[str, Any]]]


@pytest.fixture(autouse=True)
def nothing_has_worked() -> None:
    worked.clear()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"), floor_bytes=0)


@pytest.fixture
def lane(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> InlineLane:
    monkeypatch.chdir(tmp_path)  # a lane's packages are written into its scratch
    return InlineLane(str(tmp_path / "store"))


def stored(store: Store, asset: Asset) -> StoredAsset:
    content = b"".join(noun_codec.encode(asset.source, type(asset.source)).parts)
    return StoredAsset(name=asset.name, source=put(store, content), history=asset.history)


def put(store: Store, content: bytes) -> Reference:
    sha256 = hashlib.sha256(content).hexdigest()
    store.put(blob_key(sha256), content)
    return Reference(key=blob_key(sha256), sha256=sha256)


def bench(store: Store, lane: Any, *, said: Said | None = None, **more: Any) -> Workbench:
    tell = (lambda kind, data: said.append((kind, dict(data)))) if said is not None else (lambda kind, data: None)
    return Workbench(store, lane, **{"job_id": "job_1", "attempt": 1, "tenant": "anna", "tell": tell, **more})


THING = Asset(name="thing", source=tetrahedron())


def run_stored(store: Store, lane: Any, recipe: Recipe, **more: Any) -> StoredPackage:
    on_event: Callable[[Event], None] = more.pop("on_event", lambda event: None)
    package = Run(recipe=recipe, bench=bench(store, lane, **more), on_event=on_event).from_asset(stored(store, THING))
    assert isinstance(package, StoredPackage)
    return package


def run_here(recipe: Recipe, out: Path) -> dict[str, bytes]:
    *work, export = recipe.steps
    steps = (*work, replace(export, params=export.params.model_copy(update={"out": out})))
    package = Run(recipe=replace(recipe, steps=steps), bench=Recall()).from_asset(THING)
    return {**{name: (package.folder / name).read_bytes() for name in package.files}, "zip": package.archive.read_bytes()}


def bytes_of(store: Store, package: StoredPackage) -> dict[str, bytes]:
    return {
        **{name: store.get(file.content.key) for name, file in package.files.items()},
        "zip": store.get(package.archives[""].content.key),
    }


def test_a_package_has_the_same_bytes_as_one_made_here(store: Store, lane: InlineLane, tmp_path: Path) -> None:
    recipe = a_recipe(grow, paint, shift, wrap, shift=1.7, grow=0.3)
    package = run_stored(store, lane, recipe)
    here = run_here(recipe, tmp_path / "here")
    assert bytes_of(store, package) == here
    assert package.archives[""].name == "thing.zip"
    assert package.files["deep/mesh.bin"].size == len(here["deep/mesh.bin"])
    assert package.files["history.json"].media_type == "application/json"
    assert not list((tmp_path / "out").iterdir())  # all of it is in the store


def test_a_second_identical_job_runs_nothing_and_says_the_same(store: Store, lane: InlineLane) -> None:
    recipe = a_recipe(grow, paint, shift, wrap, contract={"triangles": "<= 10"})
    first = run_stored(store, lane, recipe)
    count, said, events = len(lane.calls), [], list[Event]()
    second = run_stored(store, lane, recipe, job_id="job_2", said=said, on_event=events.append)
    assert len(lane.calls) == count == 4
    assert second == first
    assert [data["outcome"] for kind, data in said if kind is EventKind.STAGE_FINISHED] == ["shared"] * 4
    assert {event.words for event in events if event.state == "finished"} == {"from the cache"}


def test_only_what_changed_runs_again(store: Store, lane: InlineLane) -> None:
    run_stored(store, lane, a_recipe(grow, paint, wrap))
    worked.clear()
    run_stored(store, lane, a_recipe(grow, paint, wrap, paint=0.0))
    assert worked == ["paint", "wrap"]
    worked.clear()
    run_stored(store, lane, a_recipe(grow, paint, wrap, grow=2.0))
    assert worked == ["grow", "paint", "wrap"]


def test_what_a_quick_stage_makes_is_not_stored_and_made_again_where_it_is_needed(store: Store, lane: InlineLane, tmp_path: Path) -> None:
    recipe = a_recipe(grow, shift, paint, shift_again(), wrap, shift=2.0)
    package = run_stored(store, lane, recipe)
    kinds = [call.stage for call in lane.calls]
    assert kinds == ["grow", "shift", "paint", "shift_again", "wrap"]
    assert worked.count("shift") == 4  # for itself, for paint, as the second one, and as that once more for the export
    assert all(not call.remade for call in lane.calls[:2])
    assert [made.stage for made in lane.calls[2].remade] == ["shift"]
    assert bytes_of(store, package) == run_here(recipe, tmp_path / "here")


def shift_again() -> Any:
    """The same quick stage under another name, so that a recipe may hold it twice."""
    twin = replace(shift, name="shift_again")
    workbench_stages._STAGES["shift_again"] = twin
    return twin


CONTRACT = {
    "height_m": "<= 0.6",
    "ladder": [{"cures": ["height_m"], "grow": {"size": 0.9}}, {"cures": ["height_m"], "grow": {"size": 0.5}}],
}


def test_a_broken_contract_climbs_as_it_does_here(store: Store, lane: InlineLane, tmp_path: Path) -> None:
    recipe = a_recipe(grow, paint, shift, wrap, contract=CONTRACT)
    package = run_stored(store, lane, recipe)
    here = run_here(recipe, tmp_path / "here")
    assert bytes_of(store, package) == here
    assert package.report.contract is not None and len(package.report.contract.attempts) == 2
    assert worked[: worked.index("wrap")] == ["grow", "paint", "shift", "shift"]
    count = len(lane.calls)
    assert run_stored(store, lane, recipe) == package
    assert len(lane.calls) == count  # what fell short is known, too


def test_what_stays_broken_is_refused_or_written_as_it_is_here(store: Store, lane: InlineLane, tmp_path: Path) -> None:
    recipe = a_recipe(grow, wrap, contract={"height_m": "<= 0.1", "ladder": [CONTRACT["ladder"][0]]})
    with pytest.raises(ContractError) as stored_error:
        run_stored(store, lane, recipe)
    with pytest.raises(ContractError) as local_error:
        run_here(recipe, tmp_path / "here")
    assert str(stored_error.value) == str(local_error.value)
    assert stored_error.value.verdict == local_error.value.verdict
    allowed = recipe.with_parameters({"wrap": {"allow_failing": True}})
    assert bytes_of(store, run_stored(store, lane, allowed)) == run_here(allowed, tmp_path / "here")


def test_damaged_and_lost_contents_are_made_again(store: Store, lane: InlineLane, tmp_path: Path) -> None:
    recipe = a_recipe(grow, paint, wrap)
    whole = bytes_of(store, run_stored(store, lane, recipe))
    mesh = mesh_of(lane)
    for number, harm in enumerate((damage, Path.unlink, cut, Path.unlink)):
        forget(store, "paint", "wrap")
        harm(content_path(tmp_path, mesh))
        worked.clear()
        package = run_stored(store, lane, recipe, job_id=f"job_{number // 2}", attempt=number)
        assert bytes_of(store, package) == whole
        assert worked.count("grow") == 1
        assert store.get(mesh.key)


def mesh_of(lane: InlineLane) -> Reference:
    return next(call for call in lane.calls if call.stage == "paint").inputs["mesh"]


def content_path(tmp_path: Path, reference: Reference) -> Path:
    return next(path for path in (tmp_path / "store" / "objects").rglob(reference.sha256) if path.is_file())


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def forget(store: Store, *stages: str) -> None:
    """Remove the records of these stages."""
    for entry in list(store.entries("stages")):
        if any(f'"stage":"{name}"'.encode() in store.get(entry.key) for name in stages):
            store.delete(entry.key)


def test_an_upload_that_is_lost_cannot_be_made_again(store: Store, lane: InlineLane, tmp_path: Path) -> None:
    asset = stored(store, THING)
    assert isinstance(asset.source, Reference)
    store.delete(asset.source.key)
    with pytest.raises(StorageError):
        Run(recipe=a_recipe(grow, wrap), bench=bench(store, lane)).from_asset(asset)


def test_of_two_writers_the_first_one_holds(store: Store, lane: InlineLane) -> None:
    """Another worker puts a record while this one works; its result is taken, though it differs."""
    step, asset, said = RecipeStep(stage=grow, params=grow.params(size=2.0)), stored(store, THING), list[Any]()
    known = call_for(step, parts_of(step, asset), recipe=None, owner={})

    def overtaken(call: StageCall, **how: Any) -> StageResult:
        result = lane(call, **how)
        theirs = StageRecord.of("grow", result.model_copy(update={"notes": ("theirs",)}))
        assert keep_record(store, known.digest, theirs) == (theirs, True)
        return result

    context = Context()
    handle, was_known = bench(store, overtaken, said=said).result(step, asset, context)
    assert (context.notes, was_known) == (["theirs"], False)
    assert isinstance(handle.mesh, Reference)
    assert [data["outcome"] for kind, data in said if kind is EventKind.STAGE_FINISHED] == ["shared"]


def test_jobs_that_need_the_same_share_the_work_and_a_cancelled_one_hands_over(store: Store, lane: InlineLane) -> None:
    step = RecipeStep(stage=grow, params=grow.params(size=3.0))
    asset = stored(store, THING)
    begun, cancelled = threading.Event(), threading.Event()

    def wait_for_cancel(call: StageCall) -> None:
        if not begun.is_set():
            begun.set()
            assert cancelled.wait(30)
            raise Cancelled("stopped: nothing was written")

    lane.before = wait_for_cancel
    outcomes: dict[str, Any] = {}

    def work(name: str, is_cancelled: Callable[[], bool]) -> None:
        try:
            outcomes[name] = bench(store, lane, job_id=name, is_cancelled=is_cancelled).result(step, asset, Context())[1]
        except Cancelled as error:
            outcomes[name] = error

    leader = threading.Thread(target=work, args=("leader", cancelled.is_set))
    leader.start()
    assert begun.wait(30)
    others = [threading.Thread(target=work, args=(name, lambda: False)) for name in ("b", "c")]
    for thread in others:
        thread.start()
    cancelled.set()
    for thread in (leader, *others):
        thread.join(30)
    assert isinstance(outcomes["leader"], Cancelled)
    assert sorted([outcomes["b"], outcomes["c"]]) == [False, True]
    assert worked == ["grow"]


def test_whoever_waits_for_another_job_can_be_cancelled(store: Store, lane: InlineLane) -> None:
    step, asset = RecipeStep(stage=grow, params=grow.params(size=4.0)), stored(store, THING)
    begun, go_on = threading.Event(), threading.Event()

    def wait_for_word(call: StageCall) -> None:
        begun.set()
        assert go_on.wait(30)

    lane.before = wait_for_word
    leader = threading.Thread(target=lambda: bench(store, lane).result(step, asset, Context()))
    leader.start()
    assert begun.wait(30)
    with pytest.raises(Cancelled):
        bench(store, lane, is_cancelled=lambda: True).result(step, asset, Context())
    go_on.set()
    leader.join(30)


def test_what_passes_is_tried_again_and_told(store: Store, lane: InlineLane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiln.jobs.crew.stage_runner.StageRunner._wait", lambda self, seconds, context: None)
    said: Said = []
    run_stored(store, lane, a_recipe(faint, wrap), said=said)
    assert worked.count("faint") == 2
    finished = [data for kind, data in said if kind is EventKind.STAGE_FINISHED]
    assert [data["outcome"] for data in finished] == ["failed", "done", "done"]
    assert any("not today" in data["text"] for kind, data in said if kind is EventKind.WARNING)


def test_poison_stops_after_three_crashes_and_a_closing_worker_is_left_at_once(
    store: Store, lane: InlineLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiln.jobs.crew.stage_runner.StageRunner._wait", lambda self, seconds, context: None)
    failures: list[Exception] = [LaneCrashed("died", ended_with=-9)] * 3

    def fail(call: StageCall) -> None:
        raise failures.pop()

    lane.before = fail
    with pytest.raises(LaneCrashed):
        run_stored(store, lane, a_recipe(grow, wrap))
    assert len(lane.calls) == 3
    failures += [LaneClosed("shutting down")]
    with pytest.raises(LaneClosed):
        run_stored(store, lane, a_recipe(grow, wrap))
    assert len(lane.calls) == 4


def test_a_wait_for_another_try_can_be_cancelled(store: Store, lane: InlineLane) -> None:
    stop = threading.Event()

    def fail(call: StageCall) -> None:
        stop.set()
        raise BackendError("busy")

    lane.before = fail
    with pytest.raises(Cancelled):
        run_stored(store, lane, a_recipe(grow, wrap), is_cancelled=stop.is_set)
    assert len(lane.calls) == 1


def test_events_tell_where_and_when_a_stage_ran(store: Store, lane: InlineLane) -> None:
    said: Said = []
    run_stored(store, lane, a_recipe(grow, paint, wrap), said=said)
    begun = [data for kind, data in said if kind is EventKind.STAGE_STARTED]
    ended = [data for kind, data in said if kind is EventKind.STAGE_FINISHED]
    assert [data["stage"] for data in begun] == [data["stage"] for data in ended] == ["grow", "paint", "wrap"]
    for start, end in zip(begun, ended, strict=True):
        assert start["lane"] == end["lane"] == "cpu0"
        assert start["began_ms"] == end["began_ms"] <= end["ended_ms"]
        assert end["outcome"] == "done"
        assert store.exists(end["output"])
    shares = [data["share"] for kind, data in said if kind is EventKind.PROGRESS]
    assert shares == sorted(shares)
    assert shares and all(0 < share <= 1 for share in shares)


def test_once_closed_nothing_runs_and_nothing_is_told(store: Store, lane: InlineLane) -> None:
    begun = threading.Event()

    def until_stopped(call: StageCall, *, cancel: Callable[[], bool], on_progress: Callable[[Progress], None], **how: Any) -> StageResult:
        begun.set()
        while not cancel():
            threading.Event().wait(0.01)
        raise Cancelled("stopped: nothing was written")

    said: Said = []
    closing = bench(store, until_stopped, said=said)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            closing.result(RecipeStep(stage=grow, params=grow.params()), stored(store, THING), Context())
        except Cancelled as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(30)
    assert closing.close() == ()
    thread.join(30)
    assert len(failed) == 1
    assert said == []


def test_parameters_name_no_files_of_the_server(store: Store, lane: InlineLane) -> None:
    picture = StoredPicture(name="p", view="front", has_matte=False, content=Reference(key=blob_key("0" * 64), sha256="0" * 64))
    step = RecipeStep(stage=cutout, params=cutout.params(mask="/etc/passwd"))
    with pytest.raises(InputError, match="names a file of the server"):
        bench(store, lane).result(step, picture, Context())


def test_a_file_that_a_parameter_names_counts_by_its_content(store: Store) -> None:
    mask = StoredFile(name="mask.png", content=put(store, b"white"))
    step = RecipeStep(stage=cutout, params=cutout.params(mask="mask.png"))
    parts = parts_of(step, StoredPicture(name="p", view="front", has_matte=False, content=put(store, b"picture")))
    known = call_for(step, parts, files={"cutout.mask": mask, "cutout.scribble": mask}, recipe=None, owner={})
    assert known.digest == digest_of(step, given=given_digest(parts), files={"mask": mask.content.sha256, "scribble": None})
    assert "mask" not in known.call.params
    assert {name: (file.name, file.key) for name, file in known.call.files.items()} == {"mask": ("mask.png", mask.content.key)}
    renamed = call_for(step, parts, files={"cutout.mask": replace(mask, name="other.png")}, recipe=None, owner={})
    assert renamed.digest == known.digest
    crossed = StageCall.model_validate_json(known.call.model_dump_json())
    assert mask.content.key in {reference.key for reference in references_in(crossed)}


def test_an_unreadable_upload_fails_as_it_does_on_the_command_line(store: Store, lane: InlineLane) -> None:
    file = StoredFile(name="ball.stl", content=put(store, b"solid nothing"))
    with pytest.raises(ModelError, match=r"ball\.stl"):
        bench(store, lane).on_files(RecipeStep(stage=read_model, params=ReadModelParams()), {"model": file})


SMALL: dict[str, dict[str, Any]] = {
    "simplify": {"triangles": 200},
    "unwrap": {"size": 256, "padding": 2},
    "bake": {"ao_rays": 1},
    "place": {"height": 1.7},
    "export": {"engine": ("godot",), "previews": False},
}


@linux
def test_real_lanes_give_the_same_bytes_though_a_child_is_killed(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiln.jobs.crew.stage_runner.StageRunner._wait", lambda self, seconds, context: None)
    path = tmp_path / "ball.stl"
    path.write_bytes(write_stl("ball", sphere(12, 24)))
    here = process(path, recipe="mobile", out=tmp_path / "here", cache=False, **SMALL)
    setup = LaneSetup(
        codec="kiln.jobs.stored.store_codec:StoreCodec",
        codec_options={"url": str(tmp_path / "store")},
        stages="kiln.jobs.stored.lane_stages:find",
    )
    killed: list[int] = []
    with LocalExecutor(setup, data=tmp_path, cpu_lanes=1) as executor:

        def run_stage(
            call: StageCall, *, workflow_id: str, on_progress: Callable[[Progress], None], cancel: Callable[[], bool]
        ) -> StageResult:
            def hear(sign: Progress) -> None:
                on_progress(sign)
                pid = executor.pools["cpu"].lanes[0].pid
                if call.stage == "bake" and not killed and sign.kind == "started" and pid is not None:
                    killed.append(pid)
                    os.kill(pid, signal.SIGKILL)

            return executor.run(call, on_progress=hear, cancel=cancel)

        said: Said = []
        work = bench(store, run_stage, said=said, limits=CallLimits(seconds=120))
        file = StoredFile(name=path.name, content=put(store, path.read_bytes()))
        asset, context = work.on_files(RecipeStep(stage=read_model, params=ReadModelParams()), {"model": file})
        package = Run(recipe=load_recipe("mobile", SMALL), bench=work).from_asset(asset, notes=context.notes)
    assert killed
    assert {name: store.get(stored_file.content.key) for name, stored_file in package.files.items()} == {
        name: (here.folder / name).read_bytes() for name in here.files
    }
    assert here.archive is not None
    assert store.get(package.archives[""].content.key) == here.archive.read_bytes()
    outcomes = [data["outcome"] for kind, data in said if kind is EventKind.STAGE_FINISHED and data["stage"] == "bake"]
    assert outcomes == ["failed", "done"]
    assert store.exists(record_key(package.reference.removeprefix("stages/")))
