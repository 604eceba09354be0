"""A reader of server-sent events nobody in src/ wrote, and jobs that say much."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx

from kiln.jobs.records.events import EventKind
from kiln.jobs.records.job import Job
from kiln.jobs.service import Service


def messages(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """Each message's fields; comments stand under "comment"."""
    fields: dict[str, Any] = {}
    for line in response.iter_lines():
        if not line:
            if fields:
                yield fields
            fields = {}
        elif line.startswith(":"):
            fields["comment"] = line[1:].strip()
        else:
            name, _, value = line.partition(": ")
            fields[name] = value


def told(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """Each event, whose number must be the message's id."""
    for message in messages(response):
        if "data" in message:
            event = json.loads(message["data"])
            assert (str(event["seq"]), event["kind"]) == (message["id"], message["event"])
            yield event


def say(service: Service, job: Job, times: int, text: str = "so far, so good") -> Job:
    for _ in range(times):
        job = service.jobs.report(job, EventKind.NOTE, text=text)
    return job
