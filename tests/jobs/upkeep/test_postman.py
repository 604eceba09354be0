"""Webhooks arrive signed, are tried for a day, and lead nobody into our network. The servers are real and speak TLS."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jobs.stopped_clock import StoppedClock
from kiln.errors import StorageError
from kiln.intake.connection import Network, connect_directly
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import Job, Request
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order
from kiln.jobs.records.outbox import Outbox
from kiln.jobs.records.tables import WEBHOOKS
from kiln.jobs.records.webhook_secrets import WebhookSecrets
from kiln.jobs.service import Service
from kiln.jobs.upkeep.postman import PAUSES_S, Postman

PUBLIC = "93.184.216.34"
URL = "https://hooks.example/kiln?from=kiln"
LIMIT_S = 60


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    request = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    names = ("-subj", "/CN=hooks.example", "-addext", "subjectAltName=DNS:hooks.example", "-keyout", path, "-out", f"{path}.crt")
    subprocess.run([*request, *names], check=True, capture_output=True, timeout=LIMIT_S)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


class Hook:
    """A tenant's server: answers with these statuses, the last one for ever, and keeps what it was told."""

    def __init__(self, certificate: Path, *statuses: int) -> None:
        self.told: list[tuple[dict[str, str], bytes]] = []
        self.heard = threading.Condition()
        hook, left = self, list(statuses)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with hook.heard:
                    hook.told.append((dict(self.headers), body))
                    self.send_response(left.pop(0) if len(left) > 1 else left[0])
                    hook.heard.notify_all()
                self.send_header("Content-Length", "0")
                self.send_header("Location", "https://169.254.169.254/")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.place = self._server.server_address[:2]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def network(self, certificate: Path) -> Network:
        """The internet, in which this server stands at a public address."""
        trusts = ssl.create_default_context(cafile=f"{certificate}.crt")
        return Network(resolve=lambda *_: [PUBLIC], connect=lambda _, limit: connect_directly(cast(Any, self.place), limit), tls=trusts)


@contextmanager
def a_hook(certificate: Path, *statuses: int) -> Iterator[Hook]:
    hook = Hook(certificate, *statuses)
    try:
        yield hook
    finally:
        hook.close()


@contextmanager
def postmen(database: Database, clock: StoppedClock, network: Network, *, count: int = 1) -> Iterator[None]:
    jobs, outbox = JobStore(database, clock=clock), Outbox(database, clock=clock)
    service = cast(Service, SimpleNamespace(database=database, jobs=jobs, outbox=outbox))
    all_of_them = [Postman(service, network=network, clock=clock, round_s=0.02) for _ in range(count)]
    for postman in all_of_them:
        postman.start()
    try:
        yield
    finally:
        for postman in all_of_them:
            postman.close()


def ended(store: JobStore) -> Job:
    job = store.submit(Order(request=Request(recipe="prop"), tenant="studio", webhook_url=URL)).job
    return store.ask_to_cancel(job.id)


def rows(database: Database) -> list[Any]:
    return list(database.read(lambda connection: connection.execute(WEBHOOKS.select().order_by(WEBHOOKS.c.number)).all()))


def await_row(database: Database, holds: Callable[[Any], bool]) -> Any:
    give_up = time.monotonic() + LIMIT_S
    while not holds(row := rows(database)[0]):
        assert time.monotonic() < give_up, row
        time.sleep(0.02)  # the database offers no event to wait for
    return row


def verify(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As docs/service.md tells users to."""
    found = {name.lower(): value for name, value in headers.items()}
    signed = f"{found['webhook-id']}.{found['webhook-timestamp']}.".encode() + body
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(digest).decode()
    return any(hmac.compare_digest(expected, given) for given in found["webhook-signature"].split())


def test_the_newest_state_arrives_signed(database: Database, store: JobStore, clock: StoppedClock, certificate: Path) -> None:
    job = ended(store)
    with a_hook(certificate, 204) as hook, postmen(database, clock, hook.network(certificate)):
        await_row(database, lambda row: row.delivered_ms is not None)
    ((headers, body),) = hook.told
    said = json.loads(body)
    assert (said["type"], said["data"]["id"], said["data"]["state"]) == ("job.cancelled", job.id, "cancelled")
    assert verify(WebhookSecrets(database).of("studio").current, headers, body)
    assert not verify(WebhookSecrets(database).of("other").current, headers, body)
    assert not verify(WebhookSecrets(database).of("studio").current, headers, body + b" ")


def test_what_fails_is_tried_for_a_day_and_then_given_up(
    database: Database, store: JobStore, clock: StoppedClock, certificate: Path
) -> None:
    ended(store)
    waits = []
    with a_hook(certificate, 500) as hook, postmen(database, clock, hook.network(certificate)):
        for tries in range(1, len(PAUSES_S) + 1):
            row = await_row(database, lambda row, tries=tries: row.tries == tries and row.due_ms - clock.at != 60_000)
            waits.append(row.due_ms - clock.at)
            clock.at = row.due_ms
        row = await_row(database, lambda row: row.due_ms is None)
    assert (row.delivered_ms, row.tries, len(hook.told)) == (None, len(PAUSES_S) + 1, len(PAUSES_S) + 1)
    assert waits == sorted(waits)
    assert 20 <= sum(waits) / 3_600_000 <= 30


@pytest.mark.parametrize("status", [301, 404, 503])
def test_only_a_2xx_counts_as_delivered(status: int, database: Database, store: JobStore, clock: StoppedClock, certificate: Path) -> None:
    ended(store)
    with a_hook(certificate, status, 200) as hook, postmen(database, clock, hook.network(certificate)):
        clock.at = await_row(database, lambda row: row.tries == 1 and row.due_ms - clock.at != 60_000).due_ms
        await_row(database, lambda row: row.delivered_ms is not None)
    assert len(hook.told) == 2
    ids = {headers["webhook-id"] for headers, _ in hook.told}
    assert len(ids) == 1  # so that the receiver can tell that it is the same message


def test_a_server_that_says_it_is_gone_is_left_in_peace(
    database: Database, store: JobStore, clock: StoppedClock, certificate: Path
) -> None:
    ended(store)
    with a_hook(certificate, 410) as hook, postmen(database, clock, hook.network(certificate)):
        row = await_row(database, lambda row: row.due_ms is None)
    assert (row.delivered_ms, row.tries) == (None, 1)


def test_a_name_that_leads_inside_is_given_up_at_once(database: Database, store: JobStore, clock: StoppedClock) -> None:
    ended(store)

    def connect(place: tuple[str, int], limit: float) -> Any:
        raise AssertionError("nobody may connect")

    with postmen(database, clock, Network(resolve=lambda *_: ["169.254.169.254"], connect=connect)):
        row = await_row(database, lambda row: row.due_ms is None)
    assert (row.delivered_ms, row.tries) == (None, 1)


def test_many_postmen_send_each_message_once(database: Database, store: JobStore, clock: StoppedClock, certificate: Path) -> None:
    jobs = {ended(store).id for _ in range(20)}
    with a_hook(certificate, 200) as hook, postmen(database, clock, hook.network(certificate), count=3), hook.heard:
        assert hook.heard.wait_for(lambda: len(hook.told) >= len(jobs), timeout=LIMIT_S)
    assert sorted(json.loads(body)["data"]["id"] for _, body in hook.told) == sorted(jobs)
    assert all(row.delivered_ms is not None for row in rows(database))


def test_a_database_that_fails_for_a_while_stops_no_postman(
    database: Database, store: JobStore, clock: StoppedClock, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(store)
    claim, failures = Outbox.claim, [StorageError("the job database is out of reach")]

    def claim_later(outbox: Outbox, **options: int) -> Any:
        if failures:
            raise failures.pop()
        return claim(outbox, **options)

    monkeypatch.setattr(Outbox, "claim", claim_later)
    with a_hook(certificate, 200) as hook, postmen(database, clock, hook.network(certificate)):
        await_row(database, lambda row: row.delivered_ms is not None)
    assert len(hook.told) == 1
