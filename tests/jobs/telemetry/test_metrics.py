"""Every number counts what its name says, and Prometheus' own reader understands all of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from jobs.stopped_clock import StoppedClock
from kiln.errors import Cancelled, RefusedError, StorageError
from kiln.jobs.money.prices import Charge
from kiln.jobs.records.database import Database
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.job import Failure, Job, Request
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order
from kiln.jobs.records.roster import Roster
from kiln.jobs.telemetry import metrics
from kiln.jobs.telemetry.queue_metrics import QueueMetrics, watch_queue

FORBIDDEN_LABELS = {"tenant", "job", "job_id", "url", "key", "path"}

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: bytes) -> Values:
    families = text_string_to_metric_families(text.decode())
    return {(sample.name, frozenset(sample.labels.items())): sample.value for family in families for sample in family.samples}


def value(values: Values, name: str, **labels: str) -> float:
    return values.get((name, frozenset(labels.items())), 0.0)


def growth(action: Callable[[], object], name: str, **labels: str) -> float:
    before = read(metrics.render())
    action()
    return value(read(metrics.render()), name, **labels) - value(before, name, **labels)


def submitted(store: JobStore, **more: str) -> Job:
    return store.submit(Order(request=Request(recipe="prop"), tenant="studio", **more)).job


def test_nothing_is_told_apart_by_who_it_was_for() -> None:
    names = {label for (_, labels) in read(metrics.render()) for label, _ in labels}
    assert not names & FORBIDDEN_LABELS


def test_a_job_that_ends_is_counted_once_with_its_time(store: JobStore, clock: StoppedClock) -> None:
    job = submitted(store)
    clock.at += 4_000
    running = store.start(job, executor_id="a")
    clock.at += 7_000

    def end() -> None:
        store.succeed(running, results={}, measured=[Charge(item="sam3d", microdollars=250)])

    before = read(metrics.render())
    end()
    after = read(metrics.render())

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert grown("kiln_jobs_total", kind="make", state="succeeded") == 1
    assert grown("kiln_job_seconds_sum", kind="make") == pytest.approx(7)
    assert grown("kiln_job_seconds_bucket", kind="make", le="10.0") == 1
    assert grown("kiln_cost_microdollars_total", item="sam3d") == 250


def test_waiting_counts_until_the_first_start_only(store: JobStore, clock: StoppedClock) -> None:
    job = submitted(store)
    clock.at += 3_000
    assert growth(lambda: store.start(job, executor_id="a"), "kiln_job_wait_seconds_sum") == 3
    waiting = store.requeue(store.get(job.id), why="its worker was lost")
    clock.at += 60_000
    assert growth(lambda: store.start(waiting, executor_id="b"), "kiln_job_wait_seconds_sum") == 0


def test_a_clock_that_was_set_back_makes_no_negative_time(store: JobStore, clock: StoppedClock) -> None:
    job = submitted(store)
    clock.at -= 3_600_000
    assert growth(lambda: store.start(job, executor_id="a"), "kiln_job_wait_seconds_count") == 1
    assert growth(lambda: store.fail(store.get(job.id), Failure(reason=FailureReason.INPUT, message="no")), "kiln_job_seconds_sum") == 0


def test_asking_again_to_cancel_is_no_second_cancel(store: JobStore) -> None:
    job = submitted(store)
    assert growth(lambda: store.ask_to_cancel(job.id), "kiln_cancels_total") == 1
    assert growth(lambda: store.ask_to_cancel(job.id), "kiln_cancels_total") == 0


@pytest.mark.parametrize(("error", "outcome"), [(None, "done"), (Cancelled("stop"), "stopped"), (ValueError("no"), "failed")])
def test_a_lane_is_busy_while_its_stage_runs(error: Exception | None, outcome: str) -> None:
    def work() -> None:
        with metrics.lane_at_work("cpu", stage="bake"):
            assert value(read(metrics.render()), "kiln_lane_busy", kind="cpu") == 1
            if error is not None:
                raise error

    def run() -> None:
        if error is None:
            work()
        else:
            with pytest.raises(type(error)):
                work()

    assert growth(run, "kiln_stage_seconds_count", stage="bake", outcome=outcome) == 1
    assert value(read(metrics.render()), "kiln_lane_busy", kind="cpu") == 0


def test_a_refused_url_counts_as_blocked_a_refused_file_does_not() -> None:
    address = RefusedError("no", reason="address")
    assert growth(lambda: metrics.refused(address), "kiln_ssrf_blocked_total") == 1
    assert growth(lambda: metrics.refused(RefusedError("no", reason="size")), "kiln_ssrf_blocked_total") == 0
    assert growth(lambda: metrics.refused(address), "kiln_upload_rejected_total", reason="address") == 1
    assert growth(lambda: metrics.storage_failed(StorageError("no", kind="full")), "kiln_storage_errors_total", kind="full") == 1


def test_strange_methods_and_paths_make_no_series_of_their_own() -> None:
    def ask() -> None:
        metrics.http_answered(method="BREW", route="", status=404, seconds=0.001)

    assert growth(ask, "kiln_http_requests_total", method="other", route="other", status="404") == 1


def test_what_waits_is_counted_in_the_database(store: JobStore, database: Database, clock: StoppedClock) -> None:
    submitted(store)
    clock.at += 1_000
    store.start(submitted(store), executor_id="a")
    store.ask_to_cancel(submitted(store, webhook_url="https://example.com/hook").id)
    Roster(database, clock=clock).beat("a", version="1")
    clock.at += 9_000
    registry = CollectorRegistry()
    registry.register(QueueMetrics(database, clock=clock))
    found = read(generate_latest(registry))
    assert value(found, "kiln_database_up") == 1
    assert [value(found, "kiln_queue_depth", state=state) for state in ("queued", "running", "cancelling")] == [1, 1, 0]
    assert value(found, "kiln_queue_oldest_age_seconds", state="queued") == 10
    assert value(found, "kiln_queue_oldest_age_seconds", state="running") == 9
    assert (value(found, "kiln_executors"), value(found, "kiln_heartbeat_age_seconds")) == (1, 9)
    assert (value(found, "kiln_webhooks_waiting"), value(found, "kiln_webhooks_late_seconds")) == (1, 9)


def test_asking_often_asks_the_database_seldom(store: JobStore, database: Database, clock: StoppedClock) -> None:
    now = [0.0]
    registry = CollectorRegistry()
    registry.register(QueueMetrics(database, clock=clock, seconds=lambda: now[0]))
    generate_latest(registry)
    submitted(store)
    assert value(read(generate_latest(registry)), "kiln_queue_depth", state="queued") == 0
    now[0] = 5.0
    assert value(read(generate_latest(registry)), "kiln_queue_depth", state="queued") == 1


def test_a_database_that_is_out_of_reach_is_a_number_too(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_answer(_: Database) -> None:
        raise StorageError("the job database is out of reach")

    monkeypatch.setattr(Database, "ping", no_answer)
    registry = CollectorRegistry()
    watch_queue(database, registry=registry)
    assert read(generate_latest(registry)) == {("kiln_database_up", frozenset()): 0.0}


def test_watching_a_queue_ends(database: Database) -> None:
    registry = CollectorRegistry()
    watch_queue(database, registry=registry)()
    assert generate_latest(registry) == b""


def test_no_number_is_nan_before_anything_happened() -> None:
    assert not any(math.isnan(number) for number in read(metrics.render()).values())
