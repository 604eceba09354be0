"""Files of tenants: nobody reaches another's, and what a job made is kept once however often it is told."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from kiln.errors import ConflictError, InputError
from kiln.jobs.records.database import Database
from kiln.jobs.records.files import FileBook, KeptFile, NewFile
from kiln.jobs.records.job import Request
from kiln.jobs.records.job_queries import check_files
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order
from kiln.storage.blobs import blob_key

SHA256 = "3f" * 32
FILE = NewFile(name="skewer.png", role="png", key=blob_key(SHA256), sha256=SHA256, size=7, media_type="image/png")


@pytest.fixture
def book(database: Database) -> FileBook:
    return FileBook(database)


@pytest.fixture
def job_id(store: JobStore) -> str:
    return store.submit(Order(request=Request(recipe="prop"), tenant="anna")).job.id


def test_an_upload_comes_back_as_it_was_given(book: FileBook) -> None:
    kept = book.add(FILE, tenant="anna")
    assert book.get(kept.id, tenant="anna") == book.get(kept.id, tenant=None) == kept
    assert (kept.name, kept.key, kept.job_id) == ("skewer.png", f"blobs/3f/{SHA256}", None)


def test_the_same_bytes_are_a_file_of_each_who_has_them_and_of_nobody_else(book: FileBook) -> None:
    annas, berts = book.add(FILE, tenant="anna"), book.add(FILE, tenant="bert")
    assert annas.id != berts.id
    with pytest.raises(InputError, match="there is no file"):
        book.get(annas.id, tenant="bert")
    with pytest.raises(InputError, match="there is no file"):
        book.remove(annas.id, tenant="bert")
    book.remove(annas.id, tenant="anna")
    assert book.get(berts.id, tenant="bert") == berts
    with pytest.raises(InputError, match="there is no file"):
        book.get(annas.id, tenant="anna")


def naming(file: KeptFile) -> Order:
    return Order(request=Request(recipe="prop", inputs={"picture_0": file.id}), tenant="anna")


def test_a_file_stays_until_the_jobs_that_name_it_have_ended(book: FileBook, store: JobStore) -> None:
    file, other = book.add(FILE, tenant="anna"), book.add(FILE, tenant="anna")
    job = store.submit(naming(file)).job
    with pytest.raises(ConflictError, match="wait for it, or cancel it"):
        book.remove(file.id, tenant="anna")
    book.remove(other.id, tenant="anna")
    store.ask_to_cancel(job.id)
    book.remove(file.id, tenant="anna")
    with pytest.raises(InputError, match="there is no file"):
        store.submit(naming(file))


def test_a_job_that_is_just_being_submitted_keeps_its_file(book: FileBook, store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is removed in the very moment between the look for it and the job's row."""
    file, refused = book.add(FILE, tenant="anna"), threading.Event()

    def remove() -> None:
        with pytest.raises(ConflictError):
            book.remove(file.id, tenant="anna")
        refused.set()

    removing = threading.Thread(target=remove)

    def look(*given: Any, **named: Any) -> None:
        check_files(*given, **named)
        removing.start()
        removing.join(0.3)  # it must wait for us; where it does not, it is done by now

    monkeypatch.setattr("kiln.jobs.records.job_store.check_files", look)
    store.submit(naming(file))
    removing.join(60)
    assert refused.is_set()
    assert book.get(file.id, tenant="anna") == file


@pytest.mark.parametrize("strange", ["", "file_", "file_\0", "../../etc/passwd", "file_" + "g" * 24, "x" * 10_000])
def test_what_is_no_id_names_no_file(book: FileBook, strange: str) -> None:
    with pytest.raises(InputError, match="there is no file"):
        book.get(strange, tenant="anna")
    assert book.of_job(strange) == ()


def test_what_a_job_made_is_kept_once_however_often_it_is_told(book: FileBook, job_id: str) -> None:
    model, report = replace(FILE, name="skewer.glb"), replace(FILE, name="report.json")
    first = book.add_of_job([model], tenant="anna", job_id=job_id)
    again = book.add_of_job([report, replace(model, size=8)], tenant="anna", job_id=job_id)
    assert again[1] == first[0]
    assert [file.name for file in book.of_job(job_id)] == ["skewer.glb", "report.json"]


@pytest.mark.parametrize("name", ["", "x" * 401, "a\nb", "a\x1b[31m", "\u202egpj.exe"])
def test_a_name_that_could_mislead_is_none(name: str) -> None:
    with pytest.raises(InputError, match="no name of a file"):
        replace(FILE, name=name)
