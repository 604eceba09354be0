"""OpenTelemetry, when the environment asks for it: a span for each attempt of a job, and one in it for each stage.

A job is started by one process, its stages may be run by others, and a later attempt by yet another. So that all of it is one trace
without anything being handed on, a job's trace id is computed from its id, and an attempt's span id from both: whoever knows the job knows
its trace.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from kiln import settings
from kiln.errors import SetupError

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

FASTAPI_TELEMETRY: Final[TelemetryConfig] = {"metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}
"""For `FastAPI(telemetry=...)`: one span a request, given to the provider that `configure_tracing` sets. Numbers are for Prometheus, and
its records of failures would hold what users sent."""

_FLUSH_MS: Final = 5_000

_next_ids: ContextVar[tuple[int, int] | None] = ContextVar("kiln_trace_ids", default=None)
"""Trace and span id that the next root span takes."""


def trace_id_of(job_id: str) -> str:
    """The trace of a job, as 32 hexadecimal digits."""
    return hashlib.sha256(f"kiln trace {job_id}".encode()).hexdigest()[:32]


def configure_tracing(*, service: str, version: str, executor_id: str = "", exporter: SpanExporter | None = None) -> Callable[[], None]:
    """Send spans to OTEL_EXPORTER_OTLP_ENDPOINT, if the environment names one; the answer sends what is left, and is called at the end.

    `service` is the name unless OTEL_SERVICE_NAME gives another. `exporter` takes the spans in place of the environment's address. Without
    an address nothing is loaded. SetupError when the extra `otel` is missing.
    """
    if exporter is None and not settings.sends_traces():
        return _nothing
    try:
        return _start(exporter, {"service.name": service, "service.version": version, "service.instance.id": executor_id})
    except ImportError:
        raise SetupError("OTEL_EXPORTER_OTLP_ENDPOINT is set, and sending traces needs an extra: pip install 'kiln3d[otel]'") from None


@contextmanager
def job_span(job_id: str, *, attempt: int, kind: str) -> Iterator[None]:
    """The span of one attempt of a job, around its work in this process."""
    token = _next_ids.set((int(trace_id_of(job_id), 16), _span_id(job_id, attempt)))
    try:
        attributes: dict[str, str | int] = {"kiln.job.id": job_id, "kiln.job.attempt": attempt, "kiln.job.kind": kind}
        span = _tracer().start_span(f"job {kind}", context=_no_parent(), attributes=attributes)
    finally:
        _next_ids.reset(token)
    with _current(span):
        yield


@contextmanager
def stage_span(job_id: str, *, attempt: int, stage: str, lane: str) -> Iterator[None]:
    """The span of a stage, in that of its job's attempt, whichever process that is in."""
    attributes: dict[str, str | int] = {"kiln.job.id": job_id, "kiln.job.attempt": attempt, "kiln.stage": stage, "kiln.lane": lane}
    with _current(_tracer().start_span(f"stage {stage}", context=_within(job_id, attempt), attributes=attributes)):
        yield


def note_job(job_id: str) -> None:
    """Have the span of the request at hand say which job it made, and so which trace goes on from it."""
    from opentelemetry import trace

    trace.get_current_span().set_attributes({"kiln.job.id": job_id, "kiln.job.trace_id": trace_id_of(job_id)})


def _start(exporter: SpanExporter | None, attributes: dict[str, str]) -> Callable[[], None]:
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class JobIds(RandomIdGenerator):
        """Ids at random, but for the span of a job's attempt."""

        def generate_trace_id(self) -> int:
            ids = _next_ids.get()
            return super().generate_trace_id() if ids is None else ids[0]

        def generate_span_id(self) -> int:
            ids = _next_ids.get()
            return super().generate_span_id() if ids is None else ids[1]

    provider = TracerProvider(resource=Resource(attributes).merge(Resource.create()), id_generator=JobIds(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter or _environments_exporter()))
    trace.set_tracer_provider(provider)

    def end() -> None:
        provider.force_flush(_FLUSH_MS)
        provider.shutdown()

    return end


def _environments_exporter() -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def _tracer() -> Tracer:
    from opentelemetry import trace

    return trace.get_tracer("kiln")


@contextmanager
def _current(span: Any) -> Iterator[None]:
    """The span is the one at hand within the block, and ends with it. What raises marks it, by its class alone: words may be a user's."""
    from opentelemetry import trace

    try:
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            yield
    except BaseException as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(trace.StatusCode.ERROR)
        raise
    finally:
        span.end()


def _span_id(job_id: str, attempt: int) -> int:
    return int(hashlib.sha256(f"kiln span {job_id} {attempt}".encode()).hexdigest()[:16], 16)


def _no_parent() -> Any:
    from opentelemetry.context import Context

    return Context()


def _within(job_id: str, attempt: int) -> Any:
    """A context in which the span of the job's attempt is the parent."""
    from opentelemetry import trace

    parent = trace.SpanContext(
        trace_id=int(trace_id_of(job_id), 16),
        span_id=_span_id(job_id, attempt),
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent), _no_parent())


def _nothing() -> None:
    """Nothing was set up, so nothing is to be ended."""
