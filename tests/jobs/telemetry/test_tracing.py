"""Spans of one job are one trace, whichever process made them; without an address in the environment nothing is loaded."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

JOB = "job_0123456789abcdef01234567"

ATTEMPT = f"""
import sys
from kiln.jobs.telemetry.tracing import configure_tracing, job_span, stage_span, note_job
end = configure_tracing(service="kiln", version="1", executor_id="a")
try:
    with job_span("{JOB}", attempt=int(sys.argv[1]), kind="make"):
        with stage_span("{JOB}", attempt=int(sys.argv[1]), stage="bake", lane="cpu0"):
            note_job("{JOB}")
            raise ValueError("the user's secret prompt")
except ValueError:
    pass
with stage_span("{JOB}", attempt=int(sys.argv[1]), stage="lods", lane="cpu1"):
    pass
end()
print([m for m in sys.modules if m.startswith("opentelemetry.sdk")])
"""


class Collector:
    """An OTLP receiver: keeps the bodies it is sent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                import gzip

                body = self.rfile.read(int(self.headers["Content-Length"]))
                bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def spans(self) -> list[Any]:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span for request in requests for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
        ]


def run(attempt: int, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPT, str(attempt)], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def test_attempts_in_two_processes_are_one_trace() -> None:
    from kiln.jobs.telemetry.tracing import trace_id_of

    collector = Collector()
    try:
        for attempt in (1, 2):
            run(attempt, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    finally:
        collector.close()
    spans = collector.spans()
    roots = [span for span in spans if not span.parent_span_id]
    assert {span.trace_id.hex() for span in spans} == {trace_id_of(JOB)}
    assert sorted(span.name for span in spans) == ["job make"] * 2 + ["stage bake", "stage bake", "stage lods", "stage lods"]
    assert sorted(span.parent_span_id for span in spans if span.parent_span_id) == sorted(2 * [root.span_id for root in roots])
    assert len({root.span_id for root in roots}) == 2
    assert b"secret prompt" not in b"".join(collector.bodies)
    assert all(span.status.code == 2 for span in roots)


@pytest.mark.parametrize("environment", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"}])
def test_it_is_off_unless_the_environment_says_so(environment: dict[str, str]) -> None:
    assert run(1, environment).strip() == "[]"
