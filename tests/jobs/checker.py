"""Looks at what a run left in the database and says which promises were broken; chaos tests end with it.

It knows the records, not how they came about: it reads events, jobs and the ledger, and what clients and workers were told during the run.

Stages are told by two events: STAGE_STARTED and STAGE_FINISHED, both with "stage", "lane" and "began_ms"; the latter also with "ended_ms"
and "outcome", and, when the outcome is "done", the stage's "output" key. Their times are of a clock that all lanes of a machine share and
that never jumps. A lane's name begins with its worker's, as in studio.cpu0; a GPU is one for all workers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sqlalchemy import Connection, select

from kiln.jobs.money.ledger import Entry
from kiln.jobs.records.database import Database
from kiln.jobs.records.events import Event, EventKind
from kiln.jobs.records.job import TRANSITIONS, Job, State
from kiln.jobs.records.job_rows import event_of, job_of
from kiln.jobs.records.tables import EVENTS, FILES, JOBS, LEDGER, TENANTS


@dataclass(frozen=True, kw_only=True)
class History:
    """Everything that is known of a run."""

    jobs: Mapping[str, Job]
    events: Sequence[Event]
    entries: Sequence[Entry] = ()
    used: Mapping[str, int] = field(default_factory=dict)
    """Micro-dollars by tenant, as the tenants' rows say."""

    files: Sequence[tuple[str, str, str]] = ()
    """Of jobs: the job's id, the file's id and its name."""

    acknowledged: Mapping[str, State] = field(default_factory=dict)
    """Jobs by id, with the last state that somebody was told."""


def read_history(database: Database, *, acknowledged: Mapping[str, State] | None = None) -> History:
    """What is in the database, all of it at one moment."""

    def read(connection: Connection) -> History:
        run = connection.execute
        ledger = run(select(LEDGER).order_by(LEDGER.c.number)).mappings()
        names = Entry.__dataclass_fields__
        return History(
            jobs={row["id"]: job_of(row) for row in run(select(JOBS)).mappings()},
            events=[event_of(row) for row in run(select(EVENTS).order_by(EVENTS.c.job_id, EVENTS.c.seq)).mappings()],
            entries=[Entry(**{name: row[name] for name in names}) for row in ledger],
            used={row.tenant: row.used_microdollars for row in run(select(TENANTS))},
            files=[(row.job_id, row.id, row.name) for row in run(select(FILES).where(FILES.c.job_id.is_not(None)))],
            acknowledged=acknowledged or {},
        )

    return database.read(read)


def broken_promises(history: History) -> list[str]:
    """Every promise that was broken, in a sentence each; none is what is hoped for."""
    by_job: dict[str, list[Event]] = defaultdict(list)
    for event in history.events:
        by_job[event.job_id].append(event)
    found = [*_lost(history), *_lanes(history.events), *_tenants(history), *_artifacts(history)]
    for job in history.jobs.values():
        events = by_job.pop(job.id, [])
        entries = [entry for entry in history.entries if entry.job_id == job.id]
        found += [
            f"{job.id}: {what}" for what in (*_numbers(job, events), *_states(job, events), *_stages(events), *_money(job, events, entries))
        ]
    return [*found, *(f"{job_id}: has events but no record" for job_id in by_job)]


def unfinished(history: History) -> list[str]:
    """The jobs that have not ended, each with its state."""
    return [f"{job.id}: {job.state}" for job in history.jobs.values() if not job.state.terminal]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How much was done, and how much of it for nothing."""

    jobs: Mapping[str, int]
    """By state."""

    attempts: int
    stages_done: int
    stages_cut_off: int
    """Begun, and lost with a process: they were begun again."""

    stages_shared: int
    """Found finished, such as by an attempt after a crash."""


def figures(history: History) -> Figures:
    """What a run came to."""
    outcomes = Counter(event.data["outcome"] for event in history.events if event.kind is EventKind.STAGE_FINISHED)
    began = sum(event.kind is EventKind.STAGE_STARTED for event in history.events)
    return Figures(
        jobs=Counter(job.state.value for job in history.jobs.values()),
        attempts=sum(job.attempts for job in history.jobs.values()),
        stages_done=outcomes["done"],
        stages_cut_off=began - outcomes["done"] - outcomes["failed"] - outcomes["stopped"],
        stages_shared=outcomes["shared"],
    )


def _lost(history: History) -> Iterator[str]:
    """Whatever was acknowledged is there."""
    for job_id, told in history.acknowledged.items():
        job = history.jobs.get(job_id)
        if job is None:
            yield f"{job_id}: was acknowledged and is lost"
        elif told.terminal and job.state is not told:
            yield f"{job_id}: was told to be {told} and is {job.state}"
        elif told not in states_in(event for event in history.events if event.job_id == job_id):
            yield f"{job_id}: was told to be {told} and never was"


def _numbers(job: Job, events: list[Event]) -> Iterator[str]:
    """1, 2, 3, ... up to what the record says; attempts never go back."""
    if [event.seq for event in events] != list(range(1, job.last_seq + 1)):
        yield f"events are numbered {[event.seq for event in events]}, and the record ends at {job.last_seq}"
    if any(after.attempt < before.attempt for before, after in pairwise(events)):
        yield "an event of an earlier attempt comes after one of a later"


def _states(job: Job, events: list[Event]) -> Iterator[str]:
    """From queued along the table to where the record stands, and nothing after the end."""
    states = states_in(events)
    if states[:1] != (State.QUEUED,):
        yield "does not begin as queued"
    for before, after in pairwise(states):
        if after not in TRANSITIONS[before]:
            yield f"went from {before} to {after}"
    if states[-1:] != (job.state,):
        yield f"its events lead to {states[-1:]}, its record says {job.state}"
    if job.state.terminal and events and events[-1].kind is not EventKind.STATE:
        yield f"has a {events[-1].kind} event after its end"
    if states.count(State.RUNNING) != job.attempts:
        yield f"was started {states.count(State.RUNNING)} times, and counts {job.attempts}"
    if (job.failure is not None) is not (job.state is State.FAILED) or (job.ended_ms is not None) is not job.state.terminal:
        yield f"is {job.state} with failure {job.failure} and end {job.ended_ms}"


def _stages(events: list[Event]) -> Iterator[str]:
    """A stage whose output was kept is not run again."""
    done = Counter(event.data["output"] for event in events if event.kind is EventKind.STAGE_FINISHED and event.data["outcome"] == "done")
    yield from (f"made {output} {times} times" for output, times in done.items() if times > 1)


def _lanes(events: Sequence[Event]) -> Iterator[str]:
    """No lane ran two stages at once. A stage that was cut off counts as the moment it began: nobody knows when it ended."""
    runs: dict[tuple[str, str, int, float], float] = {}
    for event in events:
        if event.kind in (EventKind.STAGE_STARTED, EventKind.STAGE_FINISHED) and event.data.get("outcome") != "shared":
            began = event.data["began_ms"]
            key = (_place(event.data["lane"]), event.job_id, event.attempt, began)
            runs[key] = max(runs.get(key, began), event.data.get("ended_ms", began))
    by_lane: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    for (lane, job_id, _, began), ended in runs.items():
        by_lane[lane].append((began, ended, job_id))
    for lane, spans in by_lane.items():
        latest, holder = float("-inf"), ""
        for began, ended, job_id in sorted(spans):
            if began < latest:
                yield f"{lane}: ran {holder} and {job_id} at once at {began}"
            if ended > latest:
                latest, holder = ended, job_id


def _place(lane: str) -> str:
    """What only one stage can have at a time: the lane, or its GPU."""
    own = lane.rpartition(".")[2]
    return own if own.startswith("gpu") else lane


def _money(job: Job, events: list[Event], entries: list[Entry]) -> Iterator[str]:
    """Held once, closed once and at the end only, and told as it was written."""
    for (item, is_hold), times in Counter((entry.item, entry.kind == "hold") for entry in entries).items():
        if times > 1:
            yield f"{'held' if is_hold else 'closed'} {item} {times} times"
    held = {entry.item for entry in entries if entry.kind == "hold"}
    closed = {entry.item for entry in entries if entry.kind != "hold"}
    closing = "settle" if job.state is State.SUCCEEDED else "release"
    if any(entry.kind not in ("hold", closing) for entry in entries) or (closed and not job.state.terminal):
        yield f"is {job.state} and its ledger has {[entry.kind for entry in entries]}"
    if job.state.terminal and held - closed:
        yield f"has ended and still holds {sorted(held - closed)}"
    if job.state in (State.FAILED, State.CANCELLED) and (sum(e.microdollars for e in entries) or sum(e.gpu_ms for e in entries)):
        yield f"is {job.state} and was charged"
    told = [(e.data["kind"], e.data["item"], e.data["microdollars"], e.data["gpu_ms"]) for e in events if e.kind is EventKind.CHARGE]
    if told != [(entry.kind, entry.item, entry.microdollars, entry.gpu_ms) for entry in entries]:
        yield "its events tell another ledger"


def _artifacts(history: History) -> Iterator[str]:
    """What a job made is there once: the very files that its record names."""
    kept: dict[str, dict[str, str]] = defaultdict(dict)
    for job_id, file_id, name in history.files:
        if name in kept[job_id]:
            yield f"{job_id}: has {name} twice"
        kept[job_id][name] = file_id
    for job in history.jobs.values():
        if job.state is State.SUCCEEDED and dict(job.results) != kept[job.id]:
            yield f"{job.id}: names {sorted(job.results)}, and has {sorted(kept[job.id])}"


def _tenants(history: History) -> Iterator[str]:
    """What a tenant's row says is what its jobs' lines add up to."""
    sums: Counter[str] = Counter()
    for entry in history.entries:
        if entry.job_id in history.jobs:
            sums[history.jobs[entry.job_id].tenant] += entry.microdollars
    for tenant in sums.keys() | history.used.keys():
        if sums[tenant] != history.used.get(tenant, 0):
            yield f"{tenant}: its ledger adds up to {sums[tenant]}, its row says {history.used.get(tenant, 0)}"


def states_in(events: Iterable[Event]) -> tuple[State, ...]:
    """The states a job went through, in order."""
    return tuple(State(event.data["state"]) for event in events if event.kind is EventKind.STATE)
