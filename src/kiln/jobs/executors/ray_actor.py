"""The actor that hosts a lane on a node of a Ray cluster. Ray imports this module there: Kiln must be installed on every node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from kiln.jobs.executors import scratch
from kiln.jobs.executors.far_lane import follow
from kiln.jobs.executors.lane import Lane
from kiln.jobs.executors.lane_setup import LaneSetup, LaneSite
from kiln.jobs.executors.wire import Message
from kiln.jobs.telemetry.logs import configure_logging


@dataclass(frozen=True, kw_only=True)
class ActorSite:
    """What is one actor's own."""

    name: str
    """Of its lane, such as cpu0."""

    threads: int
    """Cores it takes, and threads its child may use."""

    gpus: int
    """Whole GPUs it takes."""

    data: Path
    """The folder on its node for temporary files and for GPUs' lock files; actors that share a node must share it."""


class LaneActor:
    """Runs one call at a time while another thread takes the word to stop; the stage itself runs in the lane's child process.

    So a stage that crashes or is killed does not take the actor along, and a lost actor takes its child along.
    """

    def __init__(self, setup: LaneSetup, site: ActorSite) -> None:
        configure_logging(secrets=setup.secrets)  # what stages print ends in the node's log of this actor, as lines that name the job
        devices = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
        device = ",".join(devices) or None
        lanes = site.data / "lanes"
        scratch.sweep(lanes)
        lock = None if device is None else site.data / f"gpu{device}.lock"
        self._lane = Lane(setup, LaneSite(name=site.name, threads=site.threads, scratch=lanes, device=device, lock=lock))
        self._stopped = 0
        """The number of the call that was told to stop last."""

    def run(self, number: int, call: Mapping[str, Any]) -> Iterator[Message]:
        """Run the call with this number, and say what happens as it happens. (Ray streams only what is a generator itself.)"""
        yield from follow(self._lane, call, is_stopped=lambda: self._stopped >= number)

    def stop(self, number: int) -> None:
        """Tell the call with this number to stop."""
        self._stopped = number
