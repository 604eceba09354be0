"""Webhooks that are to be sent. They are written down in the transaction that ends a job, so none is lost; each is sent at least once."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from kiln.jobs.records.clock import Clock, SystemClock
from kiln.jobs.records.database import Database
from kiln.jobs.records.tables import WEBHOOKS


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message to be sent; whoever holds it is the only one to try, for as long as it was claimed."""

    number: int
    job_id: str
    seq: int
    """Of the event it tells."""

    url: str = field(repr=False)
    tries: int
    """This one included."""


class Outbox:
    """The webhooks in a database."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def claim(self, *, limit: int, for_ms: int) -> tuple[Delivery, ...]:
        """Messages that are due. Unless they are reported on within that time, they are due again."""

        def write(connection: Connection) -> tuple[Delivery, ...]:
            now = self._clock.now_ms()
            query = select(WEBHOOKS.c.number).where(WEBHOOKS.c.due_ms <= now).order_by(WEBHOOKS.c.due_ms, WEBHOOKS.c.number).limit(limit)
            numbers = connection.execute(query.with_for_update(skip_locked=True)).scalars().all()
            claimed = WEBHOOKS.update().where(WEBHOOKS.c.number.in_(numbers)).values(tries=WEBHOOKS.c.tries + 1, due_ms=now + for_ms)
            names = (WEBHOOKS.c.number, WEBHOOKS.c.job_id, WEBHOOKS.c.seq, WEBHOOKS.c.url, WEBHOOKS.c.tries)
            rows = connection.execute(claimed.returning(*names)).mappings().all()
            return tuple(sorted((Delivery(**row) for row in rows), key=lambda delivery: delivery.number))

        return self._database.write(write) if self._is_due() else ()  # many workers look often: looking alone must lock nothing

    def _is_due(self) -> bool:
        """Whether there is any message to be sent now."""
        query = select(WEBHOOKS.c.number).where(WEBHOOKS.c.due_ms <= self._clock.now_ms()).limit(1)
        return self._database.read(lambda connection: connection.execute(query).first()) is not None

    def delivered(self, delivery: Delivery) -> None:
        """It arrived, and is not sent again."""
        self._close(delivery, due_ms=None, delivered_ms=self._clock.now_ms())

    def failed(self, delivery: Delivery, *, again_in_ms: int | None) -> None:
        """It did not arrive: try again later, or with None never."""
        self._close(delivery, due_ms=None if again_in_ms is None else self._clock.now_ms() + again_in_ms, delivered_ms=None)

    def _close(self, delivery: Delivery, *, due_ms: int | None, delivered_ms: int | None) -> None:
        """Write down what came of a try, unless somebody else has claimed the message since."""
        mine = (WEBHOOKS.c.number == delivery.number, WEBHOOKS.c.tries == delivery.tries)
        change = WEBHOOKS.update().where(*mine).values(due_ms=due_ms, delivered_ms=delivered_ms)
        self._database.write(lambda connection: connection.execute(change))
