"""A change of a job's row, and the events that tell of it: on PostgreSQL in one statement, because each costs a way there and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Select, Text, Update, bindparam, column, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from kiln.jobs.records.events import EventKind, checked_data
from kiln.jobs.records.job import Job
from kiln.jobs.records.job_rows import job_of
from kiln.jobs.records.tables import EVENTS

Said = tuple[EventKind, Mapping[str, Any]]
"""An event before it has a number."""

MORE: Final = bindparam("told_count", type_=BigInteger)
"""In a statement, how many events there are: whoever changes a row adds so many to its `last_seq`, and returns the row."""

_ADD_EVENTS: Final = EVENTS.insert()


def update_and_tell(connection: Connection, change: Update, given: Mapping[str, Any], said: Sequence[Said], *, at_ms: int) -> Job | None:
    """The job whose row the statement changed, and now with these events; None when it changed none."""
    values = {**given, "told_count": len(said)}
    at_once = connection.dialect.name == "postgresql"
    if at_once:
        told = {"told_kinds": [kind.value for kind, _ in said], "told_data": [checked_data(data) for _, data in said]}
        row = connection.execute(_change_and_tell(change), {**values, **told, "told_at_ms": at_ms}).mappings().one_or_none()
    else:
        row = connection.execute(change, values).mappings().one_or_none()
    if row is None:
        return None
    job = job_of(row)
    if not at_once:
        tell(connection, job, said, at_ms=at_ms)
    return job


def tell(connection: Connection, job: Job, said: Sequence[Said], *, at_ms: int) -> None:
    """Write events, of which the last has the number that the job's row says."""
    same = {"job_id": job.id, "at_ms": at_ms, "attempt": job.attempts}
    first = job.last_seq - len(said) + 1
    rows = [{**same, "seq": seq, "kind": kind.value, "data": checked_data(data)} for seq, (kind, data) in enumerate(said, first)]
    connection.execute(_ADD_EVENTS, rows)


@cache
def _change_and_tell(change: Update) -> Select[Any]:
    """Both as one statement."""
    row = change.cte("changed")
    events = (
        func.unnest(bindparam("told_kinds", type_=ARRAY(Text)), bindparam("told_data", type_=ARRAY(Text)))
        .table_valued(column("kind", Text), column("data", Text), with_ordinality="place", name="told")
        .render_derived()
    )
    values = {
        "job_id": row.c.id,
        "seq": row.c.last_seq - MORE + events.c.place,
        "kind": events.c.kind,
        "at_ms": bindparam("told_at_ms", type_=BigInteger),
        "attempt": row.c.attempts,
        "data": events.c.data,
    }
    rows = select(*values.values()).select_from(row.join(events, true()))
    return select(row).add_cte(_ADD_EVENTS.from_select(list(values), rows).cte("told_events"))
