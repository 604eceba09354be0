"""What a stage prints ends in the log, under its job, without secrets and without end."""

from __future__ import annotations

import pytest

from kiln.jobs.executors.local import LocalExecutor
from lanes import HUSHED, a_call, child, run, wait_until


def test_a_flood_of_output_blocks_nobody_and_is_cut(executor: LocalExecutor, caplog: pytest.LogCaptureFixture) -> None:
    child(executor)
    with caplog.at_level("INFO", logger="kiln.lane"):
        run(executor, a_call("flood", megabytes=20, job="flooding"))
        run(executor, a_call("say", word="after", job="talking"))
        wait_until(lambda: "native after" in caplog.messages)
    flood = [record for record in caplog.records if record.__dict__["job"] == "flooding"]
    assert len(flood) == 1001
    assert flood[-1].getMessage() == f"{20 * (1 << 13) - 1000} more lines were printed and are not kept"


def test_output_of_quick_calls_is_not_mixed_up(executor: LocalExecutor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="kiln.lane"):
        for number in range(50):
            run(executor, a_call("say", word=f"word {number}", job=f"job {number}"))
        wait_until(lambda: "native word 49" in caplog.messages)
    said = [(record.__dict__["job"], record.getMessage()) for record in caplog.records]
    assert said == [(f"job {number}", f"{before}word {number}") for number in range(50) for before in ("", "native ")]


def test_output_is_logged_with_its_job_and_without_secrets(executor: LocalExecutor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="kiln.lane"):
        run(executor, a_call("say", word=f"the key is {HUSHED}, \x1b[31mapi_key=abc123", job="j7"))
        wait_until(lambda: "native the key is ***, \\x1b[31mapi_key=***" in caplog.messages)
    record = caplog.records[-1].__dict__
    assert (record["job"], record["stage"], record["lane"]) == ("j7", "say", "cpu0")
    assert HUSHED not in caplog.text
    assert "abc123" not in caplog.text
