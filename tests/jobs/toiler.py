"""A worker in a process of its own, whose jobs do what their requests say. SIGTERM sends it home.

Called with the database's URL, its name, and JSON: "lanes" by kind, "silence_s". Says "ready", then "<job id> <attempt>" for each job it
begins. Its jobs: "nothing" succeeds, "die" kills the worker in a stage, "fail" breaks, "hang" waits to be cancelled, "hang once" does so in
its first attempt alone, "stage" runs a stage, "last stage" does so once its worker is being sent home, "until <path>" waits for a file.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from jobs.rig import FakeLanes, Records, call
from kiln.errors import ConflictError
from kiln.jobs.crew.claim import claim
from kiln.jobs.crew.worker import Pace, Worker
from kiln.jobs.engine import WorkflowQueue
from kiln.jobs.records.database import Database
from kiln.jobs.records.events import EventKind
from kiln.jobs.records.job import Job, State
from kiln.jobs.records.job_store import JobStore


class Toiler:
    def __init__(self, url: str, name: str, options: dict[str, object]) -> None:
        self.name = name
        database = Database(url)
        self.jobs = JobStore(database)
        pace = Pace(beat_s=0.2, round_s=0.3, poll_s=0.1, silence_s=options.get("silence_s", 60.0))
        lanes = FakeLanes(lanes=options.get("lanes", {"cpu": 1}))
        self.worker = Worker(Records(database, WorkflowQueue(url)), lanes, executor_id=name, carry_out=self.carry_out, pace=pace)

    def carry_out(self, job_id: str) -> None:
        job = claim(self.jobs, job_id, executor_id=self.name)
        if job is None:
            return
        say(f"{job.id} {job.attempts}")
        do = job.request.parameters["job"]["do"]
        if do == "fail":
            raise RuntimeError("broken")
        if do == "die":
            self.jobs.report(job, EventKind.STAGE_STARTED, stage="bake", lane="cpu0", began_ms=0)
            os.kill(os.getpid(), signal.SIGKILL)
        while do == "last stage" and not self.worker.is_leaving:
            time.sleep(0.02)
        while do.startswith("until ") and not Path(do.removeprefix("until ")).exists():
            time.sleep(0.02)
        if do in ("stage", "last stage"):
            self.worker.stage(call("bake"), workflow_id=f"{job.id}:bake", on_progress=lambda _: None, cancel=lambda: False)
        if (do == "hang" or (do == "hang once" and job.attempts == 1)) and not self.wait_for_cancel(job):
            return
        self.jobs.succeed(job, results={}, measured=())

    def wait_for_cancel(self, job: Job) -> bool:
        """False: it was ended here. A worker that was frozen finds out by its next write that it came too late."""
        while True:
            now = self.jobs.get(job.id)
            if now.state is State.CANCELLING and now.attempts == job.attempts:
                self.jobs.cancelled(now)
                return False
            try:
                self.jobs.report(job, EventKind.NOTE, text="still here")
            except ConflictError:
                say(f"{job.id} late")
                raise
            time.sleep(0.1)


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    logging.basicConfig(level="WARNING")
    toiler = Toiler(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
    home = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: home.set())
    toiler.worker.start()
    say("ready")
    home.wait()
    toiler.worker.drain(wait_s=1.0)
    os._exit(0)
