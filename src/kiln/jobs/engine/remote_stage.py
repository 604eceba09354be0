"""A stage that is asked for on one worker and run on another: the two ends of the line between them, which is the workflow's own row."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from kiln.errors import KilnError, StorageError
from kiln.jobs.executors.failure import LaneBusy, LaneCrashed
from kiln.jobs.executors.interface import Progress, StageCall

if TYPE_CHECKING:
    from kiln.jobs.engine.workflow_queue import WorkflowQueue

_TELL_S: Final = 2.0
"""Between two words of progress; each is a row for ever."""

_ASK_S: Final = 1.0
"""Between two looks of the running end whether it was stopped."""

_PATIENCE_S: Final = 120.0
"""How long the database may be out of reach while somebody waits."""


class AskingEnd:
    """Waits for the stage."""

    def __init__(self, queue: WorkflowQueue, call: StageCall, name: str) -> None:
        self._queue = queue
        self._call = call
        self._name = name
        self._asked_s = time.monotonic()
        self._heard_s = self._asked_s
        self._last: Progress | None = None

    def look(self, on_progress: Callable[[Progress], None]) -> Any | None:
        """What the stage returned, once it has; until then its progress is passed on.

        LaneCrashed when its worker was lost, LaneBusy when no worker took it in time, StorageError when the database stays out of reach.
        """
        try:
            return self._look(on_progress)
        except StorageError:
            if time.monotonic() - self._heard_s > _PATIENCE_S:
                raise
            return None

    def _look(self, on_progress: Callable[[Progress], None]) -> Any | None:
        found = self._queue.look_up([self._name]).get(self._name)
        now = self._heard_s = time.monotonic()
        if found is None or found.step == "stopped":
            raise LaneCrashed(f"the worker that ran {self._call.stage} was lost; try again")
        if found.step == "ended":
            return next(output for tried, output in self._queue.tries(self._name) if tried.id == self._name)
        if found.step == "waiting" and now - self._asked_s > self._call.limits.wait_seconds:
            self._queue.stop([self._name])
            raise LaneBusy(
                f"no worker with a {self._call.lane} lane took {self._call.stage} within {self._call.limits.wait_seconds:g} s: start one"
            )
        if found.step == "running":
            self._pass_on(on_progress)
        return None

    def _pass_on(self, on_progress: Callable[[Progress], None]) -> None:
        told = self._queue.progress(self._name)
        if told is not None and told != self._last:
            self._last = told
            on_progress(told)


class RunningEnd:
    """Tells of the stage, and learns that it is to stop."""

    def __init__(self, queue: WorkflowQueue, name: str, *, executor_id: str, publish: Callable[[dict[str, Any]], None]) -> None:
        self._queue = queue
        self._name = name
        self._executor_id = executor_id
        self._publish = publish
        self._told_s = 0.0
        self._looked_s = 0.0
        self._stopped = False

    def tell(self, progress: Progress) -> None:
        """Publish how far it is, now and then. Notes are not: they come with the result."""
        now = time.monotonic()
        if progress.kind == "progress" and now - self._told_s >= _TELL_S:
            self._told_s = now
            self._publish(progress.model_dump(mode="json"))

    def is_stopped(self) -> bool:
        """Whether nobody waits for it any more, or somebody else was given it."""
        now = time.monotonic()
        if not self._stopped and now - self._looked_s >= _ASK_S:
            self._looked_s = now
            self._stopped = self._is_gone()
        return self._stopped

    def _is_gone(self) -> bool:
        try:
            found = self._queue.look_up([self._name]).get(self._name)
        except KilnError:  # the database may be back in a moment, and the stage costs more than that
            return False
        return found is None or found.step != "running" or found.executor_id != self._executor_id
