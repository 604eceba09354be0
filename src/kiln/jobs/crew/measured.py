"""What a job's backends did, all attempts together, as its events tell: so nothing is charged twice, and what was shared costs nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from kiln.jobs.money.prices import Charge, Rate, Work, charges_for
from kiln.jobs.records.events import Event, EventKind
from kiln.jobs.records.job_store import JobStore

_PAGE: Final = 1000
"""Events read at a time."""

_LOG: Final = logging.getLogger(__name__)


def measured_charges(jobs: JobStore, job_id: str, *, rates: Mapping[str, Rate]) -> tuple[Charge, ...]:
    """The price of what was measured, of backends that have a rate, worked on a GPU, or were paid for at submit.

    A worker that was not given the service's prices takes what the job holds for a backend, and warns: nothing is for free by mistake.
    """
    events = tuple(_events(jobs, job_id))
    held = held_in(events)
    charges = charges_for((work for work in work_in(events) if work.gpu_ms or work.item in rates or work.item in held), rates=rates)
    unpriced = [charge.item for charge in charges if charge.item not in rates and charge.item in held]
    if unpriced:
        _LOG.warning("no price of %s is known here, and %s costs what it holds: set KILN_PRICES", ", ".join(unpriced), job_id)
    return tuple(at_held_price(charge, held[charge.item]) if charge.item in unpriced else charge for charge in charges)


def held_in(events: Iterable[Event]) -> dict[str, Charge]:
    """What a job holds for backends that cost something, by their names."""
    told = [event.data for event in events if event.kind is EventKind.CHARGE]
    return {
        data["item"]: Charge(item=data["item"], microdollars=data["microdollars"], gpu_ms=data["gpu_ms"])
        for data in told
        if data["kind"] == "hold" and data["microdollars"]
    }


def at_held_price(charge: Charge, held: Charge) -> Charge:
    """A charge at the price that was held: in proportion to the time on a GPU, or where none was expected, all of it."""
    price = held.microdollars if not held.gpu_ms else -(-held.microdollars * charge.gpu_ms // held.gpu_ms)
    return Charge(item=charge.item, microdollars=price, gpu_ms=charge.gpu_ms)


def work_in(events: Iterable[Event]) -> tuple[Work, ...]:
    """What backends did: each output counts once, when it was made, however often its end was told."""
    made: dict[str, Work] = {}
    for event in events:
        data = event.data
        if event.kind is EventKind.STAGE_FINISHED and data.get("outcome") == "done" and data.get("backend"):
            gpu_ms = round(1000 * data["seconds"]) if data.get("on_gpu") else 0
            made.setdefault(str(data["output"]), Work(item=data["backend"], gpu_ms=gpu_ms, calls=1))
    return tuple(made.values())


def _events(jobs: JobStore, job_id: str) -> Iterator[Event]:
    after = 0
    while page := jobs.events(job_id, after=after, limit=_PAGE):
        yield from page
        after = page[-1].seq
