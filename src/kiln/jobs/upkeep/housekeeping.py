"""Housekeeping: a service forgets, round by round, what its policy says, in one process of all that share its database."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from kiln.errors import KilnError
from kiln.jobs.records.clock import Clock, SystemClock
from kiln.jobs.records.database import Database
from kiln.jobs.records.lease import take_lease
from kiln.jobs.upkeep.collection import Collected, Collector
from kiln.jobs.upkeep.retention import HOUR_MS, Policy, Retention, usual_policy
from kiln.storage import Store
from kiln.storage.shelf import Shelf

ROUND_MS: Final = HOUR_MS
"""From one round to the next."""

_LOOK_S: Final = 60.0
"""Between two looks whether a round is due."""

_LEASE: Final = "housekeeping"
_LOG: Final = logging.getLogger(__name__)

Forget = Callable[[int], object]
"""Forgets what ended before a time, in milliseconds since 1970."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """What a round did."""

    uploads: int
    artifacts: int
    idempotency_keys: int
    webhooks: int
    histories: int
    """Jobs whose events were forgotten."""

    collected: Collected


class Housekeeper:
    """Does the rounds, in a thread of its own once it is started. `forget_workflows` forgets the engine's rows."""

    def __init__(
        self,
        database: Database,
        store: Store,
        *,
        policy: Policy | None = None,
        forget_workflows: Forget | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._database = database
        self._policy = policy or usual_policy()
        self._forget_workflows = forget_workflows
        self._clock = clock or SystemClock()
        self._shelf = Shelf(store)
        self._retention = Retention(database, clock=self._clock)
        self._collector = Collector(store, self._retention, clock=self._clock)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin to look for rounds that are due."""
        self._thread.start()

    def stop(self, *, wait_s: float) -> None:
        """Begin no other round, and wait for one that is at work; it may be left behind at any point."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    def round_if_due(self) -> Round | None:
        """Do a round, unless some process has begun one less than an hour ago."""
        if not take_lease(self._database, _LEASE, for_ms=ROUND_MS, clock=self._clock):
            return None
        return self.round()

    def round(self) -> Round:
        """Forget what the policy says. StorageError when database or store are out of reach: the next round does the rest."""
        now, policy, retention = self._clock.now_ms(), self._policy, self._retention
        if self._forget_workflows is not None:
            self._forget_workflows(now - policy.workflows_ms)
        done = Round(
            uploads=retention.forget_uploads(older_than_ms=now - policy.uploads_ms),
            artifacts=self._forget_artifacts(now),
            idempotency_keys=retention.forget_idempotency_keys(),
            webhooks=retention.forget_webhooks(older_than_ms=now - policy.webhooks_ms),
            histories=0 if policy.events_ms is None else retention.forget_events(older_than_ms=now - policy.events_ms),
            collected=self._collector.collect(policy),
        )
        told = _told(done)
        _LOG.log(logging.INFO if told else logging.DEBUG, "housekeeping: %s", told or "nothing to do")
        return done

    def _forget_artifacts(self, now: int) -> int:
        if self._policy.artifacts_ms is None:
            return 0
        return self._retention.forget_artifacts(older_than_ms=now - self._policy.artifacts_ms, spare=self._shelf.live_keys())

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self.round_if_due()
            except KilnError as error:
                _LOG.warning("housekeeping broke off and is tried again: %s", error)
            except Exception:  # noqa: BLE001 - the service goes on without it, and says so
                _LOG.exception("housekeeping failed and is tried again")
            self._stopping.wait(_LOOK_S)


def _told(done: Round) -> str:
    contents = done.collected.contents
    counts: Sequence[tuple[str, int]] = (
        ("uploads", done.uploads),
        ("artifacts", done.artifacts),
        ("idempotency keys", done.idempotency_keys),
        ("webhooks", done.webhooks),
        ("histories", done.histories),
        ("stage records", len(done.collected.outdated)),
        ("contents into the trash", len(contents.trashed)),
        ("contents deleted", len(contents.deleted)),
        ("bytes freed", contents.freed),
    )
    return ", ".join(f"{count} {name}" for name, count in counts if count)
