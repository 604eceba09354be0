"""Everybody gets their share, the urgent go first, and nothing is lost or served twice."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiln.jobs.executors.fair_queue import FairQueue


def drain(queue: FairQueue[str]) -> list[str]:
    taken = []
    while (item := queue.take()) is not None:
        taken.append(item)
    return taken


def test_one_tenant_is_served_in_order() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in "abc":
        queue.put(item)
    assert drain(queue) == ["a", "b", "c"]
    assert queue.take() is None


def test_a_crowd_of_one_tenant_does_not_hold_up_another() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(100):
        queue.put(f"crowd{number}", tenant="crowd")
    assert [queue.take() for _ in range(3)] == ["crowd0", "crowd1", "crowd2"]
    queue.put("single", tenant="late")
    assert "single" in [queue.take(), queue.take()]


def test_weights_are_shares() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(12):
        queue.put(f"a{number}", tenant="a", weight=3)
        queue.put(f"b{number}", tenant="b", weight=1)
    assert [queue.take()[0] for _ in range(8)] == list("abaabaaa")  # type: ignore[index]


def test_the_urgent_go_first_whoever_they_belong_to() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put("later", priority=5)
    queue.put("now", priority=-1, tenant="other")
    queue.put("soon")
    assert drain(queue) == ["now", "soon", "later"]


def test_coming_back_piece_by_piece_gains_nothing() -> None:
    """b keeps one item waiting at a time, a many: each is served every other time all the same."""
    queue: FairQueue[str] = FairQueue()
    for number in range(20):
        queue.put(f"a{number}", tenant="a")
    served = []
    for number in range(20):
        queue.put(f"b{number}", tenant="b")
        while f"b{number}" in queue:
            served.append(queue.take())
    assert Counter(item[0] for item in served[:20] if item) == {"a": 10, "b": 10}


def test_an_item_that_was_removed_is_not_served_and_costs_no_turn() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "b1", "b2"):
        queue.put(item, tenant=item[0])
    assert queue.remove("a1")
    assert not queue.remove("a1")
    assert len(queue) == 3
    assert drain(queue) == ["a2", "b1", "b2"]


def test_an_item_waits_once() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put("a")
    with pytest.raises(ValueError, match="'a' was put into this queue before"):
        queue.put("a", tenant="other")
    with pytest.raises(ValueError, match="weight 0"):
        queue.put("b", weight=0)


Moves = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 3), st.integers(0, 2), st.integers(1, 4)),
        st.tuples(st.just("take"), st.just(0), st.just(0), st.just(1)),
        st.tuples(st.just("remove"), st.integers(0, 30), st.just(0), st.just(1)),
    ),
    max_size=80,
)


@given(Moves)
def test_nothing_is_lost_served_twice_or_out_of_a_tenants_order(moves: list[tuple[str, int, int, int]]) -> None:
    queue: FairQueue[tuple[int, int, int]] = FairQueue()
    waiting: list[tuple[int, int, int]] = []
    for number, (what, first, priority, weight) in enumerate(moves):
        if what == "put":
            waiting.append((priority, first, number))
            queue.put(waiting[-1], tenant=str(first), priority=priority, weight=weight)
        elif what == "remove" and first < len(waiting):
            assert queue.remove(waiting.pop(first))
        elif what == "take":
            item = queue.take()
            assert (item is None) == (not waiting)
            if item is not None:
                assert item[0] == min(waiting)[0]
                assert item == min(other for other in waiting if other[:2] == item[:2])
                waiting.remove(item)
        assert len(queue) == len(waiting)


@given(st.lists(st.integers(1, 5), min_size=2, max_size=5))
def test_every_backlogged_tenant_is_within_a_turn_of_its_share(weights: list[int]) -> None:
    queue: FairQueue[tuple[int, int]] = FairQueue()
    for tenant, weight in enumerate(weights):
        for number in range(100):
            queue.put((tenant, number), tenant=str(tenant), weight=weight)
    served: Counter[int] = Counter()
    for turn in range(1, 101):
        served[queue.take()[0]] += 1  # type: ignore[index]
        for one, weight in enumerate(weights):
            for other, other_weight in enumerate(weights):
                apart = served[one] / weight - served[other] / other_weight
                assert apart <= 1 / weight + 1e-9, (turn, served)


def test_a_stream_of_new_tenants_starves_nobody_and_is_forgotten() -> None:
    queue: FairQueue[str] = FairQueue()
    served = []
    for number in range(1000):
        queue.put(f"old{number}", tenant="old")
        queue.put(f"new{number}", tenant=f"new{number}")
        served.append(queue.take())
    assert sum(item.startswith("old") for item in served if item) > 5
    for _ in drain(queue):
        pass
    queue.put("a", tenant="last")
    queue.put("b", tenant="last")
    queue.take()
    assert len(queue._levels[0]._passes) < 100
