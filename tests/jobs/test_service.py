"""The service that faces talk to: from an empty folder, with nothing set up."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiln.errors import BudgetError, ConflictError, InputError, RefusedError, SetupError, StorageError
from kiln.jobs.records.files import NewFile
from kiln.jobs.records.job import Job, Kind, Request, State
from kiln.jobs.service import PRICES, Service, Terms, open_service
from kiln.storage.blobs import blob_key

PRICED = "[silhouette]\nmicrodollars_per_call = 250000\n"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(data=tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.zeros((48, 64, 4), np.uint8)
    pixels[8:40, 16:48] = (40, 90, 200, 255)
    cv2.imwrite(str(tmp_path / "block.png"), pixels)
    return tmp_path / "block.png"


def a_request(service: Service, *, tenant: str = "anna") -> Request:
    """A good request, whose upload came past the door: a child for each would take most of these tests' time."""
    file = NewFile(name="block.png", role="png", key=blob_key("0" * 64), sha256="0" * 64, size=1, media_type="image/png")
    return Request(recipe="prop", inputs={"picture_0": service.files.add(file, tenant=tenant).id})


def workflow_of(service: Service, job: Job) -> str | None:
    found = service.queue.look_up([job.id]).get(job.id)
    return None if found is None else found.step


def test_from_an_empty_folder_a_request_becomes_a_job_that_waits_in_the_queue(service: Service) -> None:
    assert service.troubles() == ()
    receipt = service.submit(a_request(service), tenant="anna")
    assert service.jobs.get(receipt.job.id, tenant="anna").state is State.QUEUED
    assert workflow_of(service, receipt.job) == "waiting"


def test_an_upload_is_kept_under_its_content_and_its_name_is_only_shown(service: Service, picture: Path) -> None:
    kept = service.take_upload(picture, tenant="anna", name="../../etc/\u202epasswd.png")
    assert (kept.name, kept.role, kept.media_type) == ("passwd.png", "png", "image/png")
    assert service.store.get(kept.key) == picture.read_bytes()


def test_what_is_no_picture_model_or_package_is_not_kept(service: Service, tmp_path: Path) -> None:
    page, bomb = tmp_path / "page.png", tmp_path / "bomb.zip"
    page.write_text("<svg/>", encoding="utf-8")
    with zipfile.ZipFile(bomb, "w") as file:
        file.writestr("../out.txt", "x")
    for strange in (page, bomb):
        with pytest.raises((RefusedError, InputError)):
            service.take_upload(strange, tenant="anna", name=strange.name)
    assert list(service.store.keys("blobs")) == []


def test_another_tenants_file_is_no_input(service: Service) -> None:
    with pytest.raises(InputError, match="there is no file"):
        service.submit(a_request(service, tenant="bert"), tenant="anna")


def test_a_job_whose_queue_was_out_of_reach_is_kept_and_the_same_key_hands_it_over(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, terms = a_request(service), Terms(idempotency_key="k")

    def out_of_reach(job: Job) -> None:
        raise StorageError("the queue is out of reach")

    with monkeypatch.context() as broken:
        broken.setattr(service.queue, "enqueue", out_of_reach)
        first = service.submit(request, tenant="anna", terms=terms)
    assert workflow_of(service, first.job) is None
    again = service.submit(request, tenant="anna", terms=terms)
    assert (again.created, again.job.id) == (False, first.job.id)
    assert workflow_of(service, first.job) == "waiting"


def test_only_a_job_that_came_to_nothing_is_tried_again_and_as_a_new_one(service: Service) -> None:
    job = service.submit(a_request(service), tenant="anna").job
    with pytest.raises(ConflictError, match="is queued"):
        service.retry(job.id, tenant="anna")
    service.cancel(job.id, tenant="anna")
    again = service.retry(job.id, tenant="anna").job
    assert (again.request, again.state) == (job.request, State.QUEUED)
    assert again.id != job.id


def test_a_batch_keeps_its_bad_items_and_comes_back_under_its_key(service: Service) -> None:
    good = a_request(service).as_data()
    items = [good, {**good, "recipe": "propp"}, "nonsense", good]
    batch, jobs = service.submit_batch(items, tenant="anna", terms=Terms(idempotency_key="b"))
    assert [job.state for job in jobs] == [State.QUEUED, State.FAILED, State.FAILED, State.QUEUED]
    assert "did you mean 'prop'" in (jobs[1].failure.message if jobs[1].failure else "")
    again, same = service.submit_batch(items, tenant="anna", terms=Terms(idempotency_key="b"))
    assert (again.id, [job.id for job in same]) == (batch.id, [job.id for job in jobs])
    with pytest.raises(ConflictError):
        service.submit_batch(items[:1], tenant="anna", terms=Terms(idempotency_key="b"))
    with pytest.raises(InputError, match="0 items"):
        service.submit_batch([], tenant="anna")


def test_a_price_is_told_before_and_a_budget_is_kept(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / PRICES).write_text(PRICED, encoding="utf-8")
    with open_service(data=tmp_path / "data") as service:
        request = a_request(service)
        (charge,) = service.quote(request, tenant="anna")
        assert (charge.item, charge.microdollars) == ("silhouette", 250_000)
        service.ledger.set_budget("anna", microdollars=400_000)
        job = service.submit(request, tenant="anna").job
        with pytest.raises(BudgetError):
            service.submit(request, tenant="anna")
        service.cancel(job.id, tenant="anna")
        assert service.submit(request, tenant="anna").created


@pytest.mark.parametrize("text", ["silhouette = 3", "[silhouette", "[silhouette]\nmicrodollars_per_call = -1"])
def test_a_list_of_prices_that_says_nothing_is_refused_at_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / PRICES).write_text(text, encoding="utf-8")
    with pytest.raises(SetupError, match="list of prices"):
        open_service(data=tmp_path)


def test_a_request_of_every_kind_is_refused_without_its_input(service: Service) -> None:
    for kind in Kind:
        with pytest.raises(InputError):
            service.submit(Request(kind=kind, recipe="prop"), tenant="anna")


def test_what_keeps_it_from_working_is_said(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise StorageError("the disk is at its floor", kind="full")

    monkeypatch.setattr(service.store, "check_room", full)
    assert service.troubles() == ("the disk is at its floor",)
