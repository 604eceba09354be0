"""Kiln's stages on Modal: `modal deploy examples/modal_app.py`, then `kiln worker --executor modal`.

The containers work on the same store as the service, which must be S3-compatible. They learn of it from a secret of your workspace:

    modal secret create kiln-store KILN_STORE=s3://bucket/prefix AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... AWS_REGION=...

What a stage may cost is said here: the GPU, how long a call may take, and how many containers there may be at once.
"""

from __future__ import annotations

import contextlib
import queue
from pathlib import Path
from typing import TYPE_CHECKING

import modal

if TYPE_CHECKING:
    from kiln.jobs.executors.interface import LaneKind

GPU = "L40S"
LONGEST_S = 3600
"""Modal's own limit on one call: the second line behind the call's limits, which the lane keeps."""

MOST_CONTAINERS = 4
"""Of each kind: a cap on what this app can cost in an hour."""

WARM_S = 120
"""How long an idle container is kept, and paid for, so that the next call finds its models loaded."""

ROOT = Path(__file__).resolve().parents[1]
NOT_NEEDED = [".git", ".venv", "build", "dist", "out", "tests", "data"]

app = modal.App("kiln")
store = modal.Secret.from_name("kiln-store", required_keys=["KILN_STORE"])
image = (
    modal.Image.debian_slim(python_version="3.11")
    .add_local_dir(ROOT, "/kiln", copy=True, ignore=NOT_NEEDED)  # this checkout: both sides must be of the same version
    .run_commands("pip install -c /kiln/constraints.txt '/kiln[service]'")
)


@app.function(
    image=image,
    secrets=[store],
    cpu=4.0,
    memory=8192,
    timeout=LONGEST_S,
    retries=0,  # whether a call is worth another try is decided by the worker, which counts
    max_containers=MOST_CONTAINERS,
    scaledown_window=WARM_S,
)
def run_cpu_stage(call: str) -> str:
    """Run a stage that needs no GPU."""
    return _run(call, "cpu")


@app.function(
    image=image,
    secrets=[store],
    gpu=GPU,
    memory=32768,
    timeout=LONGEST_S,
    retries=0,
    max_containers=MOST_CONTAINERS,
    scaledown_window=WARM_S,
)
def run_gpu_stage(call: str) -> str:
    """Run a stage on the container's GPU, which it has for itself."""
    return _run(call, "gpu")


def _run(call: str, kind: LaneKind) -> str:
    """Run a call in this container's lane, telling the worker of it through the call's partition of a queue."""
    from kiln.jobs.executors.modal_calls import PROGRESS
    from kiln.jobs.executors.modal_container import answer, deployed_lane

    signs = modal.Queue.from_name(PROGRESS, create_if_missing=True)
    partition = modal.current_function_call_id()

    def tell(sign: str) -> None:
        with contextlib.suppress(queue.Full, modal.exception.Error):  # a lost sign of progress is no reason to fail
            signs.put(sign, block=False, partition=partition)

    return answer(deployed_lane(kind), call, tell=tell)
