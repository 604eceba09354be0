"""Live progress in a terminal: one line a stage, with its bar, its time, and what it has to say."""

from __future__ import annotations

import threading
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from kiln.pipeline.run import Event


class LiveProgress:
    """Draws events as bars while it is entered; in a pipe or a log it prints one line a finished stage instead."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._bars = Progress(
            TextColumn("{task.description:<9}", style="bold"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[words]}", style="dim"),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> LiveProgress:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def __call__(self, event: Event) -> None:
        """Show one event; may be called from any thread."""
        with self._lock:
            if self._console.is_terminal:
                self._draw(event)
            elif event.state == "finished":
                self._console.print(f"{event.stage:<9} {event.seconds:5.1f} s  {_last(event)}", highlight=False, soft_wrap=True)

    def _draw(self, event: Event) -> None:
        if event.stage not in self._tasks:
            self._tasks[event.stage] = self._bars.add_task(event.stage, total=1.0, words="")
        words = _last(event) if event.state == "finished" else event.words
        self._bars.update(self._tasks[event.stage], completed=event.share, words=words)
        if event.state in ("finished", "failed"):
            self._bars.stop_task(self._tasks[event.stage])


def _last(event: Event) -> str:
    """What a finished stage has to say: that it was spared, and the last of its notes."""
    return ": ".join(filter(None, [event.words, event.notes[-1] if event.notes else ""]))
