from __future__ import annotations

import json
import re
import socket
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from faces.http.conftest import OPEN_HANDED, WAIT_S, Served, serving
from kiln.errors import (
    AlreadyStored,
    BackendError,
    BudgetError,
    ConflictError,
    InputError,
    KilnError,
    ModelError,
    PostconditionError,
    RefusedError,
    SetupError,
    StorageError,
    TimeLimitError,
)
from kiln.faces.http import problem
from kiln.jobs.money.prices import Charge
from kiln.jobs.service import Service


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConflictError("x"), 409),
        (InputError("x"), 422),
        (ModelError("x"), 422),
        (RefusedError("x", reason="kind"), 415),
        (RefusedError("x", reason="size"), 413),
        (RefusedError("x", reason="address"), 422),
        (SetupError("x"), 422),
        (BudgetError("x"), 402),
        (StorageError("x", kind="full"), 507),
        (StorageError("x", kind="unavailable"), 503),
        (StorageError("x", kind="missing"), 404),
        (StorageError("x", kind="forbidden"), 503),
        (AlreadyStored("x"), 409),
        (BackendError("x"), 500),
        (TimeLimitError("x"), 500),
        (PostconditionError("x"), 500),
        (KilnError("x"), 500),
    ],
)
def test_every_error_has_its_status(error: KilnError, status: int) -> None:
    answer = problem.of_error(error, {"type": "http"})
    told = json.loads(bytes(answer.body))
    assert (answer.status_code, told["status"]) == (status, status)
    assert (told["detail"] == "x") == (status != 500)


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("GET", "/v1/jobs/%00", None, 404),
        ("GET", "/v1/jobs/%ff%fe", None, 404),
        ("GET", "/v1/jobs?limit=99999999999999999999999999", None, 422),
        ("GET", "/v1/jobs?limit=1e9", None, 422),
        ("GET", "/v1/jobs?cursor=%00", None, 422),
        ("GET", "/v1/jobs?state=asleep", None, 422),
        ("GET", "/v1/usage?since=yesterday", None, 422),
        ("GET", "/v1/usage?since=0", None, 422),
        ("GET", "/v1/usage?since=99999-01-01", None, 422),
        ("GET", "/v1/keys?tenant=%00", None, 422),
        ("GET", "/v1/assets?cursor=x", None, 422),
        ("GET", "/v1/recipes/..%2f..%2fetc%2fpasswd", None, 404),
        ("GET", "/v1/recipes/pyproject.toml", None, 404),
        ("DELETE", "/v1/jobs", None, 405),
        ("TRACE", "/v1/jobs", None, 405),
        ("BREW", "/health", None, 405),
        ("POST", "/v1/jobs", b"{", 400),
        ("POST", "/v1/jobs", b"\xff\xfe", 400),
        ("POST", "/v1/jobs", b"[" * 100_000, 400),
        ("POST", "/v1/jobs", b'{"priority": ' + b"9" * 5000 + b"}", 400),
        ("POST", "/v1/jobs", b'{"priority": 99999999999999999999}', 422),
        ("POST", "/v1/jobs", b'{"parameters": {"job": NaN}}', 422),
        ("POST", "/v1/jobs", b'{"parameters": ' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}", 422),
        ("POST", "/v1/jobs", b"null", 422),
        ("POST", "/v1/jobs", b"", 422),
        ("POST", "/v1/batches", b'{"items": []}', 422),
        ("POST", "/v1/batches", b'{"items": [1]}', 422),
    ],
)
def test_nonsense_is_a_problem_of_the_clients(
    shared_client: httpx.Client, method: str, path: str, content: bytes | None, status: int
) -> None:
    answer = shared_client.request(method, path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert (told["status"], told["instance"]) == (status, f"urn:kiln:request:{answer.headers['X-Request-ID']}")
    assert "Allow" in answer.headers or status != 405


def test_a_body_that_is_not_said_to_be_json_is_told_the_cure(shared_client: httpx.Client) -> None:
    """What curl -d sends."""
    answer = shared_client.post("/v1/jobs", content=b"{}", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, "Content-Type: application/json" in answer.json()["detail"]) == (422, True)


def test_every_pattern_is_said_in_words(shared_client: httpx.Client) -> None:
    """Nobody is told a regular expression."""

    def patterns(value: Any) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(patterns, value))
        if not isinstance(value, dict):
            return set()
        return {value["pattern"]} if isinstance(value.get("pattern"), str) else set().union(*map(patterns, value.values()))

    assert patterns(shared_client.get("/openapi.json").json()) == problem.PATTERNS.keys()
    answer = shared_client.post("/v1/jobs", json={}, headers={"Idempotency-Key": "a b"})
    (fault,) = answer.json()["errors"]
    assert fault == {"detail": "it must be 1 to 250 visible ASCII characters, without spaces", "parameter": "Idempotency-Key"}
    assert "2026-11-20" in shared_client.get("/v1/usage", params={"since": "x"}).json()["detail"]


def test_every_type_of_problem_is_documented_and_has_one_status() -> None:
    tables = [vars(problem).values(), problem._BY_REASON.values(), problem._BY_FAULT.values(), (sort for _, sort in problem._BY_CLASS)]
    sorts = {sort for table in tables for sort in table if isinstance(sort, problem.Sort)} | {problem._sort("http", 0, "")}
    page = (Path(__file__).parents[3] / "docs" / "service.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| ([0-9]*)", page, re.MULTILINE)
    assert sorted(rows) == sorted({(sort.name, str(sort.status or "")) for sort in sorts})


@pytest.mark.parametrize("status", [413, 414, 426, 431, 451, 500, 501, 503])
def test_what_the_machinery_refuses_has_a_type_that_never_changes(status: int) -> None:
    """Python's names of statuses do: 413 was called otherwise before 3.13."""
    told = json.loads(bytes(problem.of_status(status, {"type": "http"}).body))
    name = {413: "size", 500: "internal", 503: "busy"}.get(status, "http")
    assert (told["type"], told["status"]) == (f"urn:kiln:problem:{name}", status)


def test_an_order_that_was_not_answered_is_taken_once(served: Served, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 503 after the commit: whoever asks again under the key gets the job, whatever the order of the fields."""
    order, real = served.order(), served.service.jobs.submit

    def lost(order: Any) -> Any:
        real(order)
        raise StorageError("the database is out of reach: ask again", kind="unavailable")

    headers = {"Idempotency-Key": "once"}
    body = {**order, "recipe": "prop", "parameters": {"simplify": {"triangles": 2000}, "job": {"name": "a"}}}
    with monkeypatch.context() as patched:
        patched.setattr(served.service.jobs, "submit", lost)
        refused = client.post("/v1/jobs", json=body, headers=headers)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    turned = {"parameters": {"job": {"name": "a"}, "simplify": {"triangles": 2000}}, "recipe": "prop", **order, "kind": "make"}
    answers = [client.post("/v1/jobs", json=turned, headers=headers) for _ in range(2)]
    assert [(answer.status_code, answer.json()["created"]) for answer in answers] == [(202, False)] * 2
    assert len(client.get("/v1/jobs").json()["jobs"]) == 1


def test_all_methods_of_an_address_are_named(shared_client: httpx.Client) -> None:
    assert shared_client.put("/v1/jobs").headers["Allow"] == "GET, POST"
    assert shared_client.put("/v1/uploads/x").headers["Allow"] == "GET, DELETE"
    assert shared_client.delete("/v1/artifacts/x").headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "line", [b"GET / HTTP/x\r\n\r\n", b"\x00\x01\x02\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", b"x" * 100_000]
)
def test_what_is_no_http_is_answered_or_hung_up_on(shared: Served, line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", shared.port), timeout=WAIT_S) as opened:
        opened.sendall(line)
        found = opened.recv(4096)
    assert found == b"" or found.split()[1] == b"400"


def test_a_bug_is_told_without_a_word_of_it(shared: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("the secret is 42")

    monkeypatch.setattr(shared.service.jobs, "page", broken)
    with shared.client() as client:
        answer = client.get("/v1/jobs")
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")
    assert "42" not in answer.text
    assert "Zero" not in answer.text
    assert any(record.exc_info and record.name == "kiln.http" for record in caplog.records)


def test_a_budget_is_402_and_a_full_store_507(served: Served, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    order = served.order()

    def full() -> None:
        raise StorageError("no room: free some", kind="full")

    with monkeypatch.context() as patched:
        patched.setattr(served.service.store, "check_room", full)
        assert client.post("/v1/jobs", json=order).status_code == 507
        assert client.post("/v1/uploads", files={"file": b"x"}).status_code == 507
        unready = client.get("/readyz")
        assert (unready.status_code, unready.json()) == (503, {"status": "unhealthy", "troubles": ["no room: free some"]})
    monkeypatch.setattr("kiln.jobs.reception.desk._charges", lambda *_: (Charge(item="gpu", microdollars=5),))
    served.service.ledger.set_budget("local", microdollars=7)
    assert client.post("/v1/jobs", json=order).status_code == 202
    refused = client.post("/v1/jobs", json=order)
    assert (refused.status_code, refused.json()["type"]) == (402, "urn:kiln:problem:budget")
    usage = client.get("/v1/usage").json()
    assert (usage["spent_microdollars"], usage["budget_microdollars"]) == (5, 7)
    assert [(used["item"], used["microdollars"]) for used in usage["use"]] == [("gpu", 5)]


def test_probes_answer_while_all_threads_wait(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 19: a database that hangs takes the threads of those who ask it, and nobody else's."""
    release, stuck = threading.Event(), threading.Semaphore(0)

    def hang(*_: Any, **__: Any) -> Any:
        stuck.release()
        release.wait(WAIT_S)
        raise StorageError("the database is out of reach", kind="unavailable")

    with serving(service, OPEN_HANDED) as running:
        job = running.queued()
        monkeypatch.setattr(service.jobs, "page", hang)
        asking = [threading.Thread(target=_ask, args=(running, "/v1/jobs")) for _ in range(40)]
        for thread in asking:
            thread.start()
        for _ in range(OPEN_HANDED.threads):
            assert stuck.acquire(timeout=WAIT_S)
        with running.client() as client:
            assert {client.get(path).status_code for path in ("/health", "/livez", "/readyz", "/metrics")} == {200}
            with client.stream("GET", f"/v1/jobs/{job.id}/events") as stream:
                assert next(stream.iter_lines()) == "event: state"
        release.set()
        for thread in asking:
            thread.join(WAIT_S)


def _ask(running: Served, path: str) -> None:
    with running.client() as client:
        assert client.get(path).status_code == 503
