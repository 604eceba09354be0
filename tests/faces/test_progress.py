from __future__ import annotations

import io

from rich.console import Console

from kiln.faces.progress import LiveProgress
from kiln.pipeline.run import Event


def shown(events: list[Event], *, terminal: bool) -> str:
    out = io.StringIO()
    with LiveProgress(Console(file=out, force_terminal=terminal, width=120)) as progress:
        for event in events:
            progress(event)
    return out.getvalue()


EVENTS = [
    Event(stage="repair", state="started"),
    Event(stage="repair", state="progress", share=0.5, words="welding"),
    Event(stage="repair", state="finished", share=1.0, seconds=1.25, notes=("first", "3 holes filled")),
    Event(stage="bake", state="failed"),
]


def test_a_pipe_gets_one_line_for_each_finished_stage_with_its_time_and_last_note() -> None:
    assert shown(EVENTS, terminal=False).split("\n") == ["repair      1.2 s  3 holes filled", ""]


def test_a_terminal_gets_a_bar_for_each_stage() -> None:
    text = shown(EVENTS, terminal=True)
    assert "repair" in text
    assert "3 holes filled" in text
    assert "bake" in text
