"""Executors that live are counted, and those that stand still are found missing, whatever the clocks say."""

from __future__ import annotations

from jobs.stopped_clock import StoppedClock
from kiln.jobs.records.database import Database
from kiln.jobs.records.roster import HeartbeatWatch, Roster


def test_beats_are_counted(database: Database, clock: StoppedClock) -> None:
    roster = Roster(database, clock=clock)
    for executor in ("one", "two", "one"):
        roster.beat(executor, version="1")
    assert roster.beats() == {"one": 2, "two": 1}
    roster.remove("one")
    assert roster.beats() == {"two": 1}


def test_who_stands_still_is_missing() -> None:
    watch = HeartbeatWatch(silence_s=60)
    assert watch.missing({"lost": 7, "alive": 1}, now_s=1000) == frozenset()
    assert watch.missing({"lost": 7, "alive": 2}, now_s=1059) == frozenset()
    assert watch.missing({"lost": 7, "alive": 2, "new": 1}, now_s=1060) == {"lost"}
    assert watch.missing({"lost": 8, "alive": 3, "new": 2}, now_s=1061) == frozenset()
    assert watch.missing({"lost": 8}, now_s=1121) == {"lost"}
