"""Order: a request, who makes it, and under which conditions; what comes of it is a receipt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from kiln.errors import InputError
from kiln.jobs.money.prices import Charge
from kiln.jobs.records.ids import new_id
from kiln.jobs.records.job import PRIORITIES, Failure, Job, Request, State

KEY_LIFE_MS: Final = 24 * 3600 * 1000
"""How long an idempotency key stands for the job it made."""

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_WEBHOOK: Final = re.compile(r"https://[\x21-\x7e]{1,2000}")


@dataclass(frozen=True, kw_only=True)
class Order:
    """A request that is to become a job. InputError when a condition is none."""

    request: Request
    tenant: str
    charges: Sequence[Charge] = ()
    """What it is expected to cost; held until it ends."""

    priority: int = 0
    idempotency_key: str | None = None
    """Named by the client: asking again under it is the same job."""

    batch_id: str | None = None
    webhook_url: str | None = field(default=None, repr=False)
    failure: Failure | None = None
    """Why its job has failed before it began: a batch keeps a record of its bad items, too."""

    def __post_init__(self) -> None:
        if self.priority not in PRIORITIES:
            raise InputError(f"priority {self.priority} is not from {PRIORITIES.start} (first) to {PRIORITIES.stop - 1} (last)")
        if self.idempotency_key is not None and not _KEY.fullmatch(self.idempotency_key):
            raise InputError("an Idempotency-Key is 1 to 255 visible ASCII characters")
        if self.webhook_url is not None and not _WEBHOOK.fullmatch(self.webhook_url):
            raise InputError("a webhook's URL begins with https:// and has up to 2,000 more visible ASCII characters")

    def as_job(self, *, now_ms: int, last_seq: int, turn: int) -> Job:
        """The job it becomes, in the state queued, with so many events."""
        return Job(
            id=new_id("job"),
            tenant=self.tenant,
            request=self.request,
            request_hash=self.request.sha256,
            state=State.QUEUED,
            priority=self.priority,
            turn=turn,
            idempotency_key=self.idempotency_key,
            batch_id=self.batch_id,
            webhook_url=self.webhook_url,
            last_seq=last_seq,
            created_ms=now_ms,
        )


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What came of an order."""

    job: Job
    created: bool
    """False: the key stood for this job already."""

    warnings: tuple[str, ...] = ()
    """Sentences about budgets and quotas that are nearly used up."""
