"""One at a time for each name, and nobody waits for ever."""

from __future__ import annotations

import threading

import pytest

from kiln.errors import Cancelled
from kiln.jobs.executors.failure import LaneBusy
from kiln.jobs.stored.same_work import SameWork


def test_one_at_a_time_and_an_error_hands_over() -> None:
    work, inside, most = SameWork(), [0], [0]

    def take(number: int) -> None:
        try:
            with work.turn("a", cancel=lambda: False, wait_s=60):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                threading.Event().wait(0.005)
                inside[0] -= 1
                1 // (number % 2)
        except ZeroDivisionError:
            pass

    threads = [threading.Thread(target=take, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert most == [1]


def test_other_names_do_not_wait_and_who_waits_can_leave() -> None:
    work = SameWork()
    with work.turn("a", cancel=lambda: False, wait_s=0), work.turn("b", cancel=lambda: False, wait_s=0):
        with pytest.raises(Cancelled), work.turn("a", cancel=lambda: True, wait_s=60):
            pass
        with pytest.raises(LaneBusy), work.turn("b", cancel=lambda: False, wait_s=0):
            pass
    with work.turn("a", cancel=lambda: True, wait_s=0):
        pass
