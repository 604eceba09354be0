"""What depends on the database, once more on PostgreSQL: the same tests, with another service behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from faces.http.conftest import Served
from faces.http.test_catalogue import test_a_batch_keeps_its_bad_items_and_its_key
from faces.http.test_events import test_a_dropped_stream_goes_on_without_gap_or_repeat
from faces.http.test_isolation import (
    test_lists_and_requests_know_nothing_of_others,
    test_what_belongs_to_others_is_told_from_nothing_by_nobody,
)
from faces.http.test_jobs import test_fifty_at_once_under_one_key_are_one_job, test_pages_follow_each_other_without_gap_or_repeat
from faces.http.test_problem import test_an_order_that_was_not_answered_is_taken_once
from jobs import postgres
from kiln.jobs.records.job import Job
from kiln.jobs.service import Service, open_service

__all__ = [
    "test_a_batch_keeps_its_bad_items_and_its_key",
    "test_a_dropped_stream_goes_on_without_gap_or_repeat",
    "test_an_order_that_was_not_answered_is_taken_once",
    "test_fifty_at_once_under_one_key_are_one_job",
    "test_lists_and_requests_know_nothing_of_others",
    "test_pages_follow_each_other_without_gap_or_repeat",
    "test_what_belongs_to_others_is_told_from_nothing_by_nobody",
]


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[postgres.Server]:
    with postgres.server() as server:
        yield server


@pytest.fixture
def service(tmp_path: Path, postgres_server: postgres.Server) -> Iterator[Service]:
    with open_service(data=tmp_path / "data", database_url=postgres_server.empty_database()) as opened:
        yield opened


@pytest.fixture
def shared(served: Served) -> Served:
    return served


@pytest.fixture
def shared_client(client: httpx.Client) -> httpx.Client:
    return client


@pytest.fixture
def job(served: Served) -> Job:
    return served.service.jobs.start(served.queued(), executor_id="me")


def test_text_that_postgresql_cannot_hold_is_no_mistake_of_ours(served: Served, client: httpx.Client) -> None:
    """It knows no NUL."""
    nul = "a\0b"
    order = {**served.order(), "parameters": {"job": {"prompt": nul}}}
    made = client.post("/v1/jobs", json=order)
    assert made.status_code == 202
    assert client.get(made.headers["Location"]).json()["parameters"]["job"]["prompt"] == nul
    assert client.post("/v1/jobs", json={**order, "recipe": nul}).status_code == 422
    assert client.post("/v1/jobs", json={**order, "batch_id": nul}).status_code == 422
    assert client.post("/v1/keys", json={"scopes": ["read"], "name": nul}).status_code == 422
    assert client.post("/v1/batches", json={"items": [{"recipe": nul}]}).json()["counts"] == {"failed": 1}
    for path in ("jobs/%00", "jobs/%00/events", "uploads/%00", "artifacts/%00", "batches/%00", "assets/%00", "recipes/%00"):
        assert client.get(f"/v1/{path}").status_code == 404
    assert client.get("/v1/assets?q=%00").status_code == 200
    assert client.delete("/v1/keys/%00").status_code == 404
