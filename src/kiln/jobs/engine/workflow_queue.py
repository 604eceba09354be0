"""The queue as its clients see it: jobs are put into it, and how their workflows stand is looked up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions, WorkflowStatus

from kiln.jobs.engine.dbos_guard import refuse_pickle, translated
from kiln.jobs.engine.workflow_pool import check_folder, open_pool, workflows_url
from kiln.jobs.executors.interface import Progress, StageCall
from kiln.jobs.records.fair_turns import rank
from kiln.jobs.records.job import PRIORITIES, Job
from kiln.jobs.records.sqlite import WriteAheadLog

VERSION: Final = "kiln-1"
"""Of the workflows' bodies, as DBOS sees them: a worker takes only workflows of its own version. It is raised only when a body can no
longer carry out what an older Kiln has queued; if every release raised it, jobs queued before an upgrade would wait for ever."""

SCHEMA: Final = "kiln_workflows"
"""Of DBOS' tables in PostgreSQL."""

APPLICATION: Final = "kiln"
JOBS: Final = "jobs"
"""The queue of whole jobs; those of stages are called as the lanes they need."""

JOB_BODY: Final = "kiln.job"
STAGE_BODY: Final = "kiln.stage"
PROGRESS: Final = "progress"

Standing = Literal["waiting", "running", "ended", "stopped"]
_STANDINGS: Final[Mapping[str, Standing]] = {"DELAYED": "waiting", "ENQUEUED": "waiting", "PENDING": "running", "CANCELLED": "stopped"}

_ENDED: Final = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_FORGOTTEN_AT_ONCE: Final = 500
"""Workflows of one transaction: nobody else waits long for it."""


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """How a workflow stands."""

    id: str
    step: Standing
    queue: str | None
    executor_id: str | None
    """Who runs it, or ran it last."""

    is_stage: bool = False
    """Of a job, and not a job itself."""


class WorkflowQueue:
    """The queue as its clients see it, in a process that need not run anything; safe to use from many threads. Close it when done."""

    def __init__(self, database_url: str) -> None:
        """Open the tables beside or in the job database of this URL, and bring them up to date.

        Raises SetupError when they cannot be made there, StorageError when they are out of reach.
        """
        refuse_pickle()
        url = workflows_url(database_url)
        check_folder(url)
        with translated():
            DBOS.migrate(url.render_as_string(hide_password=False), schema=SCHEMA)
            self.pool = open_pool(url)
            """The connections, which an engine in this process shares."""

            self._client = DBOSClient(
                system_database_engine=self.pool,
                dbos_system_schema=SCHEMA,
                serializer=DBOSPortableJSONSerializer(),
                application_name=APPLICATION,
                retry_connection_errors=False,
                lazy=True,
            )
        self._log = WriteAheadLog(self.pool) if self.pool.dialect.name == "sqlite" else None

    def set_up(self, widths: Mapping[str, int], *, poll_s: float) -> None:
        """Say how much of each queue a worker takes at once, and how often it looks; it holds for those that run already, too."""
        with translated():
            for name, width in widths.items():
                period_s = poll_s if name == JOBS else 4 * poll_s  # a stage takes longer, and rarely goes to another worker
                self._client.register_queue(name, worker_concurrency=width, polling_interval_sec=period_s, on_conflict="always_update")

    def set_poll(self, poll_s: float) -> None:
        """Have all workers look for jobs so often."""
        with translated():
            if (queue := self._client.retrieve_queue(JOBS)) is not None:
                queue.set_polling_interval_sec(poll_s)

    def enqueue(self, job: Job) -> None:
        """Let a job wait for a worker; asking again changes nothing. StorageError when the queue is out of reach or full."""
        self._enqueue(JOB_BODY, job.id, queue=JOBS, order=rank(job))

    def enqueue_stage(self, call: StageCall, workflow_id: str) -> None:
        """Let a stage wait for a worker that has a lane of its kind; likewise."""
        lowest = (call.priority - PRIORITIES.start) + 1
        self._enqueue(STAGE_BODY, workflow_id, queue=call.lane, order=max(1, lowest), call=call.model_dump(mode="json"))

    def resume(self, job: Job) -> None:
        """Have a job run again, whatever became of its workflow: lost with its worker, stopped, ended without the job, or never there.

        Whoever may still run it is not asked: ask only for jobs that nobody runs.
        """
        found = self.look_up([job.id]).get(job.id)
        with translated():
            if found is None:
                self.enqueue(job)
            elif found.step == "ended":
                self._client.rewind_workflow(job.id, application_version=VERSION, queue_name=JOBS)
            else:
                self._client.resume_workflow(job.id, queue_name=JOBS)

    def stop(self, workflow_ids: Collection[str]) -> None:
        """Let workflows run no more; a stage of another worker stops within a second or two."""
        if workflow_ids:
            with translated():
                self._client.cancel_workflows(list(workflow_ids))

    def look_up(self, workflow_ids: Collection[str]) -> dict[str, Workflow]:
        """How these workflows stand; those that are not there are left out."""
        if not workflow_ids:
            return {}
        return {found.workflow_id: _workflow(found) for found in self._list(workflow_ids=list(workflow_ids))}

    def run_by(self, executor_id: str) -> tuple[Workflow, ...]:
        """The workflows that are said to run at an executor."""
        return tuple(_workflow(found) for found in self._list(status="PENDING", executor_id=executor_id))

    def tries(self, prefix: str) -> tuple[tuple[Workflow, Any], ...]:
        """The workflows whose ids begin so, oldest first, each with what it returned."""
        return tuple((_workflow(found), found.output) for found in self._list(workflow_id_prefix=prefix, load_output=True))

    def progress(self, workflow_id: str) -> Progress | None:
        """What a stage on another worker told last."""
        with translated():
            told = self._client.get_event(workflow_id, PROGRESS, timeout_seconds=0)
        return None if told is None else Progress.model_validate(told)

    @property
    def is_lonely(self) -> bool:
        """Whether only one worker can be there."""
        return self._log is not None

    def forget(self, before_ms: int) -> int:
        """Delete the workflows that ended before then, in milliseconds since 1970, and say how many: jobs keep records of their own."""
        when = datetime.fromtimestamp(before_ms / 1000, UTC).isoformat()
        count = 0
        while ended := self._list(status=_ENDED, completed_before=when, limit=_FORGOTTEN_AT_ONCE):
            with translated():
                self._client.delete_workflows([found.workflow_id for found in ended])
            self.tidy()
            count += len(ended)
        return count

    def tidy(self) -> None:
        """Keep SQLite's log short; costs nothing while it is."""
        if self._log is not None:
            self._log.fold_when_long()

    def close(self) -> None:
        """Give back all connections."""
        self._client.destroy()
        self.pool.dispose()

    def _enqueue(self, name: str, workflow_id: str, *, queue: str, order: int, **arguments: Any) -> None:
        options: EnqueueOptions = {
            "workflow_name": name,
            "queue_name": queue,
            "workflow_id": workflow_id,
            "priority": order,
            "app_version": VERSION,
        }
        with translated():
            self._client.enqueue(options, workflow_id, **arguments)
        self.tidy()

    def _list(self, *, load_output: bool = False, **wanted: Any) -> list[WorkflowStatus]:
        with translated():
            return self._client.list_workflows(**wanted, load_input=False, load_output=load_output)


def _workflow(found: WorkflowStatus) -> Workflow:
    step = _STANDINGS.get(found.status, "ended")
    is_stage = found.name == STAGE_BODY
    return Workflow(id=found.workflow_id, step=step, queue=found.queue_name, executor_id=found.executor_id, is_stage=is_stage)
