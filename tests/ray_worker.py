"""A worker process with a Ray of its own, to be killed or to end: `python -m ray_worker FOLDER STAGE`."""

from __future__ import annotations

import sys
from pathlib import Path

from kiln.jobs.executors.choose import Workplace, executor_from
from kiln.jobs.executors.interface import Progress
from kiln.storage import open_store
from lanes import a_call, a_setup


def main() -> None:
    folder, stage = Path(sys.argv[1]), sys.argv[2]

    def hear(sign: Progress) -> None:
        if sign.kind == "note":
            print(sign.words, flush=True)  # noqa: T201 - whoever started this process reads it

    place = Workplace(setup=a_setup(folder), data=folder, store=open_store("memory://"))
    executor = executor_from("ray", place)
    try:
        executor.run(a_call(stage), on_progress=hear, cancel=lambda: False)
    finally:
        executor.close()


if __name__ == "__main__":
    main()
