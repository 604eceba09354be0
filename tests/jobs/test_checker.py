"""The checker finds nothing wrong with a true history, and each lie in a forged one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from jobs.checker import History, broken_promises, figures, unfinished
from kiln.jobs.money.ledger import Entry
from kiln.jobs.records.events import Event, EventKind
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.job import Failure, Job, Request, State

REQUEST = Request(recipe="prop")


def event(seq: int, told: EventKind, attempt: int = 1, **data: Any) -> Event:
    return Event(job_id="a", seq=seq, kind=told, at_ms=0, attempt=attempt, data=data)


def entry(kind: str, microdollars: int, gpu_ms: int = 0) -> Entry:
    return Entry(job_id="a", item="sam3d", kind=kind, microdollars=microdollars, gpu_ms=gpu_ms, day="2026-11-20", at_ms=0)


def charge(seq: int, kind: str, microdollars: int) -> Event:
    return event(seq, EventKind.CHARGE, 0 if kind == "hold" else 1, kind=kind, item="sam3d", microdollars=microdollars, gpu_ms=0)


JOB = Job(
    id="a",
    tenant="studio",
    request=REQUEST,
    request_hash="",
    state=State.SUCCEEDED,
    attempts=1,
    last_seq=7,
    ended_ms=1,
    results={"a.glb": "file_1"},
)
FILES = [("a", "file_1", "a.glb")]
EVENTS = (
    event(1, EventKind.STATE, 0, state="queued"),
    charge(2, "hold", 10),
    event(3, EventKind.STATE, state="running"),
    event(4, EventKind.STAGE_STARTED, stage="bake", lane="cpu0", began_ms=100),
    event(5, EventKind.STAGE_FINISHED, stage="bake", lane="cpu0", began_ms=100, ended_ms=200, outcome="done", output="stages/1"),
    charge(6, "settle", -3),
    event(7, EventKind.STATE, state="succeeded"),
)
TRUE = History(
    jobs={"a": JOB},
    events=EVENTS,
    entries=(entry("hold", 10), entry("settle", -3)),
    used={"studio": 7},
    files=FILES,
    acknowledged={"a": State.SUCCEEDED},
)


def with_event(position: int, changed: Event) -> History:
    """The true history with one event in another's place."""
    events = list(TRUE.events)
    events[position] = changed
    return replace(TRUE, events=events)


def beside(**data: Any) -> History:
    """The true history with another job's stage."""
    other = replace(JOB, id="b", last_seq=3, state=State.RUNNING, ended_ms=None)
    began = {"stage": "bake", "lane": "cpu0"} | data
    events = [
        replace(event(1, EventKind.STATE, 0, state="queued"), job_id="b"),
        replace(event(2, EventKind.STATE, state="running"), job_id="b"),
        replace(event(3, EventKind.STAGE_FINISHED if "ended_ms" in data else EventKind.STAGE_STARTED, **began), job_id="b"),
    ]
    return replace(TRUE, jobs={"a": JOB, "b": other}, events=[*TRUE.events, *events])


def on_one_gpu(history: History) -> History:
    """The same, each job with a worker of its own on the machine's only GPU."""
    events = [replace(e, data={**e.data, "lane": f"{e.job_id}.gpu0"}) if "lane" in e.data else e for e in history.events]
    return replace(history, events=events)


def test_a_true_history_breaks_nothing() -> None:
    assert broken_promises(TRUE) == []


@pytest.mark.parametrize(
    "fair",
    [
        beside(began_ms=200, ended_ms=300, outcome="done", output="stages/2"),
        beside(began_ms=150, ended_ms=160, outcome="done", output="stages/2", lane="cpu1"),
        beside(began_ms=150, ended_ms=160, outcome="done", output="stages/2", lane="other.cpu0"),
        beside(began_ms=150, ended_ms=160, outcome="shared", output="stages/1"),
        beside(began_ms=50),
    ],
    ids=["after", "another lane", "another worker's lane", "shared", "cut off before"],
)
def test_lanes_that_were_shared_fairly(fair: History) -> None:
    assert broken_promises(fair) == []


FORGED: dict[str, tuple[Callable[[], History], str]] = {
    "lost": (lambda: replace(TRUE, acknowledged={"z": State.QUEUED}), "z: was acknowledged and is lost"),
    "taken back": (lambda: replace(TRUE, acknowledged={"a": State.CANCELLED}), "told to be cancelled and is succeeded"),
    "never was": (lambda: replace(TRUE, acknowledged={"a": State.CANCELLING}), "told to be cancelling and never was"),
    "gap": (lambda: replace(TRUE, events=[*EVENTS[:3], *EVENTS[4:]]), "events are numbered [1, 2, 3, 5, 6, 7]"),
    "twice": (lambda: replace(TRUE, events=[*EVENTS[:2], *EVENTS[1:]]), "events are numbered [1, 2, 2, 3"),
    "cut short": (lambda: replace(TRUE, events=EVENTS[:6]), "the record ends at 7"),
    "back in time": (lambda: with_event(4, replace(EVENTS[4], attempt=0)), "an earlier attempt comes after"),
    "off the table": (lambda: with_event(6, event(7, EventKind.STATE, state="cancelled")), "went from running to cancelled"),
    "no beginning": (lambda: with_event(0, event(1, EventKind.NOTE, 0, text="hello")), "does not begin as queued"),
    "another state": (lambda: with_event(6, event(7, EventKind.STATE, state="failed")), "its record says succeeded"),
    "after the end": (
        lambda: replace(TRUE, jobs={"a": replace(JOB, last_seq=8)}, events=[*EVENTS, event(8, EventKind.NOTE, text="late")]),
        "has a note event after its end",
    ),
    "attempts": (lambda: replace(TRUE, jobs={"a": replace(JOB, attempts=2)}), "was started 1 times, and counts 2"),
    "a failure that succeeded": (
        lambda: replace(TRUE, jobs={"a": replace(JOB, failure=Failure(reason=FailureReason.OOM, message=""))}),
        "is succeeded with failure",
    ),
    "no end": (lambda: replace(TRUE, jobs={"a": replace(JOB, ended_ms=None)}), "end None"),
    "no record": (lambda: replace(TRUE, jobs={}, entries=(), used={}, acknowledged={}), "a: has events but no record"),
    "made again": (
        lambda: with_event(3, event(4, EventKind.STAGE_FINISHED, lane="cpu1", began_ms=1, ended_ms=2, outcome="done", output="stages/1")),
        "made stages/1 2 times",
    ),
    "overlap": (lambda: beside(began_ms=150, ended_ms=250, outcome="done", output="stages/2"), "cpu0: ran a and b at once at 150"),
    "overlap inside": (lambda: beside(began_ms=50, ended_ms=900, outcome="failed"), "cpu0: ran b and a at once at 100"),
    "overlap on a GPU of two workers": (
        lambda: on_one_gpu(beside(began_ms=150, ended_ms=250, outcome="failed")),
        "gpu0: ran a and b at once at 150",
    ),
    "overlap of one cut off": (lambda: beside(began_ms=150), "cpu0: ran a and b at once at 150"),
    "a file twice": (lambda: replace(TRUE, files=[*FILES, ("a", "file_2", "a.glb")]), "a: has a.glb twice"),
    "a file nobody named": (
        lambda: replace(TRUE, files=[*FILES, ("a", "file_2", "b.glb")]),
        "a: names ['a.glb'], and has ['a.glb', 'b.glb']",
    ),
    "a file that is gone": (lambda: replace(TRUE, files=[]), "a: names ['a.glb'], and has []"),
    "held twice": (lambda: replace(TRUE, entries=(entry("hold", 10), *TRUE.entries), used={"studio": 17}), "held sam3d 2 times"),
    "settled twice": (lambda: replace(TRUE, entries=(*TRUE.entries, entry("settle", -3)), used={"studio": 4}), "closed sam3d 2 times"),
    "settled and released": (lambda: replace(TRUE, entries=(*TRUE.entries, entry("release", -7)), used={}), "closed sam3d 2 times"),
    "released a success": (
        lambda: replace(TRUE, entries=(entry("hold", 10), entry("release", -10)), used={}),
        "is succeeded and its ledger",
    ),
    "still held": (lambda: replace(TRUE, entries=(entry("hold", 10),), used={"studio": 10}), "still holds ['sam3d']"),
    "told otherwise": (lambda: with_event(5, charge(6, "settle", -4)), "its events tell another ledger"),
    "sum": (lambda: replace(TRUE, used={"studio": 8}), "studio: its ledger adds up to 7, its row says 8"),
}


@pytest.mark.parametrize("name", FORGED)
def test_each_lie_is_found(name: str) -> None:
    forge, words = FORGED[name]
    assert any(words in sentence for sentence in broken_promises(forge())), broken_promises(forge())


def test_what_was_done_is_counted() -> None:
    found = figures(beside(began_ms=300))
    assert (found.stages_done, found.stages_cut_off, found.stages_shared, found.attempts) == (1, 1, 0, 2)
    assert found.jobs == {"succeeded": 1, "running": 1}
    assert unfinished(beside(began_ms=300)) == ["b: running"]


def test_a_failure_that_was_charged_is_found() -> None:
    job = replace(JOB, state=State.FAILED, failure=Failure(reason=FailureReason.OOM, message="too large"))
    events = [*EVENTS[:5], charge(6, "release", -3), event(7, EventKind.STATE, state="failed")]
    forged = replace(TRUE, jobs={"a": job}, events=events, entries=(entry("hold", 10), entry("release", -3)), acknowledged={})
    assert broken_promises(forged) == ["a: is failed and was charged"]
