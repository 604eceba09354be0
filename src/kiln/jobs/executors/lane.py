"""A lane: one stage at a time in a child process that stays, and is replaced when it breaks."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final

from kiln.errors import Cancelled, KilnError, StorageError, TimeLimitError, is_disk_full
from kiln.jobs.executors.call_watch import POLL_S, CallWatch
from kiln.jobs.executors.child_process import ChildProcess
from kiln.jobs.executors.failure import (
    LaneClosed,
    LaneCrashed,
    LaneNotStarted,
    MemoryLimitError,
    crash_message,
    from_data,
    start_message,
)
from kiln.jobs.executors.interface import Progress, StageCall, StageResult
from kiln.jobs.executors.lane_setup import LaneSetup, LaneSite
from kiln.jobs.executors.process_tree import own_bytes
from kiln.jobs.executors.wire import Message
from kiln.jobs.telemetry import metrics

Hear = Callable[[Progress], None]
Ask = Callable[[], bool]

_REPLACEMENTS: Final = 1
"""Of a child that is gone before it could take its call up: somebody ended it while it was idle, as a system without memory does."""


class Lane:
    """Runs calls one after the other. The child starts with the first call, or ahead of it; from time to time, `rest` ends an idle one."""

    def __init__(self, setup: LaneSetup, site: LaneSite) -> None:
        self._setup = setup
        self._site = site
        self._child: ChildProcess | None = None
        self._is_ready = False
        """Whether the child has said that it is."""

        self._replaces_one = False
        """Whether the next child takes the place of one that was not ended on purpose."""

        self._use = threading.Lock()
        """Held by a call from begin to end, and by whoever starts or ends an idle child: a call that comes meanwhile waits a moment."""

        self._changing = threading.Lock()
        """Held while a child is made or taken away, so that none is made once the lane is closed."""

        self._is_closed = False
        self._idle_since = time.monotonic()
        self.last_stage = ""
        """What its child has run last, and so has loaded."""

    @property
    def pid(self) -> int | None:
        """The child's process id; None when there is none now."""
        child = self._child
        return None if child is None else child.pid

    @property
    def idle_s(self) -> float:
        """Seconds after which an idle child is ended."""
        return self._site.idle_s

    def prepare(self) -> None:
        """Start the child ahead of its next call, so that it can warm up meanwhile. What goes wrong is that call's to tell."""
        if self._child is None and self._use.acquire(blocking=False):
            try:
                self._start_ahead()
            finally:
                self._use.release()

    def rest(self) -> None:
        """End the child if it has been idle for long; the next call gets a new one."""
        if self._use.acquire(blocking=False):
            try:
                if time.monotonic() - self._idle_since >= self.idle_s:
                    self._end_on_purpose()
            finally:
                self._use.release()

    def run(self, call: StageCall, *, on_progress: Hear, cancel: Ask) -> StageResult:
        """Run one call, as StageExecutor says. However it ends, the lane is ready for the next one."""
        with self._use:
            try:
                return self._run(call, on_progress=on_progress, cancel=cancel, replacements=_REPLACEMENTS)
            finally:
                self._give_memory_back()
                self._idle_since = time.monotonic()

    def close(self) -> None:
        """End the child for good, from whichever thread; a call that runs fails with LaneClosed."""
        with self._changing:
            self._is_closed = True
        self._end_child()

    def _run(self, call: StageCall, *, on_progress: Hear, cancel: Ask, replacements: int) -> StageResult:
        child = self._ready_child(cancel, replacements=replacements)
        self.last_stage = call.stage
        try:
            return self._follow(child, call, on_progress=on_progress, cancel=cancel)
        except EOFError:
            if child.has_begun or not replacements or self._is_closed:
                raise self._crash(child, call.stage) from None
        except MemoryLimitError:  # the child lives, but may hold on to what it has gathered
            self._end_child()
            raise
        finally:
            if not child.is_idle:
                self._end_child()
        return self._run(call, on_progress=on_progress, cancel=cancel, replacements=replacements - 1)

    def _give_memory_back(self) -> None:
        """Replace a child that holds too much after a call by a fresh one, which warms up until it is needed."""
        child, most = self._child, self._site.most_kept_bytes
        if child is not None and most is not None and own_bytes(child.pid) > most:
            self._end_on_purpose()
            self._start_ahead()

    def _end_on_purpose(self) -> None:
        self._replaces_one = False
        self._end_child()

    def _end_child(self) -> None:
        with self._changing:
            child, self._child, self.last_stage = self._child, None, ""
        if child is not None:
            child.end()

    def _crash(self, child: ChildProcess, stage: str) -> KilnError:
        """Why a child went away in the middle of a call: the lane was closed, or it crashed."""
        if self._is_closed:
            return LaneClosed(f"the worker was shut down while it ran {stage}: submit it again")
        ended_with, last_words = child.death()
        return LaneCrashed(crash_message(stage, ended_with, last_words), ended_with=ended_with)

    def _ready_child(self, cancel: Ask, *, replacements: int) -> ChildProcess:
        """The child, started now if there is none; an idle one that has died meanwhile is nobody's failure."""
        child = self._child
        if child is None or not child.is_alive:
            child = self._start()
        while not self._is_ready:
            try:
                self._await_ready(child, cancel)
                self._is_ready = True
            except EOFError:
                if not replacements or self._is_closed:
                    raise self._false_start(child) from None
                replacements -= 1
                child = self._start()
            except BaseException:
                self._end_child()
                raise
        return child

    def _false_start(self, child: ChildProcess) -> KilnError:
        """Why a child went away before it was ready."""
        if self._is_closed:
            return LaneClosed("the worker was shut down before the call began: submit it again")
        error = LaneNotStarted(start_message(self._site.name, *child.death()))
        self._end_child()
        return error

    def _start_ahead(self) -> None:
        with contextlib.suppress(KilnError):
            self._start()

    def _start(self) -> ChildProcess:
        """A new child in the place of what is left of another."""
        self._end_child()
        with self._changing:
            if self._is_closed:
                raise LaneClosed("the worker is shutting down: submit it again")
            if self._replaces_one:
                metrics.lane_restarted(self._site.name)
            self._replaces_one, self._is_ready = True, False
            self._child = self._made_child()
            self._idle_since = time.monotonic()
            return self._child

    def _made_child(self) -> ChildProcess:
        try:
            return ChildProcess(self._setup, self._site)
        except OSError as error:
            why = error.strerror or error
            if is_disk_full(error):
                raise StorageError(f"lane {self._site.name} cannot start a process ({why}): free some space", kind="full") from error
            raise LaneNotStarted(
                f"lane {self._site.name} cannot start a process ({why}): free some memory, or ask for fewer lanes"
            ) from error

    def _await_ready(self, child: ChildProcess, cancel: Ask) -> None:
        """Wait until the child is ready. EOFError when it goes away instead."""
        give_up = time.monotonic() + self._setup.start_seconds
        while time.monotonic() < give_up:
            if cancel():
                raise Cancelled("stopped before it began: nothing was written")
            message = child.receive(wait_s=POLL_S)
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
