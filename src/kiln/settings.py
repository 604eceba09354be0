"""The only reader of the environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path


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


def database_url() -> str | None:
    """Where jobs are kept: KILN_DATABASE_URL, as sqlite:///path or postgresql://...; None for a file of the service's own.

    It may hold a password: never show it.
    """
    return os.environ.get("KILN_DATABASE_URL") or None


def one_blas_thread() -> None:
    """Have BLAS work in one thread, unless the user says otherwise; it counts only before numpy is loaded.

    Kiln shares its work out over the cores itself, and BLAS's own threads spin while they wait for more: with one of them, `kiln make`
    takes a tenth less processor time.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


_LANE_NEEDS = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",
    "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "TORCH_HOME", "NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS",
    "KILN_BACKENDS", "CUDA_HOME", "CUDA_PATH", "CUDA_DEVICE_ORDER", "PYTORCH_CUDA_ALLOC_CONF",
)  # fmt: skip
"""What a stage in a process of its own may know: where programs, libraries, models and caches lie; no keys, no addresses."""

_LANE_NEEDS_FAMILIES = ("LC_", "OMP_", "OPENBLAS_", "MKL_", "NVIDIA_")


def lane_environment() -> dict[str, str]:
    """What of this process' environment a lane's child gets: the names above, and nothing else."""
    return {name: value for name, value in os.environ.items() if name.upper() in _LANE_NEEDS or name.startswith(_LANE_NEEDS_FAMILIES)}


def store_url() -> str:
    """Where bytes are kept that outlive a run: KILN_STORE, a folder or s3://bucket/prefix; else the folder data/store."""
    return os.environ.get("KILN_STORE") or "data/store"


def public_url() -> str | None:
    """The address at which others reach this service's files, or the bucket's public folder: KILN_PUBLIC_URL."""
    return os.environ.get("KILN_PUBLIC_URL") or None


def s3_endpoint() -> str | None:
    """The S3-compatible server to use in place of Amazon's: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def cache_folder() -> Path | None:
    """Where stages' results are kept for later runs: KILN_CACHE; else the user's cache folder. None, for nowhere, where it says off."""
    asked = os.environ.get("KILN_CACHE", "")
    if asked:
        return None if asked.lower() == "off" else Path(asked)
    try:
        return _user_caches() / "kiln" / "stages"
    except RuntimeError:  # this user has no home
        return None


def cache_limit_bytes() -> int:
    """How much that folder may hold: KILN_CACHE_GB, or 4 GB, which are some 60 assets with maps of 2048 texels."""
    try:
        asked = int(float(os.environ.get("KILN_CACHE_GB", "4")) * 1e9)
    except (ValueError, OverflowError):
        asked = 0
    return asked if asked > 0 else 4 * 10**9


def _user_caches() -> Path:
    """The folder in which programs keep what can be made again, as each system has it. RuntimeError when there is no home."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    asked = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    return Path(asked) if asked else Path.home() / (".cache" if sys.platform != "win32" else "AppData/Local")
