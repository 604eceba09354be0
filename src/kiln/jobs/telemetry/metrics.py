"""What this process has done, in numbers for Prometheus: counted where it happens, in a registry of our own.

No number is told apart by tenant or job: whoever may read the metrics may not read those, and each would be a series for ever. Labels take
only values from a short list; `queue_metrics` adds what is counted in the database.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics, generate_latest

from kiln.errors import Cancelled, RefusedError, StorageError
from kiln.jobs.money.prices import Charge
from kiln.jobs.records.job import Job, State

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Of what `render` gives."""

REGISTRY: Final = CollectorRegistry()

_LONG_S: Final = (1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
"""Bounds in seconds for jobs and their waiting: a make takes about 8 s on two cores, a generator up to minutes."""

_STAGE_S: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 900.0)
_HTTP_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER: Final = "other"

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nobody asks for
ProcessCollector(registry=REGISTRY)

_jobs = Counter("kiln_jobs", "Jobs that ended.", ("kind", "state"), registry=REGISTRY)
_job_seconds = Histogram("kiln_job_seconds", "From a job's last start to its end.", ("kind",), buckets=_LONG_S, registry=REGISTRY)
_job_wait = Histogram("kiln_job_wait_seconds", "From a job's submission to its first start.", buckets=_LONG_S, registry=REGISTRY)
_stage_seconds = Histogram("kiln_stage_seconds", "Of stages' work.", ("stage", "outcome"), buckets=_STAGE_S, registry=REGISTRY)
_retries = Counter("kiln_retries", "Stages that were tried again.", ("stage",), registry=REGISTRY)
_cancels = Counter("kiln_cancels", "Jobs that somebody asked to be cancelled.", registry=REGISTRY)
_cost = Counter("kiln_cost_microdollars", "What finished jobs were charged.", ("item",), registry=REGISTRY)

_lanes = Gauge("kiln_lanes", "Lanes of this process.", ("kind",), registry=REGISTRY)
_lanes_busy = Gauge("kiln_lane_busy", "Lanes that are at work.", ("kind",), registry=REGISTRY)
_lane_waiting = Gauge("kiln_lane_waiting", "Calls that wait for a lane of this process.", ("kind",), registry=REGISTRY)
_lane_peak = Gauge("kiln_lane_memory_peak_bytes", "The most that a lane's child has held.", ("lane",), registry=REGISTRY)
_restarts = Counter("kiln_worker_restarts", "Children of lanes that were replaced.", ("lane",), registry=REGISTRY)

_rejected = Counter("kiln_upload_rejected", "Files and URLs from outside that were not let in.", ("reason",), registry=REGISTRY)
_ssrf = Counter("kiln_ssrf_blocked", "URLs that led elsewhere than the public internet.", registry=REGISTRY)
_storage_errors = Counter("kiln_storage_errors", "Failures of the store or the job database.", ("kind",), registry=REGISTRY)
_webhooks = Counter("kiln_webhook_deliveries", "Tries to deliver a webhook.", ("outcome",), registry=REGISTRY)

_http = Counter("kiln_http_requests", "HTTP requests answered.", ("method", "route", "status"), registry=REGISTRY)
_http_seconds = Histogram("kiln_http_request_seconds", "Until a response began.", ("route",), buckets=_HTTP_S, registry=REGISTRY)
_http_streams = Gauge("kiln_http_streams", "Event streams that are open.", registry=REGISTRY)
_loop_lag = Gauge("kiln_event_loop_lag_seconds", "How late the event loop came to its last look at the clock.", registry=REGISTRY)
_threads_busy = Gauge("kiln_http_threads_busy", "Threads of the HTTP service that are at work.", registry=REGISTRY)


def render() -> bytes:
    """All numbers, in Prometheus' text format."""
    return generate_latest(REGISTRY)


def job_moved(job: Job) -> None:
    """A job is in another state now: count it when that is its first start, or its end."""
    if job.state is State.RUNNING and job.attempts == 1 and job.started_ms is not None:
        _job_wait.observe(_seconds(job.created_ms, job.started_ms))
    if not job.state.terminal:
        return
    _jobs.labels(kind=job.request.kind.value, state=job.state.value).inc()
    if job.started_ms is not None and job.ended_ms is not None:
        _job_seconds.labels(kind=job.request.kind.value).observe(_seconds(job.started_ms, job.ended_ms))


def job_charged(charges: Iterable[Charge]) -> None:
    """A finished job was charged this."""
    for charge in charges:
        _cost.labels(item=charge.item).inc(charge.microdollars)


def cancel_asked() -> None:
    """Somebody asked for a job to be cancelled, and it was not on its way there yet."""
    _cancels.inc()


def stage_ended(stage: str, *, outcome: str, seconds: float) -> None:
    """A stage ended: "done", "failed", "stopped", or "shared" when its result was found finished."""
    _stage_seconds.labels(stage=stage, outcome=outcome).observe(seconds)


def stage_retried(stage: str) -> None:
    """A failed stage will be tried again."""
    _retries.labels(stage=stage).inc()


def lanes_there(kind: str, count: int) -> None:
    """This process has so many lanes of a kind, "cpu" or "gpu"."""
    _lanes.labels(kind=kind).set(count)
    _lanes_busy.labels(kind=kind)
    _lane_waiting.labels(kind=kind)


@contextmanager
def lane_at_work(kind: str, *, stage: str) -> Iterator[None]:
    """A lane of a kind runs a stage within the block, and the stage ends as the block does."""
    began, outcome = time.monotonic(), "failed"
    try:
        with _lanes_busy.labels(kind=kind).track_inprogress():
            yield
        outcome = "done"
    except Cancelled:
        outcome = "stopped"
        raise
    finally:
        stage_ended(stage, outcome=outcome, seconds=time.monotonic() - began)


@contextmanager
def lane_awaited(kind: str) -> Iterator[None]:
    """A call waits for a lane of a kind within the block."""
    with _lane_waiting.labels(kind=kind).track_inprogress():
        yield


def lane_peaked(lane: str, *, held_bytes: int) -> None:
    """A lane's child has held so much at most; 0 where the system does not say."""
    if held_bytes:
        _lane_peak.labels(lane=lane).set(held_bytes)


def lane_restarted(lane: str) -> None:
    """A lane's child was replaced."""
    _restarts.labels(lane=lane).inc()


def refused(error: RefusedError) -> None:
    """Something from outside was not let in."""
    _rejected.labels(reason=error.reason).inc()
    if error.reason == "address":
        address_blocked()


def address_blocked() -> None:
    """A URL led elsewhere than the public internet, and was not followed."""
    _ssrf.inc()


def storage_failed(error: StorageError) -> None:
    """The store or the database failed somebody. Count it where it is answered for, not on its way there: once."""
    _storage_errors.labels(kind=error.kind).inc()


def webhook_tried(outcome: str) -> None:
    """A webhook was sent: "delivered", "failed" (and will be sent again) or "given_up"."""
    _webhooks.labels(outcome=outcome).inc()


def http_answered(*, method: str, route: str, status: int, seconds: float) -> None:
    """A request was answered; `route` is the pattern it matched, such as /v1/jobs/{id}, or "" when it matched none."""
    known = method if method in _METHODS else _OTHER
    _http.labels(method=known, route=route or _OTHER, status=str(status)).inc()
    _http_seconds.labels(route=route or _OTHER).observe(seconds)


@contextmanager
def stream_open() -> Iterator[None]:
    """A stream of events is open within the block."""
    with _http_streams.track_inprogress():
        yield


def event_loop_seen(*, lag_s: float, threads_busy: int) -> None:
    """How late the event loop is, and how many of its threads are at work."""
    _loop_lag.set(lag_s)
    _threads_busy.set(threads_busy)


def _seconds(from_ms: int, to_ms: int) -> float:
    """Never negative: a clock may have been set back in between."""
    return max(0, to_ms - from_ms) / 1000
