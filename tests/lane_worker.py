"""A worker process of its own, to be killed: `python -m lane_worker FOLDER CALLS CALL`."""

from __future__ import annotations

import sys
from pathlib import Path

from kiln.jobs.executors.interface import Progress, StageCall
from kiln.jobs.executors.local import LocalExecutor
from lanes import a_setup


def main() -> None:
    folder, calls, call = Path(sys.argv[1]), int(sys.argv[2]), StageCall.model_validate_json(sys.argv[3])

    def hear(sign: Progress) -> None:
        if sign.kind == "note":
            print(executor.pools[call.lane].lanes[0].pid, sign.words, flush=True)  # noqa: T201 - whoever started this process reads it

    with LocalExecutor(a_setup(folder), data=folder, cpu_lanes=1, gpus=["0"]) as executor:
        for _ in range(calls):
            executor.run(call, on_progress=hear, cancel=lambda: False)


if __name__ == "__main__":
    main()
