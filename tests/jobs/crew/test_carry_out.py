"""One job from wherever it stands to its end: after a crash anywhere it goes on, nothing is made or charged twice, late writers lose."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jobs.checker import states_in
from kiln.errors import Cancelled, KilnError, StorageError
from kiln.formats.picture import read_picture
from kiln.formats.png import encode_png
from kiln.formats.stl_write import write_stl
from kiln.jobs.crew import carry_out
from kiln.jobs.crew.carry_out import Carrier
from kiln.jobs.crew.measured import at_held_price, work_in
from kiln.jobs.executors.failure import LaneClosed
from kiln.jobs.executors.interface import StageCall
from kiln.jobs.money.ledger import Ledger
from kiln.jobs.money.prices import Charge, Rate
from kiln.jobs.reception.desk import Desk
from kiln.jobs.reception.wanted import Ceiling
from kiln.jobs.records.database import Database
from kiln.jobs.records.events import Event, EventKind
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.files import FileBook, NewFile
from kiln.jobs.records.job import Job, Kind, Request, State
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.tables import FILES
from kiln.pipeline.recipe import recipe_from_data
from kiln.pipeline.run import Run
from kiln.storage import Store
from kiln.storage.blobs import blob_key
from kiln.storage.connect import open_store
from kiln.storage.shelf import Shelf
from shapes import sphere
from workbench_stages import InlineLane

RECIPE = {
    "stages": ["cutout", "generate", "place", "export"],
    "cutout": {"backend": "fake"},
    "generate": {"backend": "fake", "subdivisions": 1},
    "export": {"previews": False, "engine": ["portable"]},
}
STAGES = ["read_picture", *RECIPE["stages"]]
RATES = {"fake": Rate(microdollars_per_call=1000, microdollars_per_gpu_second=10)}
CALLS = Charge(item="fake", microdollars=2000)


class Killed(BaseException):
    """A process that is gone: nothing catches it, and nothing is tidied up."""


@dataclass
class Yard:
    """A service without its queue, and a lane in this process."""

    database: Database
    jobs: JobStore
    files: FileBook
    store: Store
    shelf: Shelf
    lane: InlineLane
    rates: dict[str, Rate]

    def upload(self, content: bytes, kind: str, name: str) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        self.store.put(blob_key(sha256), content)
        file = NewFile(name=name, role=kind, key=blob_key(sha256), sha256=sha256, size=len(content), media_type="x/y")
        return self.files.add(file, tenant="studio").id

    def picture(self) -> str:
        return self.upload(PNG, "png", "Schwert ⚔ front.png")

    def submit(self, kind: Kind = Kind.MAKE, *, recipe: str = "small", inputs: dict[str, str] | None = None, **parameters: Any) -> Job:
        if kind is Kind.MAKE:
            parameters["job"] = {"recipe_data": RECIPE, **parameters.get("job", {})}
        given = inputs or {"picture_0": self.picture()}
        request = Request(kind=kind, recipe=recipe, parameters=parameters, inputs=given)
        return self.jobs.submit(Desk(tenant="studio", files=self.files, rates=self.rates).order(request)).job

    def carry(self, job: Job, *, name: str = "w1", **options: Any) -> Job:
        """As a worker's process would: a carrier of its own."""
        carrier = Carrier(self, executor_id=name, run_stage=self.lane, **options)
        try:
            carrier.carry_out(job.id)
        finally:
            carrier.close()
        return self.jobs.get(job.id)

    def read(self, job: Job, name: str) -> bytes:
        return self.store.get(self.files.get(job.results[name], tenant="studio").key)

    @property
    def stages(self) -> list[str]:
        return [call.stage for call in self.lane.calls]

    def spent(self, job: Job) -> tuple[list[str], int]:
        entries = Ledger(self.database).entries(job.id)
        return [entry.kind for entry in entries], sum(entry.microdollars for entry in entries)


def noisy_png() -> bytes:
    import numpy as np

    return encode_png(np.random.default_rng(5).integers(0, 255, (48, 48, 4), np.uint8))


PNG = noisy_png()


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    monkeypatch.chdir(tmp_path)  # a lane's packages are written into its scratch
    database = Database(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    store = open_store(str(tmp_path / "store"), floor_bytes=0)
    lane = InlineLane(str(tmp_path / "store"))
    yield Yard(database, JobStore(database), FileBook(database), store, Shelf(store), lane, {})
    database.close()


def finished(events: tuple[Event, ...]) -> list[tuple[str, str]]:
    return [(event.data["stage"], event.data["outcome"]) for event in events if event.kind is EventKind.STAGE_FINISHED]


def test_pictures_become_a_package_of_files_and_an_asset(yard: Yard) -> None:
    job = yard.carry(yard.submit(job={"name": "sword", "prompt": "a rusty sword", "tags": ["weapon"]}))
    assert (job.state, job.failure, job.progress.share) == (State.SUCCEEDED, None, 1.0)
    roles = {file.name: file.role for file in yard.files.of_job(job.id)}
    assert roles.keys() == job.results.keys()
    assert {"sword.glb": "model", "report.json": "report", "sword.zip": "package", "sword_portable.zip": "engine"}.items() <= roles.items()
    assert json.loads(yard.read(job, "manifest.json"))["recipe"]["name"] == "small"
    assert yard.read(job, "sword.glb")[:4] == b"glTF"
    events = yard.jobs.events(job.id)
    assert states_in(events) == (State.QUEUED, State.RUNNING, State.SUCCEEDED)
    assert finished(events) == [(name, "done") for name in STAGES]
    shares = [event.data["share"] for event in events if event.kind is EventKind.PROGRESS]
    assert shares == sorted(shares)
    (asset,) = yard.shelf.search("rusty weapon", tenant="studio").assets
    assert (asset.name, asset.recipe, asset.prompt) == ("sword", "small", "a rusty sword")
    assert asset.pictures == (blob_key(hashlib.sha256(PNG).hexdigest()),)
    assert yard.shelf.read(next(file for file in asset.files if file.name == "sword.glb")) == yard.read(job, "sword.glb")


def test_the_same_again_makes_nothing(yard: Yard) -> None:
    first = yard.carry(yard.submit())
    second = yard.carry(yard.submit())
    assert yard.stages == STAGES
    assert finished(yard.jobs.events(second.id)) == [(name, "shared") for name in STAGES]
    assert first.results.keys() == second.results.keys()
    assert set(first.results.values()).isdisjoint(second.results.values())
    assert "Schwert_crossed_swords.glb" in first.results  # the view was read from the name, and is not part of it


def masked(yard: Yard, content: bytes, name: str = "mask.png", **more: Any) -> Job:
    return yard.submit(inputs={"picture_0": yard.picture(), "cutout.mask": yard.upload(content, "png", name)}, **more)


def mask_png(*, size: tuple[int, int] = (48, 48), radius: int = 16) -> bytes:
    import numpy as np

    rows, columns = np.ogrid[: size[1], : size[0]]
    inside = (rows - size[1] // 2) ** 2 + (columns - size[0] // 2) ** 2 < radius**2
    return encode_png(np.dstack([np.where(inside, 255, 0)] * 3 + [np.full(size[::-1], 255)]).astype(np.uint8))


def test_a_mask_gives_the_bytes_that_it_gives_on_the_command_line(yard: Yard, tmp_path: Path) -> None:
    places = {tmp_path / "Schwert ⚔ front.png": PNG, tmp_path / "deep" / "mask.png": mask_png()}
    for path, content in places.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    wanted = {"cutout": {"mask": str(tmp_path / "deep/mask.png")}, "export": {"out": tmp_path / "here"}}
    picture, notes = read_picture(tmp_path / "Schwert ⚔ front.png")
    here = Run(recipe=recipe_from_data("small", RECIPE, wanted)).from_pictures([picture], notes=notes)
    job = yard.carry(masked(yard, mask_png()))
    assert job.failure is None
    assert {name: yard.read(job, name) for name in here.files} == {name: (here.folder / name).read_bytes() for name in here.files}
    assert json.loads(yard.read(job, "manifest.json"))["recipe"]["cutout"]["mask"] == "mask.png"
    (asset,) = yard.shelf.search("", tenant="studio").assets
    assert len(asset.pictures) == 1


def test_a_mask_counts_by_its_content_and_not_by_its_name(yard: Yard) -> None:
    def outcomes(job: Job) -> dict[str, str]:
        done = yard.carry(job)
        assert done.failure is None
        return dict(finished(yard.jobs.events(done.id)))

    usual = outcomes(yard.submit())
    assert set(usual.values()) == {"done"}
    assert outcomes(masked(yard, mask_png()))["cutout"] == "done"
    renamed = outcomes(masked(yard, mask_png(), "other.png"))
    assert [name for name, outcome in renamed.items() if outcome == "done"] == ["export"]
    assert outcomes(masked(yard, mask_png(radius=12)))["cutout"] == "done"
    assert set(outcomes(yard.submit()).values()) == {"shared"}


def test_one_mask_is_for_every_picture(yard: Yard) -> None:
    left = yard.upload(noisy_png(), "png", "x_left.png")
    inputs = {"picture_0": yard.picture(), "picture_1": left, "cutout.mask": yard.upload(mask_png(), "png", "mask.png")}
    assert yard.carry(yard.submit(inputs=inputs)).failure is None
    cuts = [call.files["mask"].sha256 for call in yard.lane.calls if call.stage == "cutout"]
    assert set(cuts) == {hashlib.sha256(mask_png()).hexdigest()}


@pytest.mark.parametrize(
    ("content", "words"),
    [(mask_png(size=(96, 32), radius=9), "wide.png is 96 x 32, the picture 48 x 48"), (b"\x89PNG broken", "wide.png")],
)
def test_a_mask_that_does_not_fit_is_said_by_its_name_alone(yard: Yard, content: bytes, words: str) -> None:
    job = yard.carry(masked(yard, content, "wide.png"))
    assert job.failure is not None
    assert (job.failure.reason, "/" in job.failure.message) == (FailureReason.INPUT, False)
    assert words in job.failure.message


def test_the_front_view_names_the_asset(yard: Yard) -> None:
    side, front = yard.upload(PNG, "png", "side.png"), yard.upload(PNG, "png", "hero.png")
    job = yard.carry(yard.submit(inputs={"picture_0": side, "picture_1": front}, job={"views": ["left", "front"]}))
    assert "hero.glb" in job.results
    assert yard.stages.count("cutout") == yard.stages.count("read_picture") == 2


def test_models_packages_and_measures(yard: Yard) -> None:
    stl = yard.upload(write_stl("ball", sphere()), "stl", "ball.stl")
    parameters = {"job": {"recipe_data": {"stages": ["export"], "export": RECIPE["export"]}, "up": "z"}}
    made = yard.carry(yard.submit(Kind.PROCESS, inputs={"model": stl}, **parameters))
    assert made.state is State.SUCCEEDED
    package = made.results["ball.zip"]
    export = {"engine": ["godot"], "previews": False}
    handed = yard.carry(yard.submit(Kind.EXPORT, inputs={"package": package}, export=export))
    assert "godot/ball.glb" in handed.results and "portable/ball.glb" in handed.results
    named = yard.carry(yard.submit(Kind.EXPORT, inputs={"model": stl}, export=export, job={"name": "globe"}))
    assert "godot/globe.glb" in named.results
    for file_id in (stl, package, yard.picture()):
        measured = yard.carry(yard.submit(Kind.INSPECT, inputs={"model": file_id}))
        assert list(measured.results) == ["report.json"]
    for limit, passed in (("triangles <= 10", False), ("triangles <= 100000", True)):
        checked = yard.carry(yard.submit(Kind.CHECK, inputs={"model": package}, job={"contract": {}, "limits": [limit]}))
        assert json.loads(yard.read(checked, "report.json"))["passed"] is passed
    assert len(yard.shelf.search(tenant="studio").assets) == 3


def test_killed_before_any_stage_it_goes_on_where_it_was(yard: Yard) -> None:
    """As SQLite's tests do: fail the first step, then the second, until there is none left to fail."""
    yard.rates = RATES
    job = yard.submit()
    for number in range(len(STAGES)):
        yard.lane.before = killing(yard, at=number + 1)
        with pytest.raises(Killed):
            yard.carry(job)
        assert yard.jobs.get(job.id).state is State.RUNNING
    yard.lane.before = lambda call: None
    done = yard.carry(job, name="w2")
    assert (done.state, done.attempts) == (State.SUCCEEDED, len(STAGES) + 1)
    assert sorted(yard.stages) == sorted(2 * STAGES)  # each was begun, killed and begun again, and then never more
    assert [name for name, outcome in finished(yard.jobs.events(job.id)) if outcome == "done"] == STAGES
    kinds, spent = yard.spent(job)
    assert kinds == ["hold", "settle"]
    assert CALLS.microdollars <= spent < CALLS.microdollars + 1000
    assert Ledger(yard.database).spent("studio") == spent


def killing(yard: Yard, *, at: int) -> Callable[[StageCall], None]:
    """Kill whoever begins the stage of this number, from 1, for the first time."""

    def before(call: StageCall) -> None:
        if yard.stages.count(call.stage) == 1 and len(set(yard.stages)) == at:
            raise Killed

    return before


@pytest.mark.parametrize("step", ["add_of_job", "add_stored", "succeed"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_it_publishes(yard: Yard, monkeypatch: pytest.MonkeyPatch, step: str, when: str) -> None:
    yard.rates = RATES
    job = yard.submit()
    owner: Any = {"add_of_job": yard.files, "add_stored": yard.shelf, "succeed": yard.jobs}[step]
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, raising(Killed(), getattr(owner, step), when=when))
        with pytest.raises(Killed):
            yard.carry(job)
    done = yard.carry(job)
    assert done.state is State.SUCCEEDED
    assert yard.stages == STAGES
    names = [file.name for file in yard.files.of_job(job.id)]
    assert sorted(names) == sorted(done.results) == sorted(set(names))
    assert len(yard.shelf.search(tenant="studio").assets) == 1
    kinds, spent = yard.spent(job)
    assert kinds == ["hold", "settle"] and spent >= CALLS.microdollars


def raising(error: BaseException, work: Callable[..., Any], *, when: str, times: int = 1) -> Callable[..., Any]:
    left = [times]

    def broken(*given: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0 and when == "before":
            raise error
        result = work(*given, **named)
        if left[0] >= 0:
            raise error
        return result

    return broken


@pytest.mark.parametrize("step", ["add_of_job", "add_stored", "succeed"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_storage_that_comes_back_is_waited_for(yard: Yard, monkeypatch: pytest.MonkeyPatch, step: str, when: str) -> None:
    """After: the write counts, and whoever wrote does not know; the job is read again, and is as it is."""
    monkeypatch.setattr(carry_out, "delay_s", lambda tries, seed: 0.01)
    yard.rates = RATES
    owner: Any = {"add_of_job": yard.files, "add_stored": yard.shelf, "succeed": yard.jobs}[step]
    trouble = StorageError("the disk is full", kind="full")
    monkeypatch.setattr(owner, step, raising(trouble, getattr(owner, step), when=when, times=1 if when == "after" else 3))
    done = yard.carry(yard.submit())
    assert (done.state, done.attempts) == (State.SUCCEEDED, 1)
    assert yard.stages == STAGES
    assert yard.spent(done)[0] == ["hold", "settle"]
    assert len(yard.shelf.search(tenant="studio").assets) == 1


def test_storage_that_stays_away_fails_the_job_in_the_end(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.rates = RATES
    monkeypatch.setattr(yard.files, "add_of_job", raising(StorageError("it is gone"), print, when="before", times=1000))
    job = yard.carry(yard.submit(), storage_patience_s=0.0)
    assert job.failure is not None and job.failure.reason is FailureReason.STORAGE
    assert yard.spent(job) == (["hold", "release"], 0)


def test_damaged_records_are_no_reason_to_wait(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yard.files, "get", raising(StorageError("bits fell over", kind="damaged"), yard.files.get, when="before"))
    desk = Desk(tenant="studio", files=FileBook(yard.database), rates={})
    job = yard.jobs.submit(desk.order(Request(recipe="prop", inputs={"picture_0": yard.picture()}))).job
    failure = yard.carry(job).failure
    assert failure is not None and failure.reason is FailureReason.STORAGE


def waiting(begun: threading.Event) -> Callable[..., Any]:
    """A lane whose stages end only when they are told to."""

    def run(call: StageCall, *, workflow_id: str, on_progress: Any, cancel: Callable[[], bool]) -> Any:
        begun.set()
        give_up = time.monotonic() + 60
        while not cancel():
            assert time.monotonic() < give_up
            time.sleep(0.01)
        raise Cancelled("stopped")

    return run


def in_thread(yard: Yard, job: Job, run: Callable[..., Any], **options: Any) -> threading.Thread:
    carrier = Carrier(yard, executor_id="w1", run_stage=run, **options)

    def work() -> None:
        carrier.carry_out(job.id)
        carrier.close()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_running_job_is_cancelled_within_seconds(yard: Yard) -> None:
    yard.rates = RATES
    job, begun = yard.submit(), threading.Event()
    thread = in_thread(yard, job, waiting(begun))
    assert begun.wait(60)
    asked = time.monotonic()
    assert yard.jobs.ask_to_cancel(job.id).state is State.CANCELLING
    thread.join(60)
    assert not thread.is_alive() and time.monotonic() - asked < 10
    ended = yard.jobs.get(job.id)
    assert (ended.state, ended.results) == (State.CANCELLED, {})
    assert yard.spent(job) == (["hold", "release"], 0)
    assert yard.shelf.search(tenant="studio").assets == ()
    assert yard.carry(job).state is State.CANCELLED


def test_cancelled_in_its_last_moment_it_leaves_nothing_on_the_shelf(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    job = yard.submit()
    succeed = yard.jobs.succeed

    def too_late(claim: Job, **ended: Any) -> Job:
        yard.jobs.ask_to_cancel(claim.id)
        return succeed(claim, **ended)

    monkeypatch.setattr(yard.jobs, "succeed", too_late)
    assert yard.carry(job).state is State.CANCELLED
    assert yard.shelf.search(tenant="studio").assets == ()


def test_a_cancelled_job_whose_worker_died_is_ended_by_the_next(yard: Yard) -> None:
    job = yard.jobs.start(yard.submit(), executor_id="gone")
    yard.jobs.ask_to_cancel(job.id)
    assert yard.carry(job).state is State.CANCELLED
    assert yard.stages == []


def test_cancelled_in_its_last_moment_while_its_worker_dies_it_leaves_nothing_on_the_shelf(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = yard.submit()

    def killed(claim: Job, **ended: Any) -> Job:
        yard.jobs.ask_to_cancel(claim.id)
        raise Killed

    with monkeypatch.context() as dying, pytest.raises(Killed):
        dying.setattr(yard.jobs, "succeed", killed)
        yard.carry(job)
    assert len(yard.shelf.search(tenant="studio").assets) == 1
    assert yard.carry(job, name="w2").state is State.CANCELLED
    assert yard.shelf.search(tenant="studio").assets == ()


def test_a_worker_without_prices_charges_what_was_held(yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
    yard.rates = RATES
    job = yard.submit()
    yard.rates = {}
    assert yard.carry(job).state is State.SUCCEEDED
    assert yard.spent(job) == (["hold", "settle"], CALLS.microdollars)
    assert "KILN_PRICES" in caplog.text


def test_who_was_given_up_changes_nothing_any_more(yard: Yard) -> None:
    job, begun = yard.submit(), threading.Event()
    thread = in_thread(yard, job, waiting(begun))
    assert begun.wait(60)
    other = yard.jobs.start(yard.jobs.requeue(yard.jobs.get(job.id), why="its worker was lost"), executor_id="w2")
    thread.join(60)
    assert not thread.is_alive()
    now = yard.jobs.get(job.id)
    assert (now.state, now.attempts, now.executor_id) == (State.RUNNING, 2, "w2")
    assert yard.jobs.succeed(other, results={}, measured=()).state is State.SUCCEEDED


def test_a_job_that_takes_too_long_fails(yard: Yard) -> None:
    job = yard.submit()
    in_thread(yard, job, waiting(threading.Event()), ceiling=Ceiling(job_seconds=0.2)).join(60)
    failure = yard.jobs.get(job.id).failure
    assert failure is not None and failure.reason is FailureReason.TIMEOUT
    assert "0.2 s" in failure.message


def test_a_worker_that_goes_home_puts_its_jobs_back(yard: Yard) -> None:
    job = yard.submit()

    def leave(call: StageCall) -> None:
        if call.stage == "generate":
            raise LaneClosed("the worker goes home")

    yard.lane.before = leave
    assert yard.carry(job).state is State.QUEUED
    yard.lane.before = lambda call: None
    assert yard.carry(job, name="w2").state is State.SUCCEEDED
    assert yard.stages.count("cutout") == 1


def test_failures_have_a_reason_and_cost_nothing(yard: Yard) -> None:
    yard.rates = RATES
    broken = yard.submit(inputs={"picture_0": yard.upload(b"\x89PNG no picture", "png", "x.png")})
    impossible = yard.submit(job={"contract": {"triangles": "<= 1"}})
    gone = yard.submit(inputs={"picture_0": (file_id := yard.picture())})
    yard.database.write(lambda connection: connection.execute(FILES.delete().where(FILES.c.id == file_id)))
    for job, reason in ((broken, "input"), (impossible, "contract"), (gone, "input")):
        ended = yard.carry(job)
        assert ended.failure is not None and ended.failure.reason == reason
        assert yard.spent(job) == (["hold", "release"], 0)
    assert yard.shelf.search(tenant="studio").assets == ()


def test_what_nobody_foresaw_is_the_workers_to_judge(yard: Yard) -> None:
    def broken(call: StageCall) -> None:
        raise ZeroDivisionError

    yard.lane.before = broken
    job = yard.submit()
    with pytest.raises(ZeroDivisionError):
        yard.carry(job)
    assert yard.jobs.get(job.id).state is State.RUNNING


def test_a_database_that_is_away_for_a_moment_stops_no_stage(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    report = yard.jobs.report

    def deaf(job: Job, kind: EventKind, **said: Any) -> Job:
        if kind in (EventKind.PROGRESS, EventKind.NOTE, EventKind.WARNING):
            raise StorageError("no answer")
        return report(job, kind, **said)

    monkeypatch.setattr(yard.jobs, "report", deaf)
    assert yard.carry(yard.submit()).state is State.SUCCEEDED


def event(
    seq: int, outcome: str, *, output: str = "stages/1", on_gpu: bool = True, backend: str | None = "fake", attempt: int = 1
) -> Event:
    data = {"stage": "generate", "outcome": outcome, "output": output, "on_gpu": on_gpu, "backend": backend, "seconds": 1.5}
    return Event(job_id="j", seq=seq, kind=EventKind.STAGE_FINISHED, at_ms=0, attempt=attempt, data=data)


def test_every_output_is_charged_once_and_only_if_it_was_made() -> None:
    events = [
        event(1, "failed"),
        event(2, "done"),
        event(3, "done", attempt=2),
        event(4, "shared", output="stages/2"),
        event(5, "done", output="stages/3", on_gpu=False),
        event(6, "done", output="stages/4", backend=None),
    ]
    assert [(work.item, work.gpu_ms, work.calls) for work in work_in(events)] == [("fake", 1500, 1), ("fake", 0, 1)]


@pytest.mark.parametrize(("held_ms", "price"), [(0, 700), (2000, 525), (1000, 1050)])
def test_the_held_price_is_in_proportion_to_the_time_on_a_gpu(held_ms: int, price: int) -> None:
    held = Charge(item="fake", microdollars=700, gpu_ms=held_ms)
    assert at_held_price(Charge(item="fake", microdollars=0, gpu_ms=1500), held) == Charge(item="fake", microdollars=price, gpu_ms=1500)


def test_errors_are_told_without_secrets(yard: Yard) -> None:
    def leaky(call: StageCall) -> None:
        raise KilnError("no answer from https://anna:hunter22@example.com")

    yard.lane.before = leaky
    failure = yard.carry(yard.submit()).failure
    assert failure is not None and "hunter22" not in failure.message
