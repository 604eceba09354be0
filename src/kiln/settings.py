"""The only reader of the environment."""

from __future__ import annotations

import os


def threads() -> int:
    """How many threads Kiln may use: KILN_THREADS, or the cores this process may run on."""
    asked = os.environ.get("KILN_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):  # Linux: respects containers and taskset; macOS and Windows have no such call
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def allowed_backends() -> frozenset[str] | None:
    """Names of the backends that may load: KILN_BACKENDS, comma-separated; None means all. For finding a bad plugin."""
    asked = os.environ.get("KILN_BACKENDS")
    return None if asked is None else frozenset(name.strip() for name in asked.split(",") if name.strip())


def one_blas_thread() -> None:
    """Have BLAS work in one thread, unless the user says otherwise; it counts only before numpy is loaded.

    Kiln shares its work out over the cores itself, and BLAS's own threads spin while they wait for more: with one of them, `kiln make`
    takes a tenth less processor time.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
