"""Executors by name, for whoever starts a worker: which there are, and what to install where one is not."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kiln import settings
from kiln.errors import InputError, SetupError, did_you_mean
from kiln.jobs.executors.lane_setup import IDLE_S, LaneSetup
from kiln.jobs.executors.pooled import PooledExecutor
from kiln.storage import Store


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """What an executor is made for. What one has no use for is passed over."""

    setup: LaneSetup
    """Of lanes on this machine and on Ray's nodes; what is deployed on Modal brings its own."""

    data: Path
    """The folder for lanes' temporary files, here or on each of Ray's nodes."""

    locks: Path | None = None
    """The folder for this machine's GPUs' lock files; None, and on Ray's nodes: `data`."""

    store: Store
    """Where calls that run on Modal are written down."""

    cpu_lanes: int | None = None
    """None: here as `local.usual_lanes` says, on Ray one less than there are cores, at least 1; on Modal none, where every minute costs."""

    gpus: Sequence[str] = ()
    """This machine's, as CUDA_VISIBLE_DEVICES names them; elsewhere only their number counts."""

    weights: Mapping[str, int] | None = None
    """Tenants' shares of the lanes; who is not named has 1."""

    address: str | None = None
    """Of the Ray cluster, such as 10.0.0.5:6379; None: RAY_ADDRESS, or a Ray of our own."""

    trusts_network: bool = False
    """Whether a Ray cluster that asks for no token may be used."""

    worker: str = ""
    """The worker's name, which stands before the names of its lanes; Modal's containers belong to no worker."""

    idle_s: float = IDLE_S
    """Seconds without a call after which a lane of this machine without a GPU ends its child. What runs elsewhere has its own clocks."""

    app: str = "kiln"
    """The app's name on Modal."""


def executor_from(name: str, place: Workplace) -> PooledExecutor[Any]:
    """The executor of this name. InputError when there is none; SetupError when its extra is missing or it cannot be reached."""
    if name not in _MAKERS:
        raise InputError(f"there is no executor {name!r}: {did_you_mean(name, _MAKERS)}")
    return _MAKERS[name](place)


def _local(place: Workplace) -> PooledExecutor[Any]:
    from kiln.jobs.executors.local import LocalExecutor

    return LocalExecutor(
        place.setup,
        data=place.data,
        locks=place.locks,
        cpu_lanes=place.cpu_lanes,
        gpus=place.gpus,
        weights=place.weights,
        worker=place.worker,
        idle_s=place.idle_s,
    )


def _ray(place: Workplace) -> PooledExecutor[Any]:
    _extra("ray")
    from kiln.jobs.executors.ray_cluster import RayExecutor

    return RayExecutor(
        place.setup,
        data=place.data,
        address=place.address or settings.ray_address(),
        cpu_lanes=place.cpu_lanes,
        gpu_lanes=len(place.gpus),
        weights=place.weights,
        trusts_network=place.trusts_network,
        worker=place.worker,
    )


def _modal(place: Workplace) -> PooledExecutor[Any]:
    modal = _extra("modal")
    from kiln.jobs.executors.call_book import StoredCallBook
    from kiln.jobs.executors.modal_cloud import ModalExecutor

    return ModalExecutor(
        modal,
        book=StoredCallBook(place.store),
        app=place.app,
        cpu_lanes=place.cpu_lanes or 0,
        gpu_lanes=max(1, len(place.gpus)),
        weights=place.weights,
    )


def _extra(name: str) -> Any:
    """The package of this name. SetupError when it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SetupError(f"the executor {name} needs the package {name}: pip install 'kiln3d[{name}]'") from error


_MAKERS: Final[Mapping[str, Callable[[Workplace], PooledExecutor[Any]]]] = {"local": _local, "ray": _ray, "modal": _modal}

EXECUTORS: Final = tuple(_MAKERS)
"""Their names."""
