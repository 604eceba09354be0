"""Events: what happened to a job, in order. The stream is only appended to; what a job's record says is where its events have led."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from kiln.errors import InputError
from kiln.jobs.records.plain import canonical

MAX_DATA_BYTES: Final = 16 * 1024
"""Of an event's data as canonical JSON: events are told to everybody who watches, and kept for ever."""


class EventKind(StrEnum):
    """What an event tells."""

    STATE = "state"
    """The job is in another state: data["state"], and where it failed "reason" and "message", where it waits again "why" and, after
    its worker was lost, "suspects": how many jobs were at a stage then."""

    STAGE_STARTED = "stage_started"
    """data["stage"], data["lane"]."""

    STAGE_FINISHED = "stage_finished"
    """data["stage"], data["lane"]; "outcome" is "done", "failed", "stopped" or "shared" (found finished)."""

    PROGRESS = "progress"
    """data["stage"], data["share"] of the whole job, and of a stage that runs data["stage_share"] of its own work."""

    NOTE = "note"
    """data["text"]: a sentence for people."""

    WARNING = "warning"
    """Likewise, of something that needs somebody's attention."""

    CHARGE = "charge"
    """The ledger has a new entry: data["kind"], data["item"], data["microdollars"], data["gpu_ms"]."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened. The events of a job are numbered 1, 2, 3... without gaps."""

    job_id: str
    seq: int
    kind: EventKind
    at_ms: int
    """Milliseconds since 1970 in UTC, by the writer's clock; the order is seq's, not the clock's."""

    attempt: int = 0
    """Of the job, when it was written."""

    data: Mapping[str, Any] = field(default_factory=dict)


def checked_data(data: Mapping[str, Any]) -> str:
    """An event's data as canonical JSON. InputError when it is no plain JSON, or too large."""
    text = canonical(dict(data))
    if len(text) > MAX_DATA_BYTES:
        raise InputError(f"an event's data has {len(text)} bytes: at most {MAX_DATA_BYTES} are kept; store it and name its key")
    return text
