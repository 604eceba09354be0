"""One call at work on another machine, seen through to its end from here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from kiln.errors import Cancelled
from kiln.jobs.executors.failure import LaneCrashed
from kiln.jobs.executors.far_lane import is_last, read_end, wrong_version
from kiln.jobs.executors.far_watch import FarWatch
from kiln.jobs.executors.interface import Progress, StageResult
from kiln.jobs.executors.wire import Message


class FarCall(Protocol):
    """A call that was sent."""

    def receive(self) -> Message | None:
        """The next message about it; None when none came within a fraction of a second.

        LaneCrashed when the far side is lost, LaneClosed when this side is closed.
        """

    def stop(self) -> None:
        """Tell it to stop."""


def see_through(far: FarCall, watch: FarWatch, *, on_progress: Callable[[Progress], None], secrets: Iterable[str] = ()) -> StageResult:
    """Pass on what the far side says until it is done. What still runs when this raises is for the caller to end."""
    while True:
        try:
            message = far.receive()
        except LaneCrashed:
            if watch.why is None:
                raise
            raise watch.why from None
        if message is not None:
            watch.begun()
            if is_last(message):
                return _end(message, watch, secrets)
            _hear(message, watch, on_progress)
        _keep_limits(far, watch)


def _end(message: Message, watch: FarWatch, secrets: Iterable[str]) -> StageResult:
    """The result. Raises the failure: a call that was told to stop failed for that reason."""
    try:
        return read_end(message, secrets=secrets)
    except Cancelled as error:
        raise watch.why or error from None


def _hear(message: Message, watch: FarWatch, on_progress: Callable[[Progress], None]) -> None:
    if message["kind"] != "begun":
        on_progress(Progress.model_validate(message["sign"]))
        return
    watch.why = wrong_version(message)
    if watch.why is not None:
        raise watch.why


def _keep_limits(far: FarCall, watch: FarWatch) -> None:
    order = watch.look()
    if order == "stop":
        far.stop()
    elif order == "kill" and watch.why is not None:
        raise watch.why
