"""The engine in a worker: it runs queued jobs, and stages."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from kiln.errors import Cancelled, SetupError, StorageError
from kiln.jobs.engine.dbos_guard import translated
from kiln.jobs.engine.remote_stage import AskingEnd, RunningEnd
from kiln.jobs.engine.tempo import Tempo
from kiln.jobs.engine.workflow_queue import APPLICATION, JOB_BODY, JOBS, PROGRESS, SCHEMA, STAGE_BODY, VERSION, Workflow, WorkflowQueue
from kiln.jobs.executors.failure import LaneClosed, as_data, from_data
from kiln.jobs.executors.interface import LaneKind, Progress, StageCall, StageResult

IDLE_POLL_S: Final = 0.5
"""Between two looks for queued work."""

_RECOVERIES: Final = 1_000_000
"""Without end, for DBOS: what is poison is decided by `claim`, which knows whether a job got anywhere."""

_REMOTE_POLL_S: Final = 0.5
_CURES: Final[Mapping[LaneKind, str]] = {"gpu": "--gpu 0, or choose a backend that needs no GPU", "cpu": "--cpu-lanes 1"}
_LAST_WORDS_S: Final = 5
"""What bodies whose lanes are gone may still take to end."""

_LOG: Final = logging.getLogger(__name__)

Told = Callable[[Progress], None]
Asked = Callable[[], bool]


class Engine:
    """Runs queued jobs, and stages of its own and of others, in this process; there can be only one in a process.

    `carry_out` carries out one job from wherever it stands, and is called in up to `width` threads at once; what it raises ends the
    workflow and is logged. `run_stage` runs one stage in a lane of this process, of which `lanes` says how many there are of each kind.

    Of workers on one database, the one that was launched last says for all of them how many jobs and stages each takes at once: DBOS keeps
    that with the queue.
    """

    def __init__(
        self,
        queue: WorkflowQueue,
        *,
        executor_id: str,
        carry_out: Callable[[str], None],
        run_stage: Callable[[StageCall, Told, Asked], StageResult],
        width: int,
        lanes: Mapping[LaneKind, int],
        poll_s: float = IDLE_POLL_S,
    ) -> None:
        self.queue = queue
        self.executor_id = executor_id
        self._carry_out = carry_out
        self._run_stage = run_stage
        self._width = width
        self._lanes: dict[str, int] = {kind: count for kind, count in lanes.items() if count}
        self._poll_s = poll_s
        self._calls: dict[str, tuple[Told, Asked]] = {}
        """By workflow id: whom the stages that were asked for here tell of themselves."""

        self._running: dict[str, int] = {}
        self._visits: dict[str, int] = {}
        """Stages that other workers asked for."""

        self._done = 0
        """Bodies that ended since the tempo was looked at."""

        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._end: threading.Thread | None = None

    def launch(self) -> None:
        """Take up what this executor left behind, and then queued work. StorageError when the queue is out of reach."""
        logging.getLogger("dbos").addHandler(logging.NullHandler())  # else it would write to the console, past our own logging
        DBOS(config=self._config())
        widths = self._shared_widths()
        DBOS.listen_queues(list(widths))
        DBOS.workflow(name=JOB_BODY, max_recovery_attempts=_RECOVERIES)(self._job_body())
        self._stage_workflow = DBOS.workflow(name=STAGE_BODY, max_recovery_attempts=_RECOVERIES)(self._stage_body())
        try:
            with translated():
                self.queue.set_up(widths, poll_s=self._poll_s)
                DBOS.launch()
        except BaseException:
            DBOS.destroy(destroy_registry=True)
            raise
        threading.Thread(target=self._keep_tempo, name="kiln-tempo", daemon=True).start()

    def running(self) -> frozenset[str]:
        """The jobs whose bodies run here now."""
        with self._changed:
            return frozenset(self._running)

    def stage(self, call: StageCall, *, workflow_id: str, on_progress: Told, cancel: Asked) -> StageResult:
        """Run one stage, in a lane here or on another worker that has one; from any thread, side by side.

        An equal id is one stage: what an earlier attempt finished is given again, one that runs on another worker is joined, and one that
        failed is run anew. Raises as StageExecutor.run does; on_progress may be called in another thread.
        """
        if self._closing.is_set():
            raise _closed(call)
        number, found, output = self._newest_try(workflow_id)
        if found is not None and found.step == "ended" and "result" in (output or {}):
            return StageResult.model_validate(output["result"])
        name = f"{workflow_id}~{number}"
        if found is not None and found.step in ("waiting", "running"):
            if found.queue == call.lane and found.executor_id != self.executor_id:
                return self._elsewhere(call, found.id, on_progress, cancel)
            if found.id not in self._calls:  # then it was lost with an earlier process
                self.queue.stop([found.id])
        if call.lane in self._lanes:
            return self._here(call, name, on_progress, cancel)
        if self.queue.is_lonely:  # SQLite bears no other worker, so nobody would ever take it
            raise SetupError(f"{call.stage} needs a {call.lane} lane, and this service has none: start it with {_CURES[call.lane]}")
        self.queue.enqueue_stage(call, name)
        return self._elsewhere(call, name, on_progress, cancel)

    def take_no_more(self, *, wait_s: float) -> None:
        """Begin no more queued work; wait up to wait_s seconds for what runs. What still runs then goes on, stages of its jobs included."""
        limit_s = math.ceil(wait_s) + _LAST_WORDS_S
        options = {"destroy_registry": True, "workflow_completion_timeout_sec": limit_s}
        self._end = threading.Thread(target=DBOS.destroy, kwargs=options, name="kiln-end", daemon=True)
        self._end.start()
        with self._changed:
            self._changed.wait_for(lambda: not self._running and not self._visits, timeout=wait_s)

    def close(self) -> None:
        """Let go, once what runs has ended; what has not within a few seconds is kept nowhere any more."""
        if self._end is None:
            self.take_no_more(wait_s=0.0)
        self._closing.set()
        if self._end is not None:
            self._end.join()

    def _config(self) -> DBOSConfig:
        return {
            "name": APPLICATION,
            "system_database_engine": self.queue.pool,
            "dbos_system_schema": SCHEMA,
            "serializer": DBOSPortableJSONSerializer(),
            "application_version": VERSION,
            "executor_id": self.executor_id,
            "run_migrations": False,  # the queue has just done so, with an engine of DBOS' own
            "log_level": "WARNING",
        }

    def _shared_widths(self) -> dict[str, int]:
        """What it takes from which queue. SQLite bears no other worker who could ask for a stage."""
        return {JOBS: self._width} if self.queue.is_lonely else {JOBS: self._width, **self._lanes}

    def _keep_tempo(self) -> None:
        """Look for jobs more often while they are very short."""
        tempo, poll_s = Tempo(width=self._width, idle_s=self._poll_s), self._poll_s
        while not self._closing.wait(self._poll_s):
            with self._changed:
                done, self._done = self._done, 0
            wanted_s = tempo.poll_s(done=done, now_s=time.monotonic())
            if wanted_s != poll_s:
                with suppress(StorageError):  # it is asked for again at the next look
                    self.queue.set_poll(wanted_s)
                    poll_s = wanted_s

    def _job_body(self) -> Callable[[str], None]:
        """What DBOS calls for a job. It never raises: what became of the job stands in its records."""

        def body(job_id: str) -> None:
            self._count(self._running, job_id, 1)
            try:
                self._carry_out(job_id)
            except Exception:  # noqa: BLE001 - DBOS would keep it in its tables, and log it without our words
                _LOG.exception("%s was not carried out to its end", job_id)
            finally:
                self._count(self._running, job_id, -1)
                with self._changed:
                    self._done += 1

        return body

    def _stage_body(self) -> Callable[..., dict[str, Any]]:
        """What DBOS calls for a stage. Failures are results, as data: nothing is pickled."""

        def body(workflow_id: str, call: dict[str, Any], here: bool = False) -> dict[str, Any]:
            order = StageCall.model_validate(call)
            told, asked = self._calls.get(workflow_id) or (None, None)
            try:
                if told is not None and asked is not None:
                    result = self._run_stage(order, told, asked)
                elif here:  # whoever asked died; the job's next attempt asks for itself
                    return {"failure": as_data(LaneClosed(f"the worker that asked for {order.stage} was lost"), stage=order.stage)}
                else:
                    result = self._run_visit(order, workflow_id)
            except Exception as error:  # noqa: BLE001 - it goes on to whoever asked, in their process
                return {"failure": as_data(error, stage=order.stage)}
            return {"result": result.model_dump(mode="json")}

        return body

    def _run_visit(self, call: StageCall, workflow_id: str) -> StageResult:
        """Run a stage that another worker asked for."""
        far = RunningEnd(self.queue, workflow_id, executor_id=self.executor_id, publish=_publish)
        self._count(self._visits, workflow_id, 1)
        try:
            return self._run_stage(call, far.tell, far.is_stopped)
        finally:
            self._count(self._visits, workflow_id, -1)

    def _newest_try(self, workflow_id: str) -> tuple[int, Workflow | None, Any]:
        """The number of the next try of a stage, and the newest one with what it returned."""
        tries = self.queue.tries(f"{workflow_id}~")
        if not tries:
            return 1, None, None
        found, output = max(tries, key=lambda known: _number(known[0]))
        return _number(found) + 1, found, output

    def _here(self, call: StageCall, name: str, on_progress: Told, cancel: Asked) -> StageResult:
        """Run it in this process, without a queue. StorageError when its result could not be kept: it is simply run again."""
        self._calls[name] = (on_progress, cancel)
        try:
            with translated():
                with SetWorkflowID(name):
                    handle = DBOS.start_workflow(self._stage_workflow, name, call.model_dump(mode="json"), here=True)
                output = handle.get_result()
        finally:
            del self._calls[name]
        return _opened(output)

    def _elsewhere(self, call: StageCall, name: str, on_progress: Told, cancel: Asked) -> StageResult:
        """Wait for another worker to run it."""
        far = AskingEnd(self.queue, call, name)
        while not self._closing.wait(_REMOTE_POLL_S):
            if cancel():
                self.queue.stop([name])
                raise Cancelled(f"{call.stage} was stopped: nothing was written")
            output = far.look(on_progress)
            if output is not None:
                return _opened(output)
        raise _closed(call)

    def _count(self, ids: dict[str, int], workflow_id: str, step: int) -> None:
        """Note that one more, or one less, body of a workflow runs; after a resumption there may be two for a moment."""
        with self._changed:
            ids[workflow_id] = ids.get(workflow_id, 0) + step
            if not ids[workflow_id]:
                del ids[workflow_id]
                self._changed.notify_all()


def _publish(progress: dict[str, Any]) -> None:
    """It is news only: the stage goes on although the database is away."""
    with suppress(StorageError), translated():
        DBOS.set_event(PROGRESS, progress)


def _closed(call: StageCall) -> LaneClosed:
    return LaneClosed(f"the worker is shutting down and runs no {call.stage} any more: submit it again")


def _opened(output: Any) -> StageResult:
    """The result a stage's workflow returned, or its failure raised."""
    if "failure" in output:
        raise from_data(output["failure"])
    return StageResult.model_validate(output["result"])


def _number(workflow: Workflow) -> int:
    """Of a try, from its id."""
    return int(workflow.id.rpartition("~")[2])
