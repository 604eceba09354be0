"""What a lane's child asks and sets of its own memory. Where the system has no such thing, nothing happens and the answer is 0."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kiln.jobs.executors import process_tree

try:
    import resource
except ImportError:  # Windows has no such module
    resource = None  # type: ignore[assignment]

_SELF: Final = Path("/proc/self")
_MAXRSS_BYTES: Final = 1 if sys.platform == "darwin" else 1024
_FORGET_PEAK: Final = "5"
"""What the kernel's documentation of /proc/pid/clear_refs says resets the peak of resident memory."""

_OOM_SCORE: Final = "500"
"""As if it held half of the machine's memory more than it does."""


def no_core_dump() -> None:
    """Die without writing gigabytes to the disk."""
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def die_before_the_worker() -> None:
    """Have Linux choose this process, not the worker, when the machine runs out of memory."""
    with contextlib.suppress(OSError):
        (_SELF / "oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")


@contextlib.contextmanager
def address_space(most_bytes: int | None) -> Iterator[None]:
    """Let allocations fail beyond this much address space, while it lasts."""
    if resource is None or most_bytes is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes if hard == resource.RLIM_INFINITY else min(most_bytes, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def resident_bytes() -> int:
    """Memory this process and its children hold now."""
    return process_tree.resident_bytes(os.getpid())


def forget_peak() -> None:
    """Have the peak counted from now on."""
    with contextlib.suppress(OSError):
        (_SELF / "clear_refs").write_text(_FORGET_PEAK, encoding="ascii")


def peak_bytes() -> int:
    """The most memory this process has held: since forget_peak on Linux, in its life elsewhere."""
    with contextlib.suppress(OSError):
        for line in (_SELF / "status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0 if resource is None else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES
