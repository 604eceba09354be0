"""Jobs and events as rows of the database, and back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping

from kiln.errors import InputError, StorageError
from kiln.jobs.records.events import Event, EventKind
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.job import Failure, Job, Progress, Request, State
from kiln.jobs.records.plain import canonical, parsed

_SAME = (
    "id",
    "tenant",
    "request_hash",
    "priority",
    "turn",
    "idempotency_key",
    "batch_id",
    "webhook_url",
    "attempts",
    "executor_id",
    "last_seq",
    "created_ms",
    "started_ms",
    "ended_ms",
)
"""Columns that hold what the field of the same name holds."""


def job_of(row: RowMapping) -> Job:
    """The job a row of `jobs` tells of. StorageError when Kiln cannot have written it."""
    try:
        return _job_of(row)
    except (TypeError, ValueError, KeyError, InputError):
        raise StorageError(f"the record of {row['id']} is damaged: restore the job database from a backup", kind="damaged") from None


def _job_of(row: RowMapping) -> Job:
    failure = None
    if row["failure_reason"] is not None:
        failure = Failure(reason=FailureReason(row["failure_reason"]), message=row["failure_message"])
    return Job(
        **{name: row[name] for name in _SAME},
        request=Request(**parsed(row["request"])),
        state=State(row["state"]),
        progress=Progress(stage=row["stage"], share=row["share"]),
        results=parsed(row["results"]),
        failure=failure,
    )


def row_of(job: Job) -> dict[str, Any]:
    """The row of a new job."""
    return {
        **{name: getattr(job, name) for name in _SAME},
        "request": canonical(job.request.as_data()),
        "state": job.state.value,
        **progress_columns(job.progress),
        "results": canonical(dict(job.results)),
        **failure_columns(job.failure),
    }


def progress_columns(progress: Progress) -> dict[str, Any]:
    """What changes in the row with the progress."""
    return {"stage": progress.stage, "share": progress.share}


def failure_columns(failure: Failure | None) -> dict[str, Any]:
    """What changes in the row when the job fails."""
    return {"failure_reason": failure.reason.value if failure else None, "failure_message": failure.message if failure else None}


def event_of(row: RowMapping) -> Event:
    """The event a row of `events` tells of."""
    names = ("job_id", "seq", "at_ms", "attempt")
    return Event(**{name: row[name] for name in names}, kind=EventKind(row["kind"]), data=parsed(row["data"]))
