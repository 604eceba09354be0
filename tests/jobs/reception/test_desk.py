"""Requests at the door: files that are there, theirs and of the right kind; a price; and of a batch, every item's fate."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from jobs.checker import states_in
from kiln.backends import registry
from kiln.backends.card import Card, Role
from kiln.errors import BudgetError, InputError, SetupError
from kiln.jobs.money.ledger import Ledger
from kiln.jobs.money.prices import USUAL_GPU_SECONDS, Rate
from kiln.jobs.reception.desk import MAX_ITEMS, Desk, orders_for_batch
from kiln.jobs.records.batches import BatchStore
from kiln.jobs.records.database import Database
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.files import FileBook, NewFile
from kiln.jobs.records.job import Kind, Request, State
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order

SHA = "0" * 64


class Desks:
    """Files of a tenant called studio, by the kind they were found to be; and the desk they are shown at."""

    def __init__(self, database: Database) -> None:
        self.book = FileBook(database)
        self.rates: dict[str, Rate] = {}

    def upload(self, kind: str, *, tenant: str = "studio") -> str:
        return self.book.add(a_file(f"a.{kind}", kind), tenant=tenant).id

    def order(self, kind: Kind, *, parameters: Any = None, recipe: str = "prop", **inputs: str) -> Order:
        request = Request(kind=kind, recipe=recipe, parameters=parameters or {}, inputs=inputs)
        return Desk(tenant="studio", files=self.book, rates=self.rates).order(request)


def a_file(name: str, role: str) -> NewFile:
    return NewFile(name=name, role=role, key=f"blobs/00/{SHA}", sha256=SHA, size=1, media_type="application/octet-stream")


@pytest.fixture
def desk(database: Database) -> Desks:
    return Desks(database)


def test_every_kind_of_job_is_taken(desk: Desks) -> None:
    png, glb, package = desk.upload("png"), desk.upload("glb"), desk.upload("zip")
    assert desk.order(Kind.MAKE, picture_0=png, picture_1=png).charges == ()
    assert desk.order(Kind.PROCESS, model=glb).request.kind is Kind.PROCESS
    for role, file_id in (("package", package), ("model", glb)):
        desk.order(Kind.EXPORT, recipe="", parameters={"export": {"engine": ["unity"]}}, **{role: file_id})
    for file_id in (png, glb, package):
        desk.order(Kind.INSPECT, recipe="", model=file_id)
    desk.order(Kind.CHECK, recipe="", model=package, source=glb, parameters={"job": {"contract": "unity"}})


def test_conditions_are_passed_on(desk: Desks) -> None:
    request = Request(recipe="prop", inputs={"picture_0": desk.upload("png")})
    conditions: dict[str, Any] = {"priority": -3, "webhook_url": "https://example.com/x", "batch_id": None}
    order = Desk(tenant="studio", files=desk.book, rates={}, **conditions).order(request, idempotency_key="k")
    assert {name: getattr(order, name) for name in conditions} == conditions and order.idempotency_key == "k"


def test_what_a_job_has_made_may_go_into_another(desk: Desks, store: JobStore) -> None:
    job = store.submit(desk.order(Kind.MAKE, picture_0=desk.upload("png"))).job
    package, model = desk.book.add_of_job([a_file("x.zip", "package"), a_file("x.glb", "model")], tenant="studio", job_id=job.id)
    desk.order(Kind.EXPORT, package=package.id)
    desk.order(Kind.PROCESS, model=model.id)
    with pytest.raises(InputError, match="the input model is zip: give one of glb"):
        desk.order(Kind.PROCESS, model=package.id)


@pytest.mark.parametrize(
    ("kind", "inputs", "words"),
    [
        (Kind.MAKE, {}, "needs the input picture_0"),
        (Kind.MAKE, {"picture": "png"}, "has no input 'picture': did you mean 'picture_"),
        (Kind.MAKE, {"picture_0": "png", "picture_2": "png"}, "there is no picture_1"),
        (Kind.MAKE, {f"picture_{n}": "png" for n in range(5)}, "has no input 'picture_4'"),
        (Kind.MAKE, {"picture_0": "glb"}, "the input picture_0 is glb: give one of png, jpeg, webp"),
        (Kind.PROCESS, {"model": "zip"}, "the input model is zip"),
        (Kind.PROCESS, {"picture_0": "png"}, "has no input 'picture_0'"),
        (Kind.EXPORT, {"package": "glb"}, "the input package is glb: give one of zip"),
        (Kind.EXPORT, {"package": "zip", "model": "glb"}, "needs one of the input model or package"),
        (Kind.CHECK, {"source": "glb"}, "needs the input model"),
    ],
)
def test_inputs_that_do_not_fit(desk: Desks, kind: Kind, inputs: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        desk.order(kind, **{role: desk.upload(found) for role, found in inputs.items()})


def test_files_that_parameters_name_are_no_pictures_of_the_subject(desk: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    png = desk.upload("png")
    files = {"cutout.mask": png, "cutout.scribble": desk.upload("jpeg")}
    desk.order(Kind.MAKE, picture_0=png, picture_1=png, **files)
    desk.order(Kind.PROCESS, model=desk.upload("glb"), **files)
    on_a_gpu(monkeypatch)
    desk.rates = {"fake": Rate(microdollars_per_call=7)}
    (charge,) = desk.order(Kind.MAKE, parameters=FAKES, picture_0=png, **files).charges
    assert charge.microdollars == 2 * 7


@pytest.mark.parametrize(
    ("kind", "role", "found", "words"),
    [
        (Kind.MAKE, "cutout.mask", "glb", "the input cutout.mask is glb: give one of png, jpeg, webp"),
        (Kind.MAKE, "cutout.masc", "png", "did you mean 'cutout.mask'"),
        (Kind.MAKE, "cutout.margin", "png", "has no input 'cutout.margin'"),
        (Kind.MAKE, "export.out", "png", "has no input 'export.out'"),
        (Kind.INSPECT, "cutout.mask", "png", "has no input 'cutout.mask'"),
        (Kind.EXPORT, "cutout.mask", "png", "has no input 'cutout.mask'"),
    ],
)
def test_only_pictures_go_to_parameters_that_name_files(desk: Desks, kind: Kind, role: str, found: str, words: str) -> None:
    needed = {"picture_0": desk.upload("png")} if kind is Kind.MAKE else {"model": desk.upload("glb")}
    with pytest.raises(InputError, match=words):
        desk.order(kind, recipe="prop" if kind is Kind.MAKE else "", **needed, **{role: desk.upload(found)})
    with pytest.raises(InputError, match="there is no file"):
        desk.order(Kind.MAKE, picture_0=desk.upload("png"), **{"cutout.mask": desk.upload("png", tenant="rival")})


def test_another_tenants_file_is_not_there(desk: Desks) -> None:
    theirs = desk.upload("png", tenant="rival")
    for file_id in (theirs, "file_0", "../../etc/passwd"):
        with pytest.raises(InputError, match="there is no file"):
            desk.order(Kind.MAKE, picture_0=file_id)


def test_views_must_fit_the_pictures(desk: Desks) -> None:
    png = desk.upload("png")
    with pytest.raises(InputError, match="2 views were given for 1 pictures"):
        desk.order(Kind.MAKE, picture_0=png, parameters={"job": {"views": ["front", "back"]}})
    with pytest.raises(InputError, match="two pictures claim to be the back view"):
        desk.order(Kind.MAKE, picture_0=png, picture_1=png, parameters={"job": {"views": ["back", "back"]}})
    desk.order(Kind.MAKE, picture_0=png, picture_1=png, parameters={"job": {"views": [None, "back"]}})


def on_a_gpu(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    find: Callable[[Role, str], Card] = registry.find
    monkeypatch.setattr(registry, "find", lambda role, name: replace(find(role, name), needs_gpu=True, **changes))


FAKES = {"cutout": {"backend": "fake"}, "generate": {"backend": "fake"}}


def test_a_price_is_known_before(desk: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    png = desk.upload("png")
    pictures = {"picture_0": png, "picture_1": png}
    assert desk.order(Kind.MAKE, parameters=FAKES, **pictures).charges == ()
    desk.rates = {"fake": Rate(microdollars_per_call=7, microdollars_per_gpu_second=100)}
    (charge,) = desk.order(Kind.MAKE, parameters=FAKES, **pictures).charges
    assert (charge.item, charge.microdollars, charge.gpu_ms) == ("fake", 3 * 7, 0)  # two pictures cut out, one shape
    on_a_gpu(monkeypatch)
    (charge,) = desk.order(Kind.MAKE, parameters=FAKES, **pictures).charges
    assert (charge.gpu_ms, charge.microdollars) == (3_000 * USUAL_GPU_SECONDS, 3 * 7 + 3 * 100 * USUAL_GPU_SECONDS)
    on_a_gpu(monkeypatch, gpu_seconds=2.5)
    assert desk.order(Kind.MAKE, parameters=FAKES, **pictures).charges[0].gpu_ms == 7_500
    assert desk.order(Kind.PROCESS, model=desk.upload("glb")).charges == ()


def manifest(file_id: str, *, size: int) -> list[dict[str, Any]]:
    """Every tenth item is bad, each in its own way."""
    bad: list[dict[str, Any]] = [
        {"recipe": "porp", "inputs": {"picture_0": file_id}},
        {"inputs": {}},
        {"inputs": {"picture_0": "file_000000000000000000000000"}},
        {"inputs": {"picture_0": file_id}, "parameters": {"simplify": {"triangles": -1}}},
        {"recipes": "prop"},
        {"kind": "zap"},
    ]
    good = [{"inputs": {"picture_0": file_id}, "parameters": {"simplify": {"triangles": 100 + n}}} for n in range(size)]
    return [good[n] if n % 10 else bad[n // 10 % len(bad)] for n in range(size)]


def test_a_batch_of_500_with_50_bad_items_is_whole(database: Database, desk: Desks, store: JobStore) -> None:
    batches = BatchStore(database)
    batch = batches.open("studio", size=500)
    counter = Desk(tenant="studio", files=desk.book, rates={}, batch_id=batch.id, webhook_url="https://example.com/x")
    items = manifest(desk.upload("png"), size=500)
    began = time.monotonic()
    orders = orders_for_batch(items, counter, idempotency_key="batch")
    receipts = store.submit_all(orders)
    assert time.monotonic() - began < 30  # 1 to 2 s, measured alone
    assert batches.get(batch.id, tenant="studio").counts == {State.QUEUED: 450, State.FAILED: 50}
    failed = [receipt.job for receipt in receipts if receipt.job.state is State.FAILED]
    assert {job.failure.reason for job in failed if job.failure} == {FailureReason.INPUT}
    assert all(states_in(store.events(job.id)) == (State.QUEUED, State.FAILED) for job in failed[:3])
    assert [job.id for job in failed] == [receipts[n].job.id for n in range(0, 500, 10)]
    again = store.submit_all(orders_for_batch(items, counter, idempotency_key="batch"))
    assert [receipt.job.id for receipt in again] == [receipt.job.id for receipt in receipts]
    assert not any(receipt.created for receipt in again)


def test_no_job_of_a_batch_is_kept_when_its_price_is_too_high(database: Database, desk: Desks, store: JobStore) -> None:
    rates = {"fake": Rate(microdollars_per_call=1)}
    Ledger(database).set_budget("studio", microdollars=5)
    counter = Desk(tenant="studio", files=desk.book, rates=rates)
    items = [{"parameters": FAKES, "inputs": {"picture_0": desk.upload("png")}}] * 3
    with pytest.raises(BudgetError):
        store.submit_all(orders_for_batch(items, counter))
    assert store.page("studio").jobs == ()
    assert Ledger(database).spent("studio") == 0


@pytest.mark.parametrize("item", [None, 3, [], "x", {"inputs": []}, {"parameters": 3}, {"recipe": {}}, {"inputs": {"picture_0": {}}}])
def test_items_that_are_none_fail_alone(desk: Desks, item: Any) -> None:
    (order,) = orders_for_batch([item], Desk(tenant="studio", files=desk.book, rates={}))
    assert order.failure is not None and order.failure.reason is FailureReason.INPUT


def test_a_backend_that_is_not_there_fails_an_item_alone(desk: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(role: Role, name: str) -> Card:
        raise SetupError(f"{role} {name} cannot be used")

    monkeypatch.setattr(registry, "find", missing)
    (order,) = orders_for_batch([{"inputs": {"picture_0": desk.upload("png")}}], Desk(tenant="studio", files=desk.book, rates={}))
    assert order.failure is not None and order.failure.reason is FailureReason.SETUP


@pytest.mark.parametrize("count", [0, MAX_ITEMS + 1])
def test_a_batch_has_a_size(desk: Desks, count: int) -> None:
    with pytest.raises(InputError, match=f"a batch of {count} items"):
        orders_for_batch([{}] * count, Desk(tenant="studio", files=desk.book, rates={}))
