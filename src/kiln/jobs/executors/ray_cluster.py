"""The executor for a Ray cluster: its lanes are actors, placed where cores and GPUs are free, each with a child process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import ray
from ray.exceptions import RayError

from kiln import settings
from kiln.errors import SetupError
from kiln.jobs.executors.lane_setup import LaneSetup
from kiln.jobs.executors.pooled import PooledExecutor
from kiln.jobs.executors.ray_actor import ActorSite
from kiln.jobs.executors.ray_lane import RayLane

_OBJECT_STORE_BYTES: Final = 100 << 20
"""Of a Ray of our own: only calls and messages go through it, never a stage's data."""


class RayExecutor(PooledExecutor[RayLane]):
    """A StageExecutor whose stages run in long-lived actors of a Ray cluster; leave it as a context to end them.

    `address` is the cluster's, such as 10.0.0.5:6379, or "auto" on one of its nodes; None starts a Ray of our own on this machine, which
    ends with this executor. Where this process is a driver already, its cluster is used. A cluster must ask for a token, unless
    `trusts_network`: whoever reaches one that does not can run anything on it. `data` is the folder on each node for temporary files and
    for GPUs' lock files. There are `cpu_lanes` actors with `threads_per_lane` cores each (None: one less than there are cores here, at
    least 1), and `gpu_lanes` with as many and a GPU each. `worker` stands before the names of lanes.
    """

    def __init__(
        self,
        setup: LaneSetup,
        *,
        data: Path,
        address: str | None = None,
        cpu_lanes: int | None = None,
        gpu_lanes: int = 0,
        threads_per_lane: int = 1,
        weights: Mapping[str, int] | None = None,
        trusts_network: bool = False,
        worker: str = "",
    ) -> None:
        cpu_lanes = max(1, settings.threads() - 1) if cpu_lanes is None else cpu_lanes
        self._owns_driver = not ray.is_initialized()
        if self._owns_driver:
            _connect(address, cores=(cpu_lanes + gpu_lanes) * threads_per_lane, trusts_network=trusts_network)

        def lane(kind: str, number: int) -> RayLane:
            name = f"{worker}.{kind}{number}" if worker else f"{kind}{number}"
            site = ActorSite(name=name, threads=threads_per_lane, gpus=int(kind == "gpu"), data=data.absolute())
            return RayLane(setup, site)

        cpu, gpu = ([lane(kind, number) for number in range(count)] for kind, count in (("cpu", cpu_lanes), ("gpu", gpu_lanes)))
        super().__init__({"cpu": cpu, "gpu": gpu}, weights=weights)

    def close(self, *, wait_s: float = 0.0) -> None:
        """As StageExecutor says. A Ray of our own ends with all its processes; a cluster stays."""
        super().close(wait_s=wait_s)
        if self._owns_driver:
            self._owns_driver = False
            ray.shutdown()


def check_address(address: str, *, trusts_network: bool) -> None:
    """SetupError when it is no address a driver may connect to."""
    if address.startswith("ray://"):
        raise SetupError(f"{address} is for Ray's thin client, which cannot stream: run the worker on a node and give host:6379, or auto")
    if not trusts_network and not settings.has_ray_token():
        raise SetupError(
            "anybody who reaches a Ray cluster without tokens can run anything on it: start the cluster and this worker with "
            "RAY_AUTH_MODE=token and the same RAY_AUTH_TOKEN, or say --trust-ray-network"
        )


def _connect(address: str | None, *, cores: int, trusts_network: bool) -> None:
    """Be a driver. SetupError when the cluster does not let us."""
    if address is not None:
        check_address(address, trusts_network=trusts_network)
    settings.hush_ray()
    own: dict[str, Any] = {
        "num_cpus": max(cores, settings.threads()),
        "object_store_memory": _OBJECT_STORE_BYTES,
        "include_dashboard": False,
    }
    try:
        ray.init(address=address or "local", namespace="kiln", log_to_driver=False, configure_logging=False, **({} if address else own))
    except (RayError, OSError, RuntimeError, ValueError) as error:
        raise SetupError(
            f"Ray at {address or 'this machine'} cannot be used ({str(error).splitlines()[0]}): is it up, and is the token its own?"
        ) from error
