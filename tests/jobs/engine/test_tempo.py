"""How often a worker looks for jobs."""

from __future__ import annotations

from kiln.jobs.engine.tempo import BUSY_POLL_S, Tempo


def test_it_looks_often_while_jobs_are_over_before_the_next_look() -> None:
    tempo = Tempo(width=4, idle_s=0.5)
    told = [tempo.poll_s(done=done, now_s=now) for now, done in ((0.0, 3), (0.5, 4), (1.0, 0), (5.0, 1), (6.0, 0), (6.5, 3))]
    assert told == [0.5, BUSY_POLL_S, BUSY_POLL_S, BUSY_POLL_S, 0.5, 0.5]


def test_it_never_looks_less_often_than_it_is_told_to() -> None:
    assert Tempo(width=1, idle_s=0.01).poll_s(done=1, now_s=0.0) == 0.01
