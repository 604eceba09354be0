"""Service: everything that a face of a running Kiln talks to, opened once for a process: records, store, and the queue that jobs go to.

Faces parse and present; what they ask for is decided here and in the rooms' own modules. Nothing here runs a stage: workers do that.
"""

from __future__ import annotations

import logging
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from kiln import settings
from kiln.errors import ConflictError, KilnError, SetupError, StorageError
from kiln.intake.admit import admit_zip, check_upload
from kiln.intake.names import inert_name
from kiln.intake.sniff import ANY, Kind, sniff
from kiln.jobs.engine import WorkflowQueue
from kiln.jobs.money.ledger import Ledger
from kiln.jobs.money.prices import Charge, Rate, read_rates
from kiln.jobs.reception import desk as reception
from kiln.jobs.reception.desk import Desk
from kiln.jobs.records.batches import Batch, BatchStore
from kiln.jobs.records.database import Database
from kiln.jobs.records.files import FileBook, KeptFile, NewFile
from kiln.jobs.records.job import Job, Request, State
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.keys import KeyRing
from kiln.jobs.records.orders import Receipt
from kiln.jobs.records.outbox import Outbox
from kiln.jobs.records.roster import Roster
from kiln.storage import Store, open_store
from kiln.storage.blobs import blob_key
from kiln.storage.digest import sha256_of
from kiln.storage.shelf import Shelf

_LOG = logging.getLogger(__name__)

PRICES: Final = "prices.toml"
"""In the data folder: a table for each backend that costs something, as `prices.read_rates` takes them."""

_MEDIA_TYPES: Final[Mapping[Kind, str]] = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "glb": "model/gltf-binary",
    "gltf": "model/gltf+json",
    "obj": "model/obj",
    "stl": "model/stl",
    "zip": "application/zip",
}
"""Of uploads; the other kinds have no registered type."""

_OCTETS: Final = "application/octet-stream"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Under which conditions a request becomes a job."""

    priority: int = 0
    idempotency_key: str | None = None
    webhook_url: str | None = None
    batch_id: str | None = None


_USUAL: Final = Terms()


class Service:
    """A running Kiln's records, store and queue; safe to use from many threads. Leave it as a context to close it."""

    def __init__(self, database: Database, store: Store, *, queue: WorkflowQueue, data: Path, rates: Mapping[str, Rate]) -> None:
        self.database = database
        self.store = store
        self.queue = queue
        self.data = data
        """The folder of this machine's own files."""

        self.rates = rates
        self.jobs = JobStore(database)
        self.batches = BatchStore(database)
        self.files = FileBook(database)
        self.keys = KeyRing(database)
        self.ledger = Ledger(database)
        self.outbox = Outbox(database)
        self.roster = Roster(database)
        self.shelf = Shelf(store)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give back all connections."""
        self.queue.close()
        self.database.close()

    def quote(self, request: Request, *, tenant: str) -> tuple[Charge, ...]:
        """What a request would cost. Raises as `submit` does for a request that is none."""
        return tuple(self._desk(tenant, _USUAL).order(request).charges)

    def submit(self, request: Request, *, tenant: str, terms: Terms = _USUAL) -> Receipt:
        """Make a job of a request, once it is checked and priced; it is kept when this returns.

        Raises InputError for a request that cannot be done, ConflictError for a key that stands for another, BudgetError when it costs too
        much, StorageError of kind "full" when there is no room for what it would make.
        """
        order = self._desk(tenant, terms).order(request, idempotency_key=terms.idempotency_key)
        self.store.check_room()
        receipt = self.jobs.submit(order)
        self.hand_over([receipt.job])
        return receipt

    def submit_batch(self, items: Sequence[Any], *, tenant: str, terms: Terms = _USUAL) -> tuple[Batch, tuple[Job, ...]]:
        """Make a job of each item of a manifest, as `reception.orders_for_batch` says; a bad item's job has failed at once.

        Under a key that was used before, the batch it made. Raises as `submit`, for the batch as a whole.
        """
        desk = self._desk(tenant, replace(terms, batch_id=None))
        reception.check_count(items)
        self.store.check_room()
        opened = self.batches.open(tenant, size=len(items))
        orders = reception.orders_for_batch(items, replace(desk, batch_id=opened.id), idempotency_key=terms.idempotency_key)
        jobs = tuple(receipt.job for receipt in self.jobs.submit_all(orders))
        self.hand_over(jobs)
        batch = self.batches.get(jobs[0].batch_id or opened.id, tenant=tenant)
        if batch.size != len(items):
            raise ConflictError("this Idempotency-Key made a batch of other items: choose a new key")
        return batch, jobs

    def cancel(self, job_id: str, *, tenant: str | None = None) -> Job:
        """Cancel a queued job, or have a running one stopped; as JobStore.ask_to_cancel."""
        return self.jobs.ask_to_cancel(job_id, tenant=tenant)

    def retry(self, job_id: str, *, tenant: str, idempotency_key: str | None = None) -> Receipt:
        """Submit a failed or cancelled job's request again, as a new job that finds every stage that was finished.

        ConflictError when the job has not ended, or succeeded.
        """
        job = self.jobs.get(job_id, tenant=tenant)
        if job.state not in (State.FAILED, State.CANCELLED):
            raise ConflictError(f"{job.id} is {job.state}: only a failed or cancelled job is tried again")
        terms = Terms(priority=job.priority, idempotency_key=idempotency_key, webhook_url=job.webhook_url)
        return self.submit(job.request, tenant=tenant, terms=terms)

    def hand_over(self, jobs: Iterable[Job]) -> None:
        """Put queued jobs, whose records are kept already, onto the queue. What cannot be put there now, a worker's round finds later."""
        for job in jobs:
            if job.state is State.QUEUED:
                try:
                    self.queue.enqueue(job)
                except Exception:  # noqa: BLE001 - the job is acknowledged: whatever it is, it must not look refused
                    _LOG.exception("%s could not be put onto the queue now and waits for a worker to find it", job.id)

    def take_upload(self, path: Path, *, tenant: str, name: str) -> KeptFile:
        """Keep a stranger's file, once a confined child has read it to its end; `name` is only shown.

        Raises RefusedError or InputError for what is not let in, StorageError when it cannot be kept.
        """
        found = sniff(path, wanted=ANY)
        if found.kind == "zip":
            _check_zip(path)
        else:
            check_upload(path, name=name)
        with path.open("rb") as file:
            sha256 = sha256_of(file)
        media_type = _MEDIA_TYPES.get(found.kind, _OCTETS)
        stored = self.store.put(blob_key(sha256), path, media_type=media_type, sha256=sha256)
        file_of_it = NewFile(name=inert_name(name), role=found.kind, key=stored.key, sha256=sha256, size=stored.size, media_type=media_type)
        return self.files.add(file_of_it, tenant=tenant)

    def troubles(self) -> tuple[str, ...]:
        """What keeps the service from doing its work now, in sentences without secrets; empty when it is ready."""
        return (*self._database_troubles(), *self._store_troubles())

    def _database_troubles(self) -> tuple[str, ...]:
        try:
            self.database.ping()
        except KilnError as error:
            return (str(error),)
        return ()

    def _store_troubles(self) -> tuple[str, ...]:
        try:
            self.store.check_room()
            self.store.exists(blob_key("0" * 64))
        except StorageError as error:
            return (str(error),)
        return ()

    def _desk(self, tenant: str, terms: Terms) -> Desk:
        return Desk(
            tenant=tenant,
            files=self.files,
            rates=self.rates,
            priority=terms.priority,
            webhook_url=terms.webhook_url,
            batch_id=terms.batch_id,
        )


def open_service(*, data: Path, database_url: str | None = None, store_url: str | None = None) -> Service:
    """The service whose own files lie in the folder `data`, which is made if it is not there.

    Jobs are kept at `database_url`, else KILN_DATABASE_URL, else in the folder; bytes at `store_url`, else KILN_STORE, else in the folder.
    SetupError for what cannot be used here, StorageError for what is out of reach.
    """
    _make_folder(data)
    url = database_url or settings.database_url() or f"sqlite:///{data / 'jobs.sqlite'}"
    store = open_store(store_url or settings.chosen_store_url() or str(data / "store"))
    rates = _read_prices(settings.prices_file(), data / PRICES)
    database = Database(url)
    try:
        return Service(database, store, queue=WorkflowQueue(url), data=data, rates=rates)
    except BaseException:
        database.close()
        raise


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{data} cannot be made ({error.strerror}): choose another folder with --data") from None


def _read_prices(named: Path | None, usual: Path) -> dict[str, Rate]:
    """SetupError when the file says nothing that can be used, or was named and is not there."""
    path = named or usual
    try:
        return read_rates(tomllib.loads(path.read_text(encoding="utf-8"))) if named or path.exists() else {}
    except (OSError, ValueError, KilnError, AttributeError) as error:
        raise SetupError(f"{path} cannot be used as a list of prices: {error}") from None


def _check_zip(path: Path) -> None:
    """Have it unpacked where nobody looks: what a job reads later was read to its end once."""
    with tempfile.TemporaryDirectory(prefix="kiln-") as folder:
        admit_zip(path, Path(folder))
