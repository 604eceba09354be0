"""What a job's events tell of its stages while they run in lanes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from kiln.errors import Cancelled
from kiln.jobs.executors.interface import Progress, StageResult
from kiln.jobs.records.events import EventKind
from kiln.jobs.telemetry import metrics
from kiln.stages.stage import Context

Tell = Callable[[EventKind, Mapping[str, Any]], None]
"""Appends an event to a job. It may raise, when the job is no longer the caller's: then the stage ends."""

Outcome = Literal["done", "failed", "stopped", "shared"]

_PROGRESS_EVERY_S: Final = 0.5
"""Every event waits for the disk."""


class JobNews:
    """What one job tells; for many threads. Once it is closed, it tells nothing more."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._told_at = float("-inf")
        self._share = 0.0
        self._is_closed = False

    def say(self, kind: EventKind, **data: Any) -> None:
        """Append an event."""
        with self._lock:
            if not self._is_closed:
                self._tell(kind, data)

    def progress(self, stage: str, share: float, *, stages: Sequence[str]) -> None:
        """Tell how far the job is, twice a second at most, when a stage of these, in their order, is so far. It never goes back."""
        at = stages.index(stage) if stage in stages else 0
        with self._lock:
            self._share = max(self._share, min(1.0, (at + share) / max(1, len(stages))))
            if self._is_closed or time.monotonic() - self._told_at < _PROGRESS_EVERY_S:
                return
            self._told_at = time.monotonic()
            self._tell(EventKind.PROGRESS, {"stage": stage, "share": round(self._share, 4), "stage_share": round(share, 4)})

    def close(self) -> None:
        """Tell nothing more: what still runs belongs to nobody."""
        with self._lock:
            self._is_closed = True


class StageNews:
    """What one call tells, from its first sign to its end. Times are the lane's: see `Progress.at_ms`."""

    def __init__(self, news: JobNews, stage: str, *, output: str, context: Context) -> None:
        self._news = news
        self._stage = stage
        self._output = output
        self._context = context
        recipe = context.recipe or {}
        self._stages: Sequence[str] = recipe.get("stages", ())
        self._lane = ""
        self._began_ms = 0.0
        self._heard_ms = 0.0

    def hear(self, sign: Progress) -> None:
        """Pass a sign on to the job's events and to the run."""
        self._heard_ms = sign.at_ms
        if sign.kind == "started":
            self._begin(sign.lane, sign.at_ms)
        elif sign.kind == "note":
            self._news.say(EventKind.NOTE, stage=self._stage, text=sign.words)
        elif sign.kind == "progress":
            self._news.progress(self._stage, sign.share, stages=self._stages)
            self._pass_on(sign)

    def end(self, result: StageResult, *, was_first: bool, **more: Any) -> None:
        """The stage is done, and its result kept; if another was first with it, that one is shared."""
        if self._lane != result.lane or not self._began_ms:  # nobody heard it begin: it was another worker's
            self._begin(result.lane, result.began_ms)
        ended = self._began_ms + result.seconds * 1e3
        self._finish("done" if was_first else "shared", ended_ms=ended, seconds=round(result.seconds, 3), **more)

    def fail(self, error: BaseException) -> None:
        """The stage ended without a result; a call that never began has nothing to tell. When it ended is known by its last sign."""
        if self._lane:
            self._finish("stopped" if isinstance(error, Cancelled) else "failed", ended_ms=self._heard_ms)
            self._lane = ""

    def share(self) -> None:
        """The result was found: nothing runs."""
        metrics.stage_ended(self._stage, outcome="shared", seconds=0.0)
        self._news.say(EventKind.STAGE_FINISHED, stage=self._stage, outcome="shared", lane="", output=self._output)
        self._news.progress(self._stage, 1.0, stages=self._stages)

    def _begin(self, lane: str, at_ms: float) -> None:
        self._lane, self._began_ms = lane, at_ms
        self._news.say(EventKind.STAGE_STARTED, stage=self._stage, lane=lane, began_ms=round(at_ms, 3))

    def _finish(self, outcome: Outcome, *, ended_ms: float, **more: Any) -> None:
        times = {"began_ms": round(self._began_ms, 3), "ended_ms": round(max(ended_ms, self._began_ms), 3)}
        self._news.say(EventKind.STAGE_FINISHED, stage=self._stage, outcome=outcome, lane=self._lane, output=self._output, **times, **more)

    def _pass_on(self, sign: Progress) -> None:
        """Tell the run; that it was stopped meanwhile is the call's own to notice."""
        try:
            self._context.progress(sign.share, sign.words)
        except Cancelled:
            return
