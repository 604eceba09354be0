"""What a lane is started with: plain data, sent to the child as its first message (a command line could be read by every user)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class LaneSetup:
    """What is the same for all of an executor's lanes."""

    codec: str = "kiln.jobs.executors.codec:JsonCodec"
    """`package.module:name` of what makes the StageCodec."""

    codec_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Keywords for it, as JSON; they may hold credentials."""

    stages: str = "kiln.stages:find"
    """`package.module:name` of what finds a Stage by its name."""

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
    """Such as cpu0."""

    threads: int
    """How many the child may use."""

    scratch: Path
    """The folder in which its temporary files go."""

    device: str | None = None
    """The GPU, as CUDA_VISIBLE_DEVICES names it."""

    lock: Path | None = None
    """The file that is locked while a stage runs, so that no other process on this machine uses the GPU meanwhile."""


def load(name: str) -> Any:
    """What `package.module:name` names. The name comes from who set the executor up, never from a call."""
    module, attribute = name.split(":")
    return getattr(importlib.import_module(module), attribute)
