from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from faces.http.conftest import OPEN_HANDED, WAIT_S, serving
from faces.http.conftest import Served as Running
from kiln.faces.http.limits import NoPlace, Places, TokenBuckets
from kiln.faces.http.options import HttpOptions
from kiln.jobs.records.keys import Scope
from kiln.jobs.service import Service


@pytest.fixture(scope="module")
def open_to_all(shared: Running) -> Iterator[Running]:
    with serving(shared.service, replace(OPEN_HANDED, loopback=False, open_to_all=True)) as running:
        yield running


def test_only_a_good_key_opens_anything(served: Running) -> None:
    """Case 23: missing, wrong and revoked keys; what is not there looks the same."""
    good = served.service.keys.issue("studio", scopes=[Scope.READ])
    revoked = served.service.keys.issue("studio", scopes=[Scope.READ])
    served.service.keys.revoke(revoked.record.id)
    with served.client() as client:
        for value in (
            None,
            f"Bearer {revoked.key}",
            f"Bearer {good.key[:-1]}",
            "Bearer",
            f"Basic {good.key}",
            "Bearer é".encode("latin-1"),
        ):
            headers: dict[str, str | bytes] = {} if value is None else {"Authorization": value}
            for path in ("/v1/jobs", "/v1/nothing", "/v1/uploads"):
                answer = client.get(path, headers=headers)  # type: ignore[arg-type]
                assert answer.status_code == 401
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
                assert answer.headers["Content-Type"] == "application/problem+json"
        assert client.get("/v1/jobs", headers={"Authorization": f"bearer {good.key}"}).status_code == 200
        assert client.get("/health").status_code == client.get("/livez").status_code == 200


def test_keys_are_shown_once_and_close_for_ever(served: Running) -> None:
    with served.client() as client:
        made = client.post("/v1/keys", json={"scopes": ["admin"], "name": "ci", "life_days": 1}).json()
        assert client.get("/v1/keys").status_code == 401  # from the first key on, everybody needs one
    with served.client(made["key"]) as client:
        listed = client.get("/v1/keys").json()
        assert [key["id"] for key in listed] == [made["id"]]
        assert made["key"] not in str(listed)
        assert client.post("/v1/keys", json={"scopes": ["read"], "tenant": "../x"}).status_code == 422
        assert client.delete("/v1/keys/0000000000000000").status_code == 404
        assert client.delete(f"/v1/keys/{made['id']}").status_code == 204
        assert client.get("/v1/keys").status_code == 401


def test_without_keys_a_service_that_others_reach_lets_nobody_in(service: Service) -> None:
    with serving(service, HttpOptions(loopback=False)) as running, running.client() as client:
        assert client.get("/v1/jobs").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"X-Forwarded-For": "203.0.113.7"},
        {"Forwarded": "for=203.0.113.7"},
        {"Via": "1.1 proxy"},
        {"Host": "192.168.0.5"},
        {"Host": "["},
    ],
)
def test_without_keys_no_page_of_another_site_gets_in(shared: Running, headers: dict[str, str]) -> None:
    """DNS rebinding, and requests that a browser sends for strangers."""
    with shared.client() as client:
        assert client.get("/v1/jobs", headers=headers).status_code == 403
        assert client.post("/v1/jobs/quote", json={}, headers=headers).status_code == 403


def test_the_services_own_page_and_other_names_of_this_machine_get_in(shared: Running) -> None:
    with shared.client() as client:
        assert client.get("/v1/jobs", headers={"Origin": shared.url, "Sec-Fetch-Site": "same-origin"}).status_code == 200
        for host in ("localhost", f"localhost:{shared.port}", "[::1]:80", "127.0.0.2"):
            assert client.get("/v1/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("192.168.0.5:8600", 200),
        ("[fe80::1]:8600", 200),
        ("studio-pc:8600", 200),
        ("kiln.default.svc.cluster.local", 200),
        ("evil.example", 403),
        ("evil.example.", 403),
        ("local", 200),
        ("192.168.0.5.evil.example:8600", 403),
        ("evil.local.example", 403),
        ("", 403),
        ("[", 403),
    ],
)
def test_open_to_all_is_not_open_to_pages_whose_name_leads_here(open_to_all: Running, host: str, status: int) -> None:
    """DNS rebinding needs a name that a stranger can register."""
    with open_to_all.client() as client:
        assert client.get("/v1/jobs", headers={"Host": host}).status_code == status
        assert client.get("/v1/jobs", headers={"Host": host, "Origin": "https://evil.example"}).status_code == 403


def test_a_web_socket_of_another_site_is_refused(shared: Running) -> None:
    lines = ["GET /v1/jobs/x/ws HTTP/1.1", "Host: localhost", "Origin: https://evil.example", "Connection: Upgrade", "Upgrade: websocket"]
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "", ""]
    with socket.create_connection(("127.0.0.1", shared.port), timeout=WAIT_S) as opened:
        opened.sendall("\r\n".join(lines).encode())
        assert opened.recv(4096).split()[1] == b"403"


def test_whoever_comes_too_often_waits_but_probes_and_streams_do_not(service: Service) -> None:
    """Case 19."""
    with serving(service, HttpOptions(poll_s=0.05, requests_burst=5, requests_a_s=0.01)) as running, running.client() as client:
        job = running.queued()
        statuses = [client.get("/v1/jobs").status_code for _ in range(7)]
        assert statuses == [200] * 5 + [429] * 2
        assert 1 <= int(client.get("/v1/jobs").headers["Retry-After"]) <= 101
        for path in ("/v1/recipes/events", "/v1/artifacts/ws", "/v1/nothing/events"):  # end as streams do, and are none
            assert client.get(path).status_code == 429
        with client.stream("GET", f"/v1/jobs/{job.id}/events") as stream:
            assert next(stream.iter_lines()) == "event: state"
        assert {client.get(path).status_code for path in ("/health", "/livez", "/readyz", "/metrics")} == {200}


def test_guessing_keys_is_slowed_down(service: Service) -> None:
    with serving(service, HttpOptions(wrong_keys_burst=3, wrong_key_pause_s=100)) as running:
        good = running.key("a")
        with running.client() as client:
            tried = [client.get("/v1/jobs", headers={"Authorization": f"Bearer {n}"}).status_code for n in range(5)]
            assert tried == [401] * 3 + [429] * 2
            assert client.get("/v1/jobs", headers={"Authorization": f"Bearer {good}"}).status_code == 200  # from the same address


def test_no_secret_is_ever_written_down(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """Case 23: keys, signatures and what strangers write into an address."""
    with serving(service, OPEN_HANDED) as running, caplog.at_level(logging.DEBUG):
        key = running.key("a")
        url = running.service.store.url(running.keep(b"x", tenant="a").key, ttl_s=60)
        with running.client(key) as client:
            told = [
                client.get(path).text for path in ("/v1/jobs", url, f"{url}0", f"/v1/{key}", f"/v1/jobs/{key}", "/v1/%1b[31m%0d%0aforged")
            ]
    kiln = [record for record in caplog.records if record.name.startswith(("kiln", "uvicorn"))]
    written = "\n".join(f"{record.getMessage()} {vars(record)}" for record in kiln)
    assert key not in written + "".join(told)
    assert url.partition("signature=")[2] not in written
    assert "forged" not in written
    lines = [record for record in kiln if record.name == "kiln.http"]
    assert [(line.status, line.route) for line in lines[:2]] == [(200, "/v1/jobs"), (200, "/v1/files/{key:path}")]  # type: ignore[attr-defined]
    assert len({line.request_id for line in lines}) == len(lines)  # type: ignore[attr-defined]


def test_a_bucket_gives_what_it_has_and_fills_up_again() -> None:
    now = 0.0
    buckets = TokenBuckets(burst=2, a_second=4, clock=lambda: now)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0.25]
    assert buckets.take("b") == 0
    now = 0.25
    assert [buckets.take("a"), buckets.take("a")] == [0, 0.25]
    waits = [buckets.take(f"n{n}") for n in range(20_000)]
    assert not any(waits)
    assert len(buckets._left) <= 10_000


def test_places_are_counted_by_name() -> None:
    places = Places(1)
    with places.one("a"), places.one("b"), pytest.raises(NoPlace), places.one("a"):
        pass
    with places.one("a"):
        assert set(places._taken) == {"a"}
    assert not places._taken
