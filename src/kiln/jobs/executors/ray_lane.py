"""A lane on a Ray cluster, as this side sees it: an actor that stays, and is replaced when it is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import ray
from ray.exceptions import RayError

from kiln.jobs.executors.call_watch import POLL_S
from kiln.jobs.executors.failure import LaneClosed, LaneCrashed
from kiln.jobs.executors.far_call import see_through
from kiln.jobs.executors.far_lane import is_last
from kiln.jobs.executors.far_watch import FarWatch
from kiln.jobs.executors.interface import Progress, StageCall, StageResult
from kiln.jobs.executors.lane_setup import LaneSetup
from kiln.jobs.executors.ray_actor import ActorSite, LaneActor
from kiln.jobs.executors.wire import Message

_NO_KILLING_OF_CHILDREN: Final = {"env_vars": {"RAY_kill_child_processes_on_worker_exit": "false"}}
"""A lost actor's child must see the pipe close, so that it ends with all it has started; Ray would kill it alone and leave them behind."""

_THREADS_OF_ACTOR: Final = 2
"""One runs the call, one hears the word to stop."""


class RayLane:
    """Runs calls one after the other; not to be used by two threads at once. The actor starts with the first call.

    The actor belongs to this driver: it ends when this process does, so that nothing works on for a dead worker, as a detached one would.
    Ray is told neither to restart it nor to try a call again: whether a call is worth another try is decided where failures are counted.
    """

    def __init__(self, setup: LaneSetup, site: ActorSite) -> None:
        self._setup = setup
        self._site = site
        self._actor: Any = None
        self._number = 0
        self._is_closed = False
        self.last_stage = ""
        """What its actor has run last, and so has loaded."""

    def run(self, call: StageCall, *, on_progress: Callable[[Progress], None], cancel: Callable[[], bool]) -> StageResult:
        """Run one call, as StageExecutor says. An idle actor that has died meanwhile is nobody's failure: it is replaced once."""
        was_warm = self._actor is not None
        watch = FarWatch(call, start_seconds=self._setup.start_seconds, cancel=cancel)
        try:
            return self._run(call, watch, on_progress)
        except LaneCrashed:
            if watch.has_begun or not was_warm:
                raise
        return self._run(call, watch, on_progress)

    def close(self) -> None:
        """End the actor for good, from whichever thread; a call that runs fails with LaneClosed."""
        self._is_closed = True
        self._end_actor()

    def _run(self, call: StageCall, watch: FarWatch, on_progress: Callable[[Progress], None]) -> StageResult:
        running = self._begin(call)
        self.last_stage = call.stage
        try:
            return see_through(running, watch, on_progress=on_progress, secrets=self._setup.secrets)
        finally:
            if not running.is_ended:
                self._end_actor()

    def _begin(self, call: StageCall) -> _RayCall:
        if self._is_closed:
            raise LaneClosed("the worker is shutting down: submit it again")
        if self._actor is None:
            self._actor = self._start_actor()
        self._number += 1
        return _RayCall(self._actor, self._number, call, is_closed=lambda: self._is_closed)

    def _start_actor(self) -> Any:
        """A handle; the cluster finds a place for the actor when it can."""
        maker: Any = ray.remote(LaneActor)
        resources = {"num_cpus": self._site.threads, "num_gpus": self._site.gpus}
        chosen = maker.options(
            **resources, max_concurrency=_THREADS_OF_ACTOR, max_restarts=0, max_task_retries=0, runtime_env=_NO_KILLING_OF_CHILDREN
        )
        return chosen.remote(self._setup, self._site)

    def _end_actor(self) -> None:
        actor, self._actor, self.last_stage = self._actor, None, ""
        if actor is not None and ray.is_initialized():
            ray.kill(actor)


class _RayCall:
    """One call at work in an actor."""

    def __init__(self, actor: Any, number: int, call: StageCall, *, is_closed: Callable[[], bool]) -> None:
        self._actor = actor
        self._number = number
        self._stage = call.stage
        self._is_closed = is_closed
        self._messages = actor.run.options(num_returns="streaming").remote(number, call.model_dump(mode="json"))
        self.is_ended = False
        """Whether the actor has said all and is idle."""

    def receive(self) -> Message | None:
        """The next message, as FarCall says."""
        try:
            ready, _ = ray.wait([self._messages], timeout=POLL_S)
            message = ray.get(next(self._messages)) if ready else None
        except (RayError, StopIteration) as error:
            raise self._loss(error) from None
        self.is_ended = message is not None and is_last(message)
        return message

    def stop(self) -> None:
        """Tell it to stop, without waiting for an answer."""
        self._actor.stop.remote(self._number)

    def _loss(self, error: BaseException) -> Exception:
        """Why there is no actor any more: the lane was closed, or it was lost."""
        if self._is_closed():
            return LaneClosed(f"the worker was shut down while it ran {self._stage}: submit it again")
        said = str(error).strip().splitlines()
        why = f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
        return LaneCrashed(
            f"the Ray actor that ran {self._stage} was lost ({why}); try again, and look into Ray's logs if it happens twice"
        )
