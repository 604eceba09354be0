"""An idle lane warms up, and a call never waits for more than the step at hand."""

from __future__ import annotations

from pathlib import Path

from kiln.jobs.executors.local import LocalExecutor
from kiln.jobs.stored.lane_stages import warm_up
from lanes import a_call, a_setup, child, run, wait_until


def test_a_prepared_lane_warms_up_before_its_first_call_and_answers_it_at_once(tmp_path: Path) -> None:
    with LocalExecutor(a_setup(tmp_path, warm_up="lane_stages:endless"), data=tmp_path, cpu_lanes=1) as executor:
        (lane,) = executor.pools["cpu"].lanes
        lane.prepare()
        pid = lane.pid
        wait_until(lambda: any(tmp_path.rglob("steps")), within_s=60)
        assert child(executor) == pid
        (told,) = tmp_path.rglob("steps")
        before = told.read_text(encoding="ascii")
        wait_until(lambda: told.read_text(encoding="ascii") not in ("", before))  # it goes on when it is idle again
        run(executor, a_call("noop"))


def test_a_lane_that_was_prepared_and_died_is_replaced(tmp_path: Path) -> None:
    with LocalExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=1) as executor:
        (lane,) = executor.pools["cpu"].lanes
        lane.prepare()
        first = lane.pid
        assert lane._child is not None
        lane._child.end()
        assert child(executor) != first


def test_a_prepared_executor_can_be_closed_at_once(tmp_path: Path) -> None:
    executor = LocalExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=2)
    for lane in executor.pools["cpu"].lanes:
        lane.prepare()
    executor.close()
    assert [lane.pid for lane in executor.pools["cpu"].lanes] == [None, None]


def test_every_step_of_the_services_lanes_can_be_taken() -> None:
    steps = list(warm_up())
    assert len(steps) > 10
    for step in steps[:-2]:  # the last ones are of `rehearse`, which has tests of its own
        step()
