"""A job's events from a server, in order, without gaps or doubles: the stream is taken up again where it broke off."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import httpx

from kiln.errors import InputError
from kiln.faces.remote.connection import Connection

TERMINAL: Final = frozenset({"succeeded", "failed", "cancelled"})
"""States after which a stream ends."""

_PAUSE_S: Final = 0.5
"""Before a stream that broke off is opened again: a server that is going down may accept it once more."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event of a job's, as a server tells it."""

    seq: int
    kind: str
    at_ms: int
    data: Mapping[str, Any]

    @property
    def ends(self) -> bool:
        """Whether the job has ended with it."""
        return self.kind == "state" and self.data.get("state") in TERMINAL


class EventStream:
    """The events of one job."""

    def __init__(self, connection: Connection, job_id: str, *, after: int = 0) -> None:
        self._connection = connection
        self._job = f"/v1/jobs/{job_id}"
        self._seen = after

    def __iter__(self) -> Iterator[Told]:
        """Every event above `after`, up to the one that ends the job. StorageError when the server stays away."""
        while True:
            before = self._seen
            for told in self._until_it_breaks():
                self._seen = told.seq
                yield told
                if told.ends:
                    return
            if self._seen == before and self._is_over():
                return
            self._connection.wait(_PAUSE_S)

    def _is_over(self) -> bool:
        """Whether a job that tells nothing more has ended: what happened to old ones is forgotten."""
        return self._connection.get(self._job)["state"] in TERMINAL

    def _until_it_breaks(self) -> Iterator[Told]:
        """The events that follow those seen; a connection that breaks is no error here, since whoever reads comes back for the rest."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": str(self._seen)} if self._seen else {})}
        with ExitStack() as opened:
            answer = self._connection.patiently(
                lambda: opened.enter_context(self._connection.stream(f"{self._job}/events", headers=headers))
            )
            try:
                yield from (told for told in read_events(answer.iter_lines()) if told.seq > self._seen)
            except httpx.TransportError:
                return


def read_events(lines: Iterable[str]) -> Iterator[Told]:
    """The events in a text/event-stream; comments, and events without a number, are passed over. InputError for what is none of ours."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if line and name:
            fields[name] = (
                f"{fields['data']}\n{value.removeprefix(' ')}" if name == "data" and "data" in fields else value.removeprefix(" ")
            )
        elif not line:
            if "data" in fields and fields.get("id", "").isdigit():
                yield _told(fields)
            fields = {}


def _told(fields: Mapping[str, str]) -> Told:
    try:
        said = json.loads(fields["data"])
        return Told(seq=int(fields["id"]), kind=str(said["kind"]), at_ms=int(said["at_ms"]), data=dict(said["data"]))
    except (ValueError, TypeError, KeyError):
        raise InputError("the server's events cannot be read: it is of another version than this command") from None
