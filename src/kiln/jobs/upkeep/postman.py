"""The postman: takes webhooks from the outbox and posts them, signed, until they arrive or a day of trying is over.

Each worker has one. They share the outbox without knowing of each other: a message that one has claimed is nobody else's until its time is
up, so it is lost with no worker, and posted twice only when a worker dies between posting it and writing that down.
"""

from __future__ import annotations

import json
import logging
import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from kiln.errors import KilnError, RefusedError
from kiln.intake.connection import Network
from kiln.intake.webhook import post_webhook
from kiln.jobs.records.clock import Clock, SystemClock
from kiln.jobs.records.job import Job
from kiln.jobs.records.outbox import Delivery
from kiln.jobs.records.webhook_secrets import WebhookSecrets, sign
from kiln.jobs.telemetry import metrics

if TYPE_CHECKING:
    from kiln.jobs.service import Service

_LOG = logging.getLogger(__name__)

PAUSES_S: Final = (5, 60, 300, 1800, 2 * 3600, 5 * 3600, 8 * 3600, 9 * 3600)
"""Between the tries, about a day in all; a message is given up when the try after the last pause has failed."""

_SPREAD: Final = 0.2
"""The share of a pause that chance adds, at most: messages that failed together do not come back together."""

_AT_ONCE: Final = 4
"""Messages a worker posts side by side: one slow server does not hold up all others."""

_POST_S: Final = 10.0
_CLAIM_MS: Final = 60_000
"""Longer than posting and writing down what came of it can take, so that nobody else posts it meanwhile."""

_GONE: Final = 410
"""HTTP's way of saying "never again"."""


def job_news(job: Job) -> dict[str, Any]:
    """What a webhook says of a job: how it stands, without the request that made it; plain JSON."""
    failure = None if job.failure is None else {"reason": job.failure.reason.value, "message": job.failure.message}
    return {
        **{name: getattr(job, name) for name in ("id", "batch_id", "attempts", "created_ms", "started_ms", "ended_ms")},
        "kind": job.request.kind.value,
        "recipe": job.request.recipe,
        "state": job.state.value,
        "results": dict(job.results),
        "failure": failure,
    }


class Postman:
    """Posts a service's webhooks from `start` until `close`.

    `present` says what of a job is told; `round_s` is how many seconds pass between two looks into an outbox in which there was nothing.
    """

    def __init__(
        self,
        service: Service,
        *,
        network: Network | None = None,
        clock: Clock | None = None,
        present: Callable[[Job], Mapping[str, Any]] = job_news,
        round_s: float = 2.0,
    ) -> None:
        self._jobs, self._outbox = service.jobs, service.outbox
        self._clock = clock or SystemClock()
        self._secrets = WebhookSecrets(service.database, clock=self._clock)
        self._network, self._present, self._round_s = network, present, round_s
        self._leaving = threading.Event()
        self._free = threading.Semaphore(_AT_ONCE)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="posts webhooks")
        self._thread = threading.Thread(target=self._walk, name="postman", daemon=True)

    def start(self) -> None:
        """Begin to look into the outbox."""
        self._thread.start()

    def close(self) -> None:
        """Take no more messages, and wait for those on their way: some ten seconds at most."""
        self._leaving.set()
        if self._thread.is_alive():
            self._thread.join(timeout=_POST_S)
        self._pool.shutdown(wait=True)

    def _walk(self) -> None:
        """Look into the outbox again and again; what goes wrong with the database now goes better later."""
        while not self._leaving.is_set():
            try:
                found = self._round()
            except KilnError as error:
                _LOG.warning("webhooks wait: %s", error)
                found = False
            except Exception:  # noqa: BLE001 - whatever it is, the next look may go better, and messages must not wait for ever
                _LOG.exception("a look into the outbox failed, and the next follows")
                found = False
            if not found:
                self._leaving.wait(self._round_s * random.uniform(1.0, 1.0 + _SPREAD))  # noqa: S311 - spreads load, protects nothing

    def _round(self) -> bool:
        """Hand one message to a free thread; whether there was one. The next is claimed when a thread is free for it, not before."""
        if not self._free.acquire(timeout=self._round_s):
            return True
        claimed: tuple[Delivery, ...] = ()
        try:
            claimed = self._outbox.claim(limit=1, for_ms=_CLAIM_MS)
        finally:
            if not claimed:
                self._free.release()
        for delivery in claimed:
            self._pool.submit(self._deliver, delivery).add_done_callback(self._delivered)
        return bool(claimed)

    def _delivered(self, done: Future[None]) -> None:
        """A thread is free again. Its error, if any, is told: the message comes back when its claim has ended."""
        self._free.release()
        error = done.exception()
        if error is not None:
            _LOG.warning("what came of a webhook could not be written down, and it will be sent again", exc_info=error)

    def _deliver(self, delivery: Delivery) -> None:
        """Post a message, and write down what came of it."""
        status, reason = self._post(delivery)
        if status is not None and 200 <= status < 300:
            self._outbox.delivered(delivery)
            metrics.webhook_tried("delivered")
            return
        again_in_ms = None if status == _GONE or reason == "address" else _pause_ms(delivery.tries)
        self._outbox.failed(delivery, again_in_ms=again_in_ms)
        metrics.webhook_tried("failed" if again_in_ms is not None else "given_up")
        words = "will be tried again" if again_in_ms is not None else "is given up"
        _LOG.warning("the webhook of %s %s: %s", delivery.job_id, words, reason or f"HTTP {status}", extra={"job": delivery.job_id})

    def _post(self, delivery: Delivery) -> tuple[int | None, str]:
        """The status it was answered with, or why there was none."""
        job = self._jobs.get(delivery.job_id)
        at_ms = self._clock.now_ms()
        body = _body(self._present(job), state=job.state.value, at_ms=at_ms)
        message_id = f"{delivery.job_id}.{delivery.seq}"
        headers = sign(body, message_id=message_id, at_s=at_ms // 1000, secrets=self._secrets.of(job.tenant).signing)
        try:
            return post_webhook(delivery.url, body, headers=headers, network=self._network, within_s=_POST_S), ""
        except RefusedError as error:
            if error.reason == "address":
                metrics.address_blocked()
            return None, error.reason


def _body(news: Mapping[str, Any], *, state: str, at_ms: int) -> bytes:
    """A message as the specification has it: what happened, when, and to what."""
    when = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return json.dumps({"type": f"job.{state}", "timestamp": when, "data": news}, separators=(",", ":")).encode()


def _pause_ms(tries: int) -> int | None:
    """How long to wait after so many tries; None when they were the last."""
    if tries > len(PAUSES_S):
        return None
    return int(1000 * PAUSES_S[tries - 1] * random.uniform(1.0, 1.0 + _SPREAD))  # noqa: S311 - spreads load, protects nothing
