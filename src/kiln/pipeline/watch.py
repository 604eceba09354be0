"""Limits on a run's time and memory, and the watch that keeps them.

A stage that runs past its limit is asked to stop at its next look; the run does not wait for that. Native code that hangs thus cannot hang
Kiln: the command line leaves, and a program that called the API gets the error while the stuck thread is left to itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from kiln.errors import RecipeError, SetupError, TimeLimitError, did_you_mean

try:
    import resource
except ImportError:  # Windows has no such module
    resource = None  # type: ignore[assignment]

_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
"""What getrusage counts memory in."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a run may use."""

    stage_seconds: float = 900.0
    """Any one stage; 5 million triangles take the slowest one 20 s on two cores."""

    memory_gb: float | None = None
    """The whole process at its peak; None for no limit."""

    def check(self, stage: str, *, seconds: float) -> None:
        """Raise TimeLimitError or SetupError when a stage that has run for so long, or the process, is over a limit."""
        if seconds > self.stage_seconds:
            raise TimeLimitError(
                f"{stage} was still busy after {self.stage_seconds:g} s and was given up: "
                "simplify the model before, or allow more with --time-limit"
            )
        used = peak_gigabytes()
        if self.memory_gb is not None and used > self.memory_gb:
            raise SetupError(
                f"{stage} needs more than the {self.memory_gb:g} GB that are allowed: "
                "ask for smaller maps or fewer triangles, or allow more with --memory-limit"
            )


_USUAL: Final = Limits()


def read_limits(data: Any, *, usual: Limits = _USUAL) -> Limits:
    """Limits from plain data, such as a recipe's `[limits]`; what it leaves out is as usual. RecipeError names what is wrong."""
    if not isinstance(data, Mapping):
        raise RecipeError(f"limits must be a table, not {data!r}")
    known = [field.name for field in fields(Limits)]
    for name, value in data.items():
        if name not in known:
            raise RecipeError(f"limits: no such limit as {name!r}, {did_you_mean(name, known)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise RecipeError(f"limits: {name} = {value!r} must be a number above 0")
    if "memory_gb" in data and resource is None:
        raise RecipeError("limits: memory_gb cannot be watched on this system: leave it out")
    return replace(usual, **data)


def peak_gigabytes() -> float:
    """The most memory this process has held so far; 0 where the system does not say."""
    return 0.0 if resource is None else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT_BYTES / 1e9


def now() -> float:
    """Seconds on a clock that only runs forward."""
    return time.perf_counter()
