"""Who waits for a lane gets one in the right order, and a warm one where there is one. The lanes here are only names."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kiln.jobs.executors.failure import LaneClosed
from kiln.jobs.executors.interface import StageCall
from kiln.jobs.executors.lane import Lane
from kiln.jobs.executors.lane_pool import LanePool
from lanes import wait_until


def a_pool(*last_stages: str, weights: dict[str, int] | None = None) -> LanePool:
    lanes = [cast("Lane", SimpleNamespace(last_stage=stage, close=lambda: None)) for stage in last_stages]
    return LanePool(lanes, weights=weights)


def a_call(stage: str = "bake", **more: Any) -> StageCall:
    return StageCall(stage=stage, version="1", output_prefix="out", **more)


def served(pool: LanePool, calls: list[StageCall]) -> list[str]:
    """Jobs in the order in which they get the only lane, when all have come while it was in use."""
    order: list[str] = []

    def work(call: StageCall) -> None:
        with pool.lane(call, cancel=lambda: False):
            order.append(call.job)

    threads = [threading.Thread(target=work, args=(call,)) for call in calls]
    with pool.lane(a_call(), cancel=lambda: False):
        for number, thread in enumerate(threads, start=1):
            thread.start()
            wait_until(lambda number=number: len(pool._waiting) == number)  # type: ignore[misc]
    for thread in threads:
        thread.join(20)
    return order


def test_tenants_take_turns_and_the_urgent_go_first() -> None:
    calls = [a_call(job=f"a{number}", tenant="a") for number in range(3)]
    calls += [a_call(job="b0", tenant="b"), a_call(job="urgent", tenant="a", priority=-1)]
    assert served(a_pool(""), calls) == ["urgent", "a0", "b0", "a1", "a2"]


def test_weights_are_shares() -> None:
    calls = [a_call(job=f"{tenant}{number}", tenant=tenant) for number in range(3) for tenant in "ab"]
    assert served(a_pool("", weights={"b": 3}), calls) == ["a0", "b0", "b1", "b2", "a1", "a2"]


def test_a_call_gets_a_lane_that_is_warm_for_it() -> None:
    pool = a_pool("generate", "bake", "unwrap")
    with pool.lane(a_call("generate"), cancel=lambda: False) as lane:
        assert lane.last_stage == "generate"
    with pool.lane(a_call("lods"), cancel=lambda: False) as lane:
        assert lane.last_stage == "generate"


def test_a_lane_comes_back_whatever_happens() -> None:
    pool = a_pool("")
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), pool.lane(a_call(), cancel=lambda: False):
            raise ValueError("broken")


def test_a_closed_pool_gives_nothing() -> None:
    pool = a_pool("")
    pool.close(wait_s=0.0)
    with pytest.raises(LaneClosed, match="takes no bake any more"), pool.lane(a_call(), cancel=lambda: False):
        pass
