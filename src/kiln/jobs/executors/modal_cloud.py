"""The executor for Modal: each lane is one call at a time of a function that was deployed there. Modal starts and ends the containers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kiln.jobs.executors.call_book import CallBook
from kiln.jobs.executors.interface import LaneKind
from kiln.jobs.executors.modal_calls import ModalCalls
from kiln.jobs.executors.modal_lane import ModalLane
from kiln.jobs.executors.pooled import PooledExecutor

FUNCTIONS: Final[Mapping[LaneKind, str]] = {"cpu": "run_cpu_stage", "gpu": "run_gpu_stage"}
"""Of the deployed app, as examples/modal_app.py defines them."""


class ModalExecutor(PooledExecutor[ModalLane]):
    """A StageExecutor whose stages run on Modal; leave it as a context to wait for none of them any more.

    `app` is the deployed app's name. `cpu_lanes` and `gpu_lanes` are how many calls of each kind are at work at most: with the functions'
    own max_containers, a cap on what it costs. `book` outlives this process: a call at work when a worker ended is picked up again.
    `modal` is the package of that name.
    """

    def __init__(
        self,
        modal: Any,
        *,
        book: CallBook,
        app: str = "kiln",
        cpu_lanes: int = 0,
        gpu_lanes: int = 1,
        weights: Mapping[str, int] | None = None,
    ) -> None:
        calls = ModalCalls(modal, app=app)

        def lanes(kind: LaneKind, count: int) -> list[ModalLane]:
            return [ModalLane(calls, FUNCTIONS[kind], book=book) for _ in range(count)]

        super().__init__({"cpu": lanes("cpu", cpu_lanes), "gpu": lanes("gpu", gpu_lanes)}, weights=weights)
