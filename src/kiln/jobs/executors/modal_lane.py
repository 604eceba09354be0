"""A lane on Modal, as this side sees it: one call of a deployed function at a time, which is written down before it is waited for."""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from kiln.errors import KilnError, TimeLimitError
from kiln.jobs.executors.call_book import CallBook, call_key
from kiln.jobs.executors.failure import LaneClosed, LaneCrashed
from kiln.jobs.executors.far_call import see_through
from kiln.jobs.executors.far_lane import is_last
from kiln.jobs.executors.far_watch import FarWatch
from kiln.jobs.executors.interface import Progress, StageCall, StageResult
from kiln.jobs.executors.modal_calls import CallGoneError, CloudUnreachableError, ModalCalls
from kiln.jobs.executors.wire import Message, encode

log = logging.getLogger(__name__)

POLL_S: Final = 0.4
"""Between two looks; each is two requests."""

_PATIENCE_S: Final = 60.0
"""How long Modal may be out of reach before a call is left to the next try."""

_START_SECONDS: Final = 600.0
"""How long a container may take to load its codec and its stages, models included."""


class ModalLane:
    """Runs calls one after the other; not to be used by two threads at once.

    A worker that is shut down or loses Modal leaves the call at work there: the next try of the same call picks it up, wherever that is.
    Between Modal's taking a call and its id's being written down lies one write to the store. A worker killed within it has the call made
    twice: outputs are addressed by content, so that costs money and harms nothing.
    """

    def __init__(self, calls: ModalCalls, function: str, *, book: CallBook, patience_s: float = _PATIENCE_S) -> None:
        self._calls = calls
        self._function = function
        self._book = book
        self._patience_s = patience_s
        self._is_closed = False
        self.last_stage = ""
        """What it has run last; Modal chooses the container, so it says little."""

    def run(self, call: StageCall, *, on_progress: Callable[[Progress], None], cancel: Callable[[], bool]) -> StageResult:
        """Run one call, as StageExecutor says, or wait for the one that is at work on the same thing."""
        if self._is_closed:
            raise LaneClosed("the worker is shutting down: submit it again")
        self.last_stage = call.stage
        key = call_key(self._function, call)
        at_work = self._book.recall(key)
        if at_work is not None:
            try:
                return self._follow(key, at_work, call, on_progress=on_progress, cancel=cancel)
            except CallGoneError:
                log.info("call %s is known to Modal no more and is made again", at_work)
        return self._follow(key, self._spawn(key, call), call, on_progress=on_progress, cancel=cancel)

    def close(self) -> None:
        """Wait for no call any more, from whichever thread: one that runs fails with LaneClosed here and goes on there."""
        self._is_closed = True

    def _spawn(self, key: str, call: StageCall) -> str:
        """The id of a call that is at work on it; ours, unless another worker was quicker."""
        data = call.model_dump(mode="json")
        encode(data)  # refuses what is too long for a message
        ours = self._calls.spawn(self._function, json.dumps(data))
        try:
            counts = self._book.remember(key, ours)
        except KilnError:
            self._cancel(ours)  # what cannot be written down would be paid for again
            raise
        if counts != ours:
            self._cancel(ours)
        return counts

    def _follow(
        self, key: str, call_id: str, call: StageCall, *, on_progress: Callable[[Progress], None], cancel: Callable[[], bool]
    ) -> StageResult:
        """Wait for a call's end, and cancel it when it is not wanted any more."""
        running = _ModalCall(self._calls, call_id, patience_s=self._patience_s, is_closed=lambda: self._is_closed)
        watch = FarWatch(call, start_seconds=_START_SECONDS, cancel=cancel)
        try:
            return see_through(running, watch, on_progress=on_progress)
        finally:
            if watch.why is not None and not running.is_over:
                self._cancel(call_id)
            if watch.why is not None or running.is_over:
                self._book.forget(key)

    def _cancel(self, call_id: str) -> None:
        """Cancel it, if Modal can be reached; else its function's timeout ends it."""
        try:
            self._calls.cancel(call_id)
        except CloudUnreachableError as error:
            log.warning("call %s could not be cancelled and costs money until its timeout: %s", call_id, error)


class _ModalCall:
    """One call at work on Modal."""

    def __init__(self, calls: ModalCalls, call_id: str, *, patience_s: float, is_closed: Callable[[], bool]) -> None:
        self._calls = calls
        self._id = call_id
        self._patience_s = patience_s
        self._is_closed = is_closed
        self._messages: deque[Message] = deque()
        self._reached_at = time.monotonic()
        self.is_over = False
        """Whether nothing of it runs on Modal any more, or nobody knows it there."""

    def receive(self) -> Message | None:
        """The next message, as FarCall says. CallGoneError when Modal forgot it, CloudUnreachableError when patience is at its end."""
        if not self._messages:
            self._look()
        return self._messages.popleft() if self._messages else None

    def stop(self) -> None:
        """Cancel it."""
        try:
            self._calls.cancel(self._id)
        except CloudUnreachableError:
            log.info("Modal cannot be reached to cancel call %s: it is tried again", self._id)

    def _look(self) -> None:
        """Ask Modal what there is, signs first."""
        if self._is_closed():
            raise LaneClosed(f"the worker was shut down while call {self._id} ran on Modal, where it goes on: submit it again")
        try:
            end = self._poll()
            self._messages.extend(json.loads(sign) for sign in self._calls.signs(self._id))
        except CloudUnreachableError:
            if time.monotonic() - self._reached_at > self._patience_s:
                raise
            time.sleep(POLL_S)
            return
        self._reached_at = time.monotonic()
        if end is not None:
            self._messages.append(end)

    def _poll(self) -> Message | None:
        """The last message, once it is there."""
        try:
            text = self._calls.poll(self._id, wait_s=POLL_S)
        except (CallGoneError, TimeLimitError, LaneCrashed):
            self.is_over = True
            raise
        if text is None:
            return None
        end: Message = json.loads(text)
        self.is_over = is_last(end)
        return end
