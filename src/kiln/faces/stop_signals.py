"""Asked to stop: SIGTERM and Ctrl-C as events that a service waits for, not as exceptions in the middle of something."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, Self

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

_POLL_S: Final = 0.2
"""Python runs a signal's handler only between two steps of the main thread, and on Windows a wait without an end has none."""


class StopSignals:
    """Counts the signals that ask this process to stop, while it is entered. To be used in the main thread."""

    def __init__(self) -> None:
        self._count = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._count_one) for number in _SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def count(self) -> int:
        """How often it was asked so far."""
        return self._count

    def wait(self, times: int, *, or_until: Callable[[], bool], limit_s: float | None = None) -> None:
        """Wait until it was asked so often, or something else is the case, or the time is up."""
        give_up = None if limit_s is None else time.monotonic() + limit_s
        while self._count < times and not or_until() and (give_up is None or time.monotonic() < give_up):
            _pause()

    def _count_one(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the shape of a handler
        self._count += 1


def _pause() -> None:
    """A moment, which a signal on POSIX cuts short."""
    threading.Event().wait(_POLL_S)
