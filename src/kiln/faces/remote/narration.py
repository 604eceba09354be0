"""A job's events as the events of a run, so that progress looks the same wherever the work is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from kiln.faces.remote.answers import shown
from kiln.faces.remote.event_stream import Told
from kiln.pipeline.run import Event

_UNTOLD: Final = frozenset({"read_picture", "read_model"})
"""A server reads files in stages of their own; a run in this process tells nothing of that."""

_SAME: Final[Mapping[str, str]] = MappingProxyType({"hand_over": "export"})
"""What a server's stages are called here, where that differs."""

_FOUND_FINISHED: Final = "from the cache"
"""What a run in this process says of a stage that was spared."""


class Narration:
    """Tells a listener of runs what a server tells of a job."""

    def __init__(self, listener: Callable[[Event], None]) -> None:
        self._listener = listener
        self._started_ms: dict[str, int] = {}
        self._notes: dict[str, list[str]] = {}

    def __call__(self, told: Told) -> None:
        """Tell one event; what says nothing of a stage's progress is passed over."""
        stage = shown(str(told.data.get("stage", "")))
        stage = _SAME.get(stage, stage)
        if stage in _UNTOLD:
            return
        match told.kind:
            case "stage_started":
                self._started_ms[stage] = told.at_ms
                self._listener(Event(stage=stage, state="started"))
            case "progress" if stage:
                self._listener(
                    Event(stage=stage, state="progress", share=_share(told), words=_words(told), seconds=self._seconds(stage, told))
                )
            case "stage_finished":
                self._listener(self._finished(stage, told))
            case "note" if stage in self._started_ms:
                self._notes.setdefault(stage, []).append(_text(told))
            case "note" | "warning":
                self._listener(Event(stage=stage or "server", state="finished", notes=(_text(told),)))

    def _finished(self, stage: str, told: Told) -> Event:
        outcome = told.data.get("outcome")
        seconds = self._seconds(stage, told)
        self._started_ms.pop(stage, None)
        return Event(
            stage=stage,
            state="finished" if outcome in ("done", "shared") else "failed",
            share=1.0 if outcome in ("done", "shared") else 0.0,
            words=_FOUND_FINISHED if outcome == "shared" else _words(told),
            seconds=seconds,
            notes=tuple(self._notes.pop(stage, ())),
        )

    def _seconds(self, stage: str, told: Told) -> float:
        """Of the stage's work, else since it started by the server's clock; never negative, should that have been set back."""
        if isinstance(measured := told.data.get("seconds"), (int, float)):
            return float(measured)
        return max(0, told.at_ms - self._started_ms.get(stage, told.at_ms)) / 1000


def _share(told: Told) -> float:
    """Of the stage's work, 0 to 1."""
    share = told.data.get("stage_share", 0.0)
    return min(1.0, max(0.0, float(share))) if isinstance(share, (int, float)) else 0.0


def _text(told: Told) -> str:
    return shown(str(told.data.get("text", "")))


def _words(told: Told) -> str:
    return shown(str(told.data.get("words", "")))
