"""The worker's small server tells probes and Prometheus the truth, and nobody can keep it from doing so."""

from __future__ import annotations

import json
import socket
import threading
from http.client import HTTPConnection

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kiln.errors import SetupError
from kiln.jobs.telemetry.health_server import HealthServer


def ask(server: HealthServer, path: str, method: str = "GET") -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_it_says_what_keeps_the_worker_from_working() -> None:
    troubles: list[str] = []
    with HealthServer(0, troubles=lambda: troubles) as server:
        assert ask(server, "/readyz")[0] == 200
        troubles.append("the job database is out of reach")
        status, body = ask(server, "/readyz")
        assert (status, json.loads(body)) == (503, {"status": "unhealthy", "troubles": troubles})
        assert ask(server, "/livez")[0] == 200


def test_a_worker_whose_heart_has_stopped_is_not_alive() -> None:
    with HealthServer(0, alive=lambda: False) as server:
        assert ask(server, "/livez")[0] == 503
        assert ask(server, "/health")[0] == 503


def test_its_numbers_can_be_read() -> None:
    with HealthServer(0) as server:
        status, body = ask(server, "/metrics?name[]=x")
    assert status == 200
    assert "kiln_lane_busy" in {family.name for family in text_string_to_metric_families(body.decode())}


def test_it_answers_nothing_else() -> None:
    with HealthServer(0) as server:
        assert ask(server, "/../etc/passwd")[0] == 404
        assert ask(server, "/metrics", "POST")[0] == 501
        assert ask(server, "/livez", "HEAD") == (200, b"")


def test_a_port_that_is_taken_is_named() -> None:
    with HealthServer(0) as server, pytest.raises(SetupError, match=str(server.port)):
        HealthServer(server.port)


def test_silent_clients_do_not_keep_others_out_for_ever() -> None:
    with HealthServer(0) as server:
        silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(8)]
        try:
            assert ask(server, "/livez")[0] == 200
        finally:
            for one in silent:
                one.close()


def test_closing_it_ends_its_thread() -> None:
    HealthServer(0).close()
    assert "health" not in {thread.name for thread in threading.enumerate()}
