"""What a job's backends did, all attempts together, as its events tell: so nothing is charged twice, and what was shared costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kiln.jobs.money.prices import Charge, Rate, Work, charges_for
from kiln.jobs.records.events import Event, EventKind
from kiln.jobs.records.job_store import JobStore

_PAGE = 1000
"""Events read at a time."""


def measured_charges(jobs: JobStore, job_id: str, *, rates: Mapping[str, Rate]) -> tuple[Charge, ...]:
    """The price of what was measured, of backends that have a rate or worked on a GPU."""
    done = [work for work in work_in(_events(jobs, job_id)) if work.gpu_ms or work.item in rates]
    return charges_for(done, rates=rates)


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
