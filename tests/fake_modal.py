"""Modal without Modal: the package's shape, as far as Kiln uses it, over containers that are lanes of this machine.

test_modal_shape.py holds it against the real package: names, signatures and families of errors.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kiln.jobs.executors.lane import Lane
from kiln.jobs.executors.lane_setup import LaneSetup, LaneSite
from kiln.jobs.executors.modal_container import answer


class Error(Exception):
    """Of which Modal's own failures are."""


class InputCancellation(BaseException):
    """What a cancelled call's result raises."""


def error(name: str, parent: type[Exception] = Error) -> type[Exception]:
    return type(name, (parent,), {})


_Timeout = error("TimeoutError")
exception = SimpleNamespace(
    Error=Error,
    InputCancellation=InputCancellation,
    TimeoutError=_Timeout,
    FunctionTimeoutError=error("FunctionTimeoutError", _Timeout),
    OutputExpiredError=error("OutputExpiredError", _Timeout),
    **{
        name: error(name)
        for name in (
            "AuthError",
            "ClientClosed",
            "ConnectionError",
            "InternalError",
            "InternalFailure",
            "InvalidError",
            "NotFoundError",
            "PermissionDeniedError",
            "RemoteError",
            "ResourceExhaustedError",
            "ServiceError",
            "VersionError",
        )
    },
)


class Cloud:
    """What lies behind the package: deployed functions, calls, containers that stay warm, and faults to order."""

    def __init__(self, setup: LaneSetup, folder: Path, *, functions: tuple[str, ...] = ("run_cpu_stage", "run_gpu_stage")) -> None:
        self.setup, self.folder, self.functions = setup, folder, functions
        self.calls: dict[str, Call] = {}
        self.told: dict[str | None, deque[Any]] = defaultdict(deque)
        self.faults: dict[str, deque[BaseException]] = defaultdict(deque)
        """What the next requests of a kind fail with."""

        self._idle: list[Lane] = []
        self._numbers = itertools.count(1)

    def request(self, kind: str) -> None:
        """Every request passes here; it fails when a fault was ordered."""
        if self.faults[kind]:
            raise self.faults[kind].popleft()

    def spawn(self, call: str) -> Call:
        started = Call(self, f"fc-{next(self._numbers)}")
        self.calls[started.object_id] = started
        threading.Thread(target=started.work, args=(call,), daemon=True).start()
        return started

    def take(self) -> Lane:
        """A warm container, or a new one."""
        site = LaneSite(name="modal-cpu", threads=1, scratch=self.folder / "lanes")
        return self._idle.pop() if self._idle else Lane(self.setup, site)

    def give_back(self, lane: Lane) -> None:
        self._idle.append(lane)

    def close(self) -> None:
        for call in self.calls.values():
            call.end_with(InputCancellation())
        for lane in self._idle:
            lane.close()

    def package(self) -> Any:
        """What `import modal` would give."""
        names: dict[str, type] = {cls.__name__: type(cls.__name__, (cls,), {"cloud": self}) for cls in (Function, FunctionCall, Queue)}
        return SimpleNamespace(exception=exception, **names)


class Call:
    """One call in the cloud, and its container while it runs."""

    def __init__(self, cloud: Cloud, call_id: str) -> None:
        self.cloud, self.object_id = cloud, call_id
        self.ended = threading.Event()
        self.outcome: str | BaseException = ""
        self.terminated: list[bool] = []
        self._lane: Lane | None = None
        self._turn = threading.Lock()

    def work(self, call: str) -> None:
        self._lane = lane = self.cloud.take()
        self._end(answer(lane, call, tell=self.cloud.told[self.object_id].append))

    def end_with(self, failure: BaseException) -> None:
        """Lose the container, for this reason."""
        self._end(failure)

    def _end(self, outcome: str | BaseException) -> None:
        with self._turn:
            if self.ended.is_set():
                return
            self.outcome = outcome
            self.ended.set()
            lane, self._lane = self._lane, None
        if lane is not None:
            then: Callable[[Lane], None] = self.cloud.give_back if isinstance(outcome, str) else Lane.close
            then(lane)


class Function:
    """As modal.Function."""

    cloud: Cloud

    def __init__(self, name: str) -> None:
        self._name = name

    @classmethod
    def from_name(
        cls, app_name: str, name: str, *, version: int | None = None, environment_name: str | None = None, client: Any = None
    ) -> Function:
        return cls(name)

    def spawn(self, *args: Any, **kwargs: Any) -> Any:
        self.cloud.request("spawn")
        if self._name not in self.cloud.functions:
            raise exception.NotFoundError(f"no function {self._name}")
        (call,) = args
        return self.cloud.spawn(call)


class FunctionCall:
    """As modal.FunctionCall."""

    cloud: Cloud

    def __init__(self, call_id: str) -> None:
        self.object_id = call_id

    @classmethod
    def from_id(cls, function_call_id: str, client: Any = None) -> FunctionCall:
        return cls(function_call_id)

    def get(self, timeout: float | None = None, *, index: int = 0) -> Any:
        self.cloud.request("get")
        call = self.cloud.calls.get(self.object_id)
        if call is None:
            raise exception.NotFoundError("no such call")
        if not call.ended.wait(timeout):
            raise TimeoutError
        if isinstance(call.outcome, BaseException):
            raise call.outcome
        return call.outcome

    def cancel(self, terminate_containers: bool = False) -> None:
        self.cloud.request("cancel")
        call = self.cloud.calls[self.object_id]
        call.terminated.append(terminate_containers)
        call.end_with(exception.InputCancellation("cancelled"))


class Queue:
    """As modal.Queue."""

    cloud: Cloud

    @classmethod
    def from_name(cls, name: str, *, environment_name: str | None = None, create_if_missing: bool = False, client: Any = None) -> Queue:
        return cls()

    def get_many(self, n_values: int, block: bool = True, timeout: float | None = None, *, partition: str | None = None) -> list[Any]:
        self.cloud.request("signs")
        told = self.cloud.told[partition]
        return [told.popleft() for _ in range(min(n_values, len(told)))]

    def put(
        self, v: Any, block: bool = True, timeout: float | None = None, *, partition: str | None = None, partition_ttl: int = 86400
    ) -> None:
        self.cloud.told[partition].append(v)
