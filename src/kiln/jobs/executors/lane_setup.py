"""What a lane is started with: plain data, sent to the child as its first message (a command line could be read by every user)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kiln import settings

IDLE_S: Final = 600.0
"""After so long without a call a lane's child is ended: it holds 200 to 700 MB, and the next one is ready in 2 s of processor time."""

GPU_IDLE_S: Final = 3600.0
"""The same where there is a GPU: the child has a model loaded, which takes minutes, and nobody else is let on the GPU for long anyway."""

MOST_KEPT_BYTES: Final = 1_500_000_000
"""A child that still holds more than this after a call is replaced. A usual make leaves 0.8 GB, which saves reading things again."""


@dataclass(frozen=True, kw_only=True)
class LaneSetup:
    """What is the same for all of an executor's lanes."""

    codec: str = "kiln.jobs.executors.codec:JsonCodec"
    """`package.module:name` of what makes the StageCodec."""

    codec_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Keywords for it, as JSON; they may hold credentials."""

    stages: str = "kiln.stages:find"
    """`package.module:name` of what finds a Stage by its name."""

    warm_up: str | None = None
    """`package.module:name` of what gives short steps for a lane to take while nobody calls; None for none."""

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables a lane gets beside the few that every program needs."""

    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Values that must not appear in logs."""

    start_seconds: float = 120.0
    """How long a child may take to start and load its codec and stages."""


@dataclass(frozen=True, kw_only=True)
class LaneSite:
    """What is one lane's own."""

    name: str
    """Such as cpu0; with the worker's name before it, such as studio.cpu0, it is told from other workers' lanes."""

    threads: int
    """How many the child may use."""

    scratch: Path
    """The folder in which its temporary files go."""

    device: str | None = None
    """The GPU, as CUDA_VISIBLE_DEVICES names it."""

    lock: Path | None = None
    """The file that is locked while a stage runs, so that no other process on this machine uses the GPU meanwhile."""

    idle_s: float = IDLE_S
    """Seconds without a call after which `Lane.rest` ends the child."""

    most_kept_bytes: int | None = MOST_KEPT_BYTES
    """Of memory the child may hold between calls; with more it is replaced. None: as much as it likes, such as the weights of a model."""


def setup_on(store_url: str) -> LaneSetup:
    """Lanes that know the service's stages and work on the store at this URL; what opens an S3-compatible one goes with them."""
    opens = settings.store_environment() if store_url.startswith("s3:") else {}
    hushed = tuple(value for name, value in opens.items() if "SECRET" in name or "TOKEN" in name)
    stages = "kiln.jobs.stored.lane_stages:find"
    return LaneSetup(
        codec="kiln.jobs.stored.store_codec:StoreCodec",
        codec_options={"url": store_url if "://" in store_url else str(Path(store_url).expanduser().resolve())},  # lanes run elsewhere
        stages=stages,
        warm_up="kiln.jobs.stored.lane_stages:warm_up",
        environment=opens,
        secrets=hushed,
    )


def load(name: str) -> Any:
    """What `package.module:name` names. The name comes from who set the executor up, never from a call."""
    module, attribute = name.split(":")
    return getattr(importlib.import_module(module), attribute)
