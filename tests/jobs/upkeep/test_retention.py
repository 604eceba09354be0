"""What is forgotten of the records, and what never is."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from jobs.stopped_clock import StoppedClock
from kiln.errors import InputError, KilnError, SetupError
from kiln.jobs.records.database import Database
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.files import FileBook, KeptFile, NewFile
from kiln.jobs.records.job import Failure, Job, Request
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.lease import take_lease
from kiln.jobs.records.orders import KEY_LIFE_MS, Order
from kiln.jobs.records.outbox import Outbox
from kiln.jobs.records.tables import EVENTS, IDEMPOTENCY_KEYS, WEBHOOKS
from kiln.jobs.upkeep.retention import DAY_MS, HOUR_MS, Policy, Retention, usual_policy
from kiln.storage.blobs import blob_key

NUMBERS = itertools.count()


@pytest.fixture
def book(database: Database, clock: StoppedClock) -> FileBook:
    return FileBook(database, clock=clock)


@pytest.fixture
def retention(database: Database, clock: StoppedClock) -> Retention:
    return Retention(database, clock=clock)


def file(name: str = "a.png") -> NewFile:
    sha256 = f"{next(NUMBERS):064x}"
    return NewFile(name=name, role="png", key=blob_key(sha256), sha256=sha256, size=1, media_type="image/png")


def job_on(store: JobStore, *files: KeptFile, **order: object) -> Job:
    request = Request(recipe="prop", inputs={f"picture_{number}": kept.id for number, kept in enumerate(files)})
    return store.submit(Order(**({"request": request, "tenant": "anna"} | order))).job  # type: ignore[arg-type]


def ended(store: JobStore, job: Job) -> Job:
    return store.succeed(store.start(job, executor_id="one"), results={}, measured=())


def is_there(book: FileBook, kept: KeptFile) -> bool:
    try:
        return book.get(kept.id, tenant=kept.tenant) == kept
    except InputError:
        return False


def test_an_upload_goes_when_nobody_has_used_it_for_long(
    store: JobStore, book: FileBook, retention: Retention, clock: StoppedClock
) -> None:
    unused, waits, runs, failed, used, others = (book.add(file(), tenant="anna") for _ in range(6))
    job_on(store, waits)
    running = store.start(job_on(store, runs), executor_id="one")
    to_fail, to_end = job_on(store, failed, used), job_on(store, others)
    ended(store, to_end)
    clock.at += DAY_MS
    store.fail(to_fail, Failure(reason=FailureReason.BACKEND, message="it broke"))
    clock.at += HOUR_MS
    young = book.add(file(), tenant="anna")
    assert retention.forget_uploads(older_than_ms=clock.at - DAY_MS) == 2
    kept = {name: is_there(book, upload) for name, upload in vars_of(unused, waits, runs, failed, used, others, young).items()}
    assert kept == {"unused": False, "others": False} | dict.fromkeys(("waits", "runs", "failed", "used", "young"), True)
    store.cancelled(store.ask_to_cancel(running.id))
    clock.at += 2 * DAY_MS
    assert retention.forget_uploads(older_than_ms=clock.at - DAY_MS) == 4
    assert is_there(book, waits)


def vars_of(*files: KeptFile) -> dict[str, KeptFile]:
    return dict(zip(("unused", "waits", "runs", "failed", "used", "others", "young"), files, strict=True))


def test_what_a_job_made_goes_only_when_its_time_is_over_and_it_is_neither_named_nor_spared(
    store: JobStore, book: FileBook, retention: Retention, clock: StoppedClock
) -> None:
    maker = job_on(store)
    gone, named, spared = book.add_of_job([file("a"), file("b"), file("c")], tenant="anna", job_id=maker.id)
    upload = book.add(file(), tenant="anna")
    ended(store, maker)
    clock.at += 10 * DAY_MS
    unfinished = job_on(store, named)
    (alive,) = book.add_of_job([file("d")], tenant="anna", job_id=unfinished.id)
    clock.at += DAY_MS
    assert retention.forget_artifacts(older_than_ms=clock.at - HOUR_MS, spare={spared.key}) == 1
    assert [is_there(book, one) for one in (gone, named, spared, alive, upload)] == [False, True, True, True, True]


def test_a_file_that_goes_and_a_job_that_names_it_never_meet(
    store: JobStore, book: FileBook, retention: Retention, clock: StoppedClock
) -> None:
    """Many clients submit while uploads are forgotten: whoever was acknowledged finds the file."""
    uploads = [book.add(file(), tenant="anna") for _ in range(40)]
    clock.at += 2 * DAY_MS
    accepted: list[KeptFile] = []
    start = threading.Barrier(5)

    def submit(mine: list[KeptFile]) -> None:
        start.wait(30)
        for upload in mine:
            try:
                job_on(store, upload)
            except KilnError:
                continue
            accepted.append(upload)

    threads = [threading.Thread(target=submit, args=(uploads[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    start.wait(30)
    retention.forget_uploads(older_than_ms=clock.at - DAY_MS)
    for thread in threads:
        thread.join(60)
    assert all(is_there(book, upload) for upload in accepted)
    assert sum(is_there(book, upload) for upload in uploads) == len(accepted)


def test_a_job_cannot_name_a_file_that_is_gone_or_anothers(store: JobStore, book: FileBook) -> None:
    mine, theirs = book.add(file(), tenant="anna"), book.add(file(), tenant="bert")
    book.remove(mine.id, tenant="anna")
    for upload in (mine, theirs):
        with pytest.raises(InputError, match=r"no file 'file_\w+' \(any more\): upload it"):
            job_on(store, upload)


def test_an_idempotency_key_goes_when_its_time_is_over(store: JobStore, retention: Retention, clock: StoppedClock) -> None:
    job_on(store, idempotency_key="old")
    clock.at += KEY_LIFE_MS // 2
    young = job_on(store, idempotency_key="young")
    clock.at += KEY_LIFE_MS // 2
    assert retention.forget_idempotency_keys() == 1
    assert job_on(store, idempotency_key="young") == young
    assert count(retention, IDEMPOTENCY_KEYS) == 1


def test_a_webhook_goes_once_it_was_delivered_or_given_up(
    database: Database, store: JobStore, retention: Retention, clock: StoppedClock
) -> None:
    for _ in range(3):
        ended(store, job_on(store, webhook_url="https://example.com/hook"))
    outbox = Outbox(database, clock=clock)
    first, second, _ = outbox.claim(limit=3, for_ms=1000)
    outbox.delivered(first)
    outbox.failed(second, again_in_ms=None)
    assert retention.forget_webhooks(older_than_ms=clock.at) == 0
    assert retention.forget_webhooks(older_than_ms=clock.at + 1) == 2
    assert count(retention, WEBHOOKS) == 1


def test_a_history_goes_whole_and_only_when_its_job_has_ended(store: JobStore, retention: Retention, clock: StoppedClock) -> None:
    old = ended(store, job_on(store))
    alive = store.start(job_on(store), executor_id="one")
    clock.at += DAY_MS
    young = ended(store, job_on(store))
    assert retention.forget_events(older_than_ms=clock.at) == 1
    assert retention.forget_events(older_than_ms=clock.at) == 0
    assert store.events(old.id) == ()
    assert store.get(old.id) == old
    assert [len(store.events(job.id)) for job in (alive, young)] == [2, 3]


def test_the_database_itself_keeps_every_other_event(
    database: Database, store: JobStore, retention: Retention, clock: StoppedClock
) -> None:
    old, kept = ended(store, job_on(store)), ended(store, job_on(store))
    retention.forget_events(older_than_ms=0)
    for change in (
        EVENTS.delete().where(EVENTS.c.job_id == old.id),
        EVENTS.delete().where(EVENTS.c.seq == 2),
        EVENTS.update().values(data="{}"),
    ):
        with pytest.raises(DBAPIError, match="events is append-only"):
            database.write(lambda connection, change=change: connection.execute(change))  # type: ignore[misc]
    assert [len(store.events(job.id)) for job in (old, kept)] == [3, 3]


def count(retention: Retention, table: object) -> int:
    query = select(func.count()).select_from(table)  # type: ignore[arg-type]
    return retention._database.read(lambda connection: connection.execute(query).scalar_one())


def test_only_a_job_that_was_begun_and_is_not_over_holds_on_to_anything(store: JobStore, retention: Retention, clock: StoppedClock) -> None:
    assert retention.oldest_begun_ms() is None
    job_on(store)
    clock.at += 5
    first = store.start(job_on(store), executor_id="one")
    begun = clock.at
    clock.at += 5
    second = store.start(job_on(store), executor_id="one")
    assert retention.oldest_begun_ms() == begun
    waiting = store.requeue(first, why="its worker was lost")  # it may have found something before
    assert retention.oldest_begun_ms() == begun
    ended(store, waiting)
    assert retention.oldest_begun_ms() == second.created_ms


def test_needed_are_the_contents_of_files(book: FileBook, retention: Retention) -> None:
    kept = [book.add(file(), tenant="anna") for _ in range(3)]
    strangers = {blob_key(f"{number:064x}") for number in range(10**6, 10**6 + 1500)}
    assert retention.needed_keys(strangers | {one.key for one in kept}) == {one.key for one in kept}
    assert retention.needed_keys(()) == frozenset()


def test_one_of_many_has_the_lease_and_the_dead_are_not_waited_for(database: Database, clock: StoppedClock) -> None:
    start, won = threading.Barrier(6), []

    def take() -> None:
        start.wait(30)
        won.append(take_lease(database, "chore", for_ms=HOUR_MS, clock=clock))

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(won) == [False] * 5 + [True]
    assert take_lease(database, "other", for_ms=HOUR_MS, clock=clock)
    clock.at += HOUR_MS
    assert take_lease(database, "chore", for_ms=HOUR_MS, clock=clock)
    clock.at -= 10 * DAY_MS  # the clock was wrong, and is set right
    assert take_lease(database, "chore", for_ms=HOUR_MS, clock=clock)
    assert not take_lease(database, "chore", for_ms=HOUR_MS, clock=clock)


def test_the_policy_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UPLOADS", "STAGES", "ARTIFACTS", "EVENTS", "WEBHOOKS"):
        monkeypatch.delenv(f"KILN_KEEP_{name}_DAYS", raising=False)
    monkeypatch.delenv("KILN_KEEP_STAGES_GB", raising=False)
    assert usual_policy() == Policy()
    assert (Policy().artifacts_ms, Policy().events_ms, Policy().stages_bytes) == (None, None, None)
    monkeypatch.setenv("KILN_KEEP_ARTIFACTS_DAYS", "0.5")
    monkeypatch.setenv("KILN_KEEP_STAGES_GB", "20")
    assert usual_policy() == replace(Policy(), artifacts_ms=DAY_MS // 2, stages_bytes=20 * 10**9)


@pytest.mark.parametrize("value", ["ten", "-1", "0", "nan", "inf", "1e9", "7 days"])
def test_a_time_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("KILN_KEEP_ARTIFACTS_DAYS", value)
    with pytest.raises(SetupError, match=r"KILN_KEEP_ARTIFACTS_DAYS is .* a number above 0"):
        usual_policy()
