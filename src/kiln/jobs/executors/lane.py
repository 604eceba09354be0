"""A lane: one stage at a time in a child process that stays, and is replaced when it breaks."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final

from kiln.errors import Cancelled, KilnError, TimeLimitError
from kiln.jobs.executors.call_watch import POLL_S, CallWatch
from kiln.jobs.executors.child_process import ChildProcess
from kiln.jobs.executors.failure import LaneClosed, MemoryLimitError, from_data
from kiln.jobs.executors.interface import Progress, StageCall, StageResult
from kiln.jobs.executors.lane_setup import LaneSetup, LaneSite
from kiln.jobs.executors.wire import Message

Hear = Callable[[Progress], None]
Ask = Callable[[], bool]

_STAGE_OF_START: Final = "the start of the lane"


class Lane:
    """Runs calls one after the other; not to be used by two threads at once. The child starts with the first call."""

    def __init__(self, setup: LaneSetup, site: LaneSite) -> None:
        self._setup = setup
        self._site = site
        self._child: ChildProcess | None = None
        self._starting = threading.Lock()
        """Held while a child is made, so that none is made once the lane is closed."""

        self._is_closed = False
        self.last_stage = ""
        """What its child has run last, and so has loaded."""

    @property
    def pid(self) -> int | None:
        """The child's process id; None when there is none now."""
        return None if self._child is None else self._child.pid

    def run(self, call: StageCall, *, on_progress: Hear, cancel: Ask) -> StageResult:
        """Run one call, as StageExecutor says. However it ends, the lane is ready for the next one."""
        child = self._ready_child(cancel)
        self.last_stage = call.stage
        try:
            return self._follow(child, call, on_progress=on_progress, cancel=cancel)
        except EOFError:
            raise self._crash(child, call.stage) from None
        except MemoryLimitError:  # the child lives, but may hold on to what it has gathered
            self._end_child()
            raise
        finally:
            if not child.is_idle:
                self._end_child()

    def close(self) -> None:
        """End the child for good, from whichever thread; a call that runs fails with LaneClosed."""
        with self._starting:
            self._is_closed = True
        self._end_child()

    def _end_child(self) -> None:
        child, self._child, self.last_stage = self._child, None, ""
        if child is not None:
            child.end()

    def _crash(self, child: ChildProcess, stage: str) -> KilnError:
        """Why a child went away: the lane was closed, or it crashed."""
        if self._is_closed:
            return LaneClosed(f"the worker was shut down while it ran {stage}: submit it again")
        return child.crash(stage)

    def _ready_child(self, cancel: Ask) -> ChildProcess:
        """The child, started now if there is none; an idle one that has died meanwhile is nobody's failure."""
        if self._child is not None and self._child.is_alive:
            return self._child
        self._end_child()
        with self._starting:
            if self._is_closed:
                raise LaneClosed("the worker is shutting down: submit it again")
            child = self._child = ChildProcess(self._setup, self._site)
        with contextlib.ExitStack() as undo:
            undo.callback(self._end_child)
            self._await_ready(child, cancel)
            undo.pop_all()
        return child

    def _await_ready(self, child: ChildProcess, cancel: Ask) -> None:
        give_up = time.monotonic() + self._setup.start_seconds
        while time.monotonic() < give_up:
            if cancel():
                raise Cancelled("stopped before it began: nothing was written")
            try:
                message = child.receive(wait_s=POLL_S)
            except EOFError:
                raise self._crash(child, _STAGE_OF_START) from None
            if message is not None and message["kind"] == "failed":
                raise from_data(message["error"], secrets=self._setup.secrets)
            if message is not None:
                return
        raise TimeLimitError(f"lane {self._site.name} was not ready after {self._setup.start_seconds:g} s: is the machine overloaded?")

    def _follow(self, child: ChildProcess, call: StageCall, *, on_progress: Hear, cancel: Ask) -> StageResult:
        """Pass on what the child says until it is done, and keep the limits meanwhile. EOFError when it goes away by itself."""
        watch = CallWatch(call, pid=child.pid, cancel=cancel, waits=self._site.lock is not None)
        child.begin(call)
        while True:
            try:
                message = child.receive(wait_s=POLL_S)
            except EOFError:
                if watch.why is None:
                    raise
                raise watch.why from None
            result = None if message is None else self._hear(message, watch, on_progress)
            if result is not None:
                return result
            _keep_limits(child, watch)

    def _hear(self, message: Message, watch: CallWatch, on_progress: Hear) -> StageResult | None:
        """The result, if this message is it. Raises the failure, if it is that: a call that was told to stop failed for that reason."""
        if message["kind"] == "done":
            return StageResult.model_validate(message["result"])
        if message["kind"] == "failed":
            error = from_data(message["error"], secrets=self._setup.secrets)
            raise watch.why if isinstance(error, Cancelled) and watch.why is not None else error
        if message["kind"] == "started":
            watch.started()
            return None
        sign = Progress.model_validate(message["sign"])
        watch.heard(held_bytes=sign.resident_bytes)
        on_progress(sign)
        return None


def _keep_limits(child: ChildProcess, watch: CallWatch) -> None:
    """Tell the child to stop, or kill it and raise why, when it is time to."""
    order = watch.look()
    if order == "stop":
        child.stop()
    elif order == "kill" and watch.why is not None:
        raise watch.why
