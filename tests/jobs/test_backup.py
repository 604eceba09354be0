"""A backup of the job database alone is enough, taken while everything runs: docs/operations.md says how."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from jobs.checker import broken_promises, read_history
from jobs.processes import Process
from jobs.rig import order, records, state_of, wait_until
from kiln.jobs.records.database import Database
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.keys import KeyRing, Scope


def back_up(source: Path, target: Path) -> None:
    """As `sqlite3 source ".backup target"` does."""
    target.parent.mkdir()
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)


def test_a_restored_database_goes_on_where_it_was(tmp_path: Path) -> None:
    live, restored = tmp_path / "live" / "jobs.sqlite", tmp_path / "restored" / "jobs.sqlite"
    with records(f"sqlite:///{live}") as kept, Process("toiler", f"sqlite:///{live}", "w1", json.dumps({})) as worker:
        worker.wait_for("ready")
        jobs = JobStore(kept.database)
        key = KeyRing(kept.database).issue("studio", scopes=[Scope.READ]).key
        made = [jobs.submit(order(do)).job for do in ("nothing", "hang once", "nothing")]
        for job in made[:2]:
            kept.queue.enqueue(job)  # the third's place in the queue is what the backup comes too early for
        wait_until(lambda: state_of(jobs, made[0].id) == "succeeded" and state_of(jobs, made[1].id) == "running")
        back_up(live, restored)
        worker.kill()
    with closing(Database(f"sqlite:///{restored}")) as database:
        with Process("toiler", f"sqlite:///{restored}", "w1", json.dumps({})) as worker:
            jobs = JobStore(database)
            wait_until(lambda: [state_of(jobs, job.id) for job in made] == ["succeeded"] * 3)
        assert broken_promises(read_history(database)) == []
        assert KeyRing(database).check(key) is not None
