"""Where a worker's stages run, by what its command line says: on this machine, on a Ray cluster, or on Modal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from kiln import settings
from kiln.errors import InputError

if TYPE_CHECKING:
    from kiln.jobs.crew.worker import LaneExecutor
    from kiln.storage import Store

Place = Literal["local", "ray", "modal"]


@dataclass(frozen=True, kw_only=True)
class LaneChoice:
    """What the options below say."""

    executor: Place = "local"
    cpu_lanes: int | None = None
    """None: what suits the machine."""

    gpus: tuple[str, ...] = ()
    """As CUDA_VISIBLE_DEVICES names them; elsewhere than on this machine only their number counts."""

    ray_address: str | None = None
    trust_ray_network: bool = False
    modal_app: str = "kiln"
    lane_idle: float = 600.0
    """Seconds."""


_OPTIONS: Final = (
    click.option(
        "--executor",
        type=click.Choice(["local", "ray", "modal"]),
        default="local",
        help="Where stages run: on this machine, a Ray cluster, or Modal. [default: local]",
    ),
    click.option(
        "--cpu-lanes",
        type=click.IntRange(0, 256),
        help="Stages without a GPU that run at once. [default: half the cores, at least 2]",
    ),
    click.option(
        "--lane-idle",
        type=click.FloatRange(min=1),
        default=600.0,
        metavar="SECONDS",
        help="Unused for so long, the process of a lane without a GPU ends and gives its memory back. [default: 600]",
    ),
    click.option("--gpu", "gpus", multiple=True, metavar="ID", help="A GPU that stages may use, such as 0; may be repeated."),
    click.option(
        "--ray-address",
        metavar="HOST:PORT",
        help="The Ray cluster, or auto on one of its nodes. [default: RAY_ADDRESS, else one of our own]",
    ),
    click.option("--trust-ray-network", is_flag=True, help="Use a Ray cluster that asks for no token: who reaches it can run anything."),
    click.option("--modal-app", default="kiln", metavar="NAME", help="The app that was deployed on Modal. [default: kiln]"),
)


def lane_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of whatever runs stages."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def open_executor(choice: LaneChoice, *, data: Path, store: Store, store_url: str, worker: str) -> LaneExecutor:
    """The executor that was chosen, for the worker of this name. SetupError when what it needs is not installed or out of reach."""
    from kiln.jobs.executors.choose import Workplace, executor_from
    from kiln.jobs.executors.device_lock import usual_locks
    from kiln.jobs.executors.lane_setup import setup_on

    if choice.executor == "modal" and not store_url.startswith("s3:"):
        raise InputError("stages on Modal cannot reach a folder of this machine: set KILN_STORE to an S3-compatible store")
    place = Workplace(
        setup=setup_on(store_url),
        data=data,
        locks=(settings.chosen_gpu_locks() or usual_locks()) if choice.gpus else None,
        store=store,
        cpu_lanes=choice.cpu_lanes,
        gpus=choice.gpus,
        address=choice.ray_address,
        trusts_network=choice.trust_ray_network,
        app=choice.modal_app,
        worker=worker,
        idle_s=choice.lane_idle,
    )
    return executor_from(choice.executor, place)
