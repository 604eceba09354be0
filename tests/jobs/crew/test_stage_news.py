"""What a job tells of its stages: seldom enough for a disk, never backwards, and nothing once it is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kiln.errors import BackendError, Cancelled
from kiln.jobs.crew.stage_news import JobNews, StageNews
from kiln.jobs.executors.interface import Progress, StageResult
from kiln.jobs.records.events import EventKind
from kiln.stages import Context

Said = list[tuple[EventKind, Mapping[str, Any]]]


@pytest.fixture
def said() -> Said:
    return []


@pytest.fixture
def news(said: Said) -> JobNews:
    return JobNews(lambda kind, data: said.append((kind, data)))


def of_stage(news: JobNews, context: Context | None = None) -> StageNews:
    recipe = {"stages": ["cutout", "bake", "export"]}
    return StageNews(news, "bake", output="stages/x", context=context or Context(recipe=recipe))


def a_result(**more: Any) -> StageResult:
    return StageResult(**{"outputs": {}, "seconds": 2.0, "cpu_seconds": 1.0, "peak_bytes": 0, "lane": "cpu1", "began_ms": 100.0, **more})


def test_progress_is_thinned_and_a_share_of_the_whole_job(news: JobNews, said: Said) -> None:
    stage = of_stage(news)
    for step in range(1000):
        stage.hear(Progress(kind="progress", share=step / 1000))
    told = [data for kind, data in said if kind is EventKind.PROGRESS]
    assert 1 <= len(told) < 20
    assert all(1 / 3 - 1e-4 <= data["share"] <= 2 / 3 for data in told)


def test_a_job_never_goes_back(news: JobNews, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiln.jobs.crew.stage_news._PROGRESS_EVERY_S", 0.0)
    for stage, share in (("bake", 0.9), ("cutout", 0.1), ("unknown", 1.0), ("export", 5.0)):
        news.progress(stage, share, stages=["cutout", "bake", "export"])
    assert [data["share"] for _, data in said] == [0.6333, 0.6333, 0.6333, 1.0]


def test_the_run_hears_of_progress_even_when_it_is_stopped(news: JobNews) -> None:
    heard: list[float] = []
    of_stage(news, Context(on_progress=lambda share, words: heard.append(share))).hear(Progress(kind="progress", share=0.5))
    of_stage(news, Context(is_stopped=lambda: True)).hear(Progress(kind="progress", share=0.5))
    assert heard == [0.5]


def test_a_failed_stage_ends_with_its_last_sign_and_one_that_never_began_is_not_told(news: JobNews, said: Said) -> None:
    stage = of_stage(news)
    stage.fail(BackendError("no lane"))
    assert said == []
    for error, outcome in ((BackendError("x"), "failed"), (Cancelled("x"), "stopped")):
        stage.hear(Progress(kind="started", lane="cpu0", at_ms=10.0))
        stage.hear(Progress(kind="heartbeat", at_ms=25.0))
        stage.fail(error)
        kind, data = said[-1]
        assert kind is EventKind.STAGE_FINISHED
        assert (data["outcome"], data["lane"], data["began_ms"], data["ended_ms"]) == (outcome, "cpu0", 10.0, 25.0)


def test_a_beginning_that_nobody_heard_is_told_at_the_end(news: JobNews, said: Said) -> None:
    """The stage of another worker: of its signs only the newest are looked at."""
    of_stage(news).end(a_result(), was_first=True)
    assert [kind for kind, _ in said] == [EventKind.STAGE_STARTED, EventKind.STAGE_FINISHED]
    assert said[0][1]["lane"] == said[1][1]["lane"] == "cpu1"
    assert said[1][1]["began_ms"] == 100.0
    assert said[1][1]["ended_ms"] == 2100.0


def test_notes_are_told_and_nothing_once_it_is_closed(news: JobNews, said: Said) -> None:
    stage = of_stage(news)
    stage.hear(Progress(kind="note", words="half of it is guessed"))
    assert said == [(EventKind.NOTE, {"stage": "bake", "text": "half of it is guessed"})]
    news.close()
    stage.hear(Progress(kind="note", words="late"))
    stage.hear(Progress(kind="progress", share=0.5))
    stage.end(a_result(), was_first=True)
    assert len(said) == 1
