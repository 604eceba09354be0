"""The durable engine: DBOS runs each job as a workflow, and each of its stages as one of its own. Nothing outside this room imports it.

A job's workflow has the job's id and no steps: what was done is kept in the job's records and in the store, so that after a crash the body
simply runs again and finds every finished stage. What DBOS adds is the queue, exactly one runner for each workflow, and that what a dead
process left behind is put back when the process comes again.

All that DBOS keeps is JSON; reading pickled objects, which would run whatever somebody wrote into a row, is switched off.
"""

from kiln.jobs.engine.runner import IDLE_POLL_S, Engine
from kiln.jobs.engine.workflow_queue import SCHEMA, Workflow, WorkflowQueue

__all__ = ["IDLE_POLL_S", "SCHEMA", "Engine", "Workflow", "WorkflowQueue"]
