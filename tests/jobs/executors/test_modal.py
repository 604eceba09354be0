"""What is Modal's own: calls that outlive their worker, are never paid for twice, and fail in Modal's ways."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fake_modal import Cloud, exception
from kiln.errors import Cancelled, SetupError, StorageError, TimeLimitError
from kiln.jobs.executors import modal_lane
from kiln.jobs.executors.call_book import FOLDER, StoredCallBook, call_key
from kiln.jobs.executors.failure import LaneBusy, LaneClosed, LaneCrashed
from kiln.jobs.executors.interface import StageCall, StageResult
from kiln.jobs.executors.modal_calls import CloudUnreachableError, ModalCalls
from kiln.jobs.executors.modal_cloud import ModalExecutor
from kiln.jobs.executors.modal_lane import ModalLane
from kiln.storage import Store, open_store
from lanes import QUICK, a_call, a_setup, run, wait_until


@dataclass
class Far:
    cloud: Cloud
    store: Store

    def worker(self) -> ModalExecutor:
        """As a worker that was just started."""
        return ModalExecutor(self.cloud.package(), book=StoredCallBook(self.store), cpu_lanes=1)

    def run(self, call: StageCall, **more: Any) -> StageResult:
        with self.worker() as executor:
            return run(executor, call, **more)

    def written(self) -> list[str]:
        """What is written down of running calls."""
        return list(self.store.keys(FOLDER))


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    monkeypatch.setattr(modal_lane, "POLL_S", 0.05)
    cloud = Cloud(a_setup(tmp_path), tmp_path)
    yield Far(cloud, open_store(str(tmp_path / "book")))
    cloud.close()


def test_a_call_is_written_down_before_it_is_waited_for_and_struck_out_at_its_end(far: Far) -> None:
    seen: list[list[str]] = []
    far.run(a_call("hang", seconds=0.1), hear=lambda sign: seen.append(far.written()))
    assert seen[0] == [f"{FOLDER}/{call_key('run_cpu_stage', a_call('hang', seconds=0.1))}"]
    assert far.written() == []


def test_a_restarted_worker_waits_on_and_nothing_is_paid_for_twice(far: Far) -> None:
    begun, told = threading.Event(), threading.Event()
    first = far.worker()

    def work() -> None:
        with pytest.raises(LaneClosed, match="goes on"):
            run(first, a_call("hang", seconds=3, job="j1"), hear=lambda sign: begun.set())
        told.set()

    threading.Thread(target=work).start()
    assert begun.wait(20)
    first.close()
    assert told.wait(20)
    assert len(far.written()) == 1
    result = far.run(a_call("hang", seconds=3, job="j1 again"))
    assert result.notes == ("hanging",)
    assert list(far.cloud.calls) == ["fc-1"]
    assert far.cloud.calls["fc-1"].terminated == []
    assert far.written() == []


def test_who_spawns_second_gives_way(far: Far) -> None:
    book, call = StoredCallBook(far.store), a_call("sleep", seconds=0.2)
    quicker = far.cloud.spawn(json.dumps(call.model_dump(mode="json")))

    class LateBook(StoredCallBook):
        def remember(self, key: str, call_id: str) -> str:
            book.remember(key, quicker.object_id)
            return super().remember(key, call_id)

    with ModalExecutor(far.cloud.package(), book=LateBook(far.store), cpu_lanes=1) as executor:
        run(executor, call)
    assert far.cloud.calls["fc-1"].terminated == []
    assert far.cloud.calls["fc-2"].terminated == [True]


def test_a_call_that_cannot_be_written_down_is_not_left_at_work(far: Far) -> None:
    class FullBook(StoredCallBook):
        def remember(self, key: str, call_id: str) -> str:
            raise StorageError("no room", kind="full")

    with ModalExecutor(far.cloud.package(), book=FullBook(far.store), cpu_lanes=1) as executor, pytest.raises(StorageError):
        run(executor, a_call("hang", seconds=30))
    assert far.cloud.calls["fc-1"].terminated == [True]


def test_calls_are_the_same_when_they_make_the_same() -> None:
    call = a_call("sleep", seconds=1)
    same = call.model_copy(update={"job": "other", "tenant": "t", "priority": 5, "limits": QUICK.model_copy(update={"seconds": 1.0})})
    assert call_key("f", call) == call_key("f", same)
    others = [call.model_copy(update={name: value}) for name, value in (("version", "2"), ("params", {}), ("output_prefix", "x"))]
    assert len({call_key("f", other) for other in [call, *others]} | {call_key("g", call)}) == 5


def test_a_cancelled_call_costs_no_more(far: Far) -> None:
    cancel = threading.Event()
    with pytest.raises(Cancelled):
        far.run(a_call("hang", seconds=30), hear=lambda sign: cancel.set(), cancel=cancel.is_set)
    assert far.cloud.calls["fc-1"].terminated == [True]
    assert far.written() == []


def test_a_result_that_has_expired_is_made_again(far: Far) -> None:
    call = a_call("sleep")
    for gone in (exception.OutputExpiredError(), exception.NotFoundError("no such call")):
        StoredCallBook(far.store).remember(call_key("run_cpu_stage", call), "fc-old")
        far.cloud.faults["get"].append(gone)
        assert far.run(call).outputs["pid"].key == "out/pid.json"
    assert far.written() == []


@pytest.mark.parametrize(
    ("fault", "expected", "words"),
    [
        (exception.FunctionTimeoutError("3600 s"), TimeLimitError, "at the function's timeout"),
        (exception.InputCancellation("cancelled"), LaneCrashed, "was lost on Modal"),
        (exception.RemoteError("container died"), LaneCrashed, "RemoteError: container died"),
        (exception.InternalFailure("preempted"), LaneCrashed, "InternalFailure: preempted"),
        (ModuleNotFoundError("No module named 'torch'"), LaneCrashed, "No module named 'torch'"),
    ],
)
def test_a_call_that_is_lost_fails_once_and_is_spawned_anew(far: Far, fault: BaseException, expected: type[Exception], words: str) -> None:
    far.cloud.faults["get"].append(fault)
    with pytest.raises(expected, match=words):
        far.run(a_call("sleep"))
    assert far.written() == []
    far.run(a_call("sleep"))
    assert len(far.cloud.calls) == 2


@pytest.mark.parametrize("request_kind", ["get", "signs"])
def test_a_lost_connection_is_borne_for_a_while(far: Far, request_kind: str) -> None:
    faults = [exception.ConnectionError("reset"), exception.ServiceError("unavailable"), ConnectionResetError("reset")]
    far.cloud.faults[request_kind].extend(faults)
    assert far.run(a_call("hang", seconds=0.1)).notes == ("hanging",)


def test_a_cloud_out_of_reach_is_left_to_the_next_try(far: Far) -> None:
    lane = ModalLane(ModalCalls(far.cloud.package(), app="kiln"), "run_cpu_stage", book=StoredCallBook(far.store), patience_s=0.3)
    far.cloud.faults["get"].extend(exception.ConnectionError("down") for _ in range(1000))
    with pytest.raises(CloudUnreachableError, match="Modal cannot be reached"):
        lane.run(a_call("sleep"), on_progress=lambda sign: None, cancel=lambda: False)
    far.cloud.faults.clear()
    assert len(far.written()) == 1
    lane.run(a_call("sleep"), on_progress=lambda sign: None, cancel=lambda: False)
    assert list(far.cloud.calls) == ["fc-1"]


@pytest.mark.parametrize(
    ("fault", "expected", "words"),
    [
        (exception.AuthError("bad token"), SetupError, "modal token set"),
        (exception.ResourceExhaustedError("quota"), LaneBusy, "takes no more calls"),
        (exception.ServiceError("down"), CloudUnreachableError, "cannot be reached"),
    ],
)
def test_a_call_that_modal_does_not_take_says_why(far: Far, fault: Exception, expected: type[Exception], words: str) -> None:
    far.cloud.faults["spawn"].append(fault)
    with pytest.raises(expected, match=words):
        far.run(a_call("sleep"))


def test_a_function_that_is_not_deployed_names_the_cure(far: Far) -> None:
    far.cloud.functions = ()
    with pytest.raises(SetupError, match=r"deploy it, modal deploy examples/modal_app\.py"):
        far.run(a_call("sleep"))


def test_an_app_of_another_version_is_refused_and_its_call_cancelled(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = json.dumps({"kind": "begun", "version": "9.9.9"})
    monkeypatch.setattr(ModalCalls, "signs", lambda calls, call_id: [begun])
    with pytest.raises(SetupError, match=r"the far side runs Kiln 9\.9\.9"):
        far.run(a_call("hang", seconds=30))
    assert far.cloud.calls["fc-1"].terminated == [True]


def test_measured_seconds_come_back(far: Far) -> None:
    result = far.run(a_call("hang", seconds=0.5))
    assert 0.5 <= result.seconds < 10
    assert result.lane == "modal-cpu"


def test_a_container_is_free_again_when_its_call_was_turned_away_from(far: Far) -> None:
    """Modal raises InputCancellation in the function's thread when a call is cancelled without ending its container."""
    from kiln.jobs.executors.modal_container import answer

    lane = far.cloud.take()

    def turn_away(sign: str) -> None:
        raise exception.InputCancellation

    call = json.dumps(a_call("sleep", seconds=30).model_dump(mode="json"))
    with pytest.raises(exception.InputCancellation):
        answer(lane, call, tell=turn_away)
    end = json.loads(answer(lane, json.dumps(a_call("sleep").model_dump(mode="json")), tell=lambda sign: None))
    assert end["kind"] == "done"
    lane.close()
    wait_until(lambda: lane.pid is None)
