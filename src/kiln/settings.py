"""The only reader of the environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from kiln.errors import SetupError


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

    It may hold a password: never show it. SetupError when KILN_DATABASE_URL_FILE names a file that cannot be read.
    """
    return _secret("KILN_DATABASE_URL")


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


def ray_address() -> str | None:
    """The Ray cluster's address, in Ray's own variable: RAY_ADDRESS; None where nobody says."""
    return os.environ.get("RAY_ADDRESS") or None


def has_ray_token() -> bool:
    """Whether this process asks Ray clusters for a token, and shows one: RAY_AUTH_MODE=token."""
    return os.environ.get("RAY_AUTH_MODE", "").lower() == "token"


def hush_ray() -> None:
    """Have Ray report nothing of its use to its makers, unless the user says otherwise."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


def s3_credentials() -> dict[str, str]:
    """Keys for the object store that lie in files, as obstore names them; those in the environment itself are found without this.

    SetupError when AWS_ACCESS_KEY_ID_FILE or AWS_SECRET_ACCESS_KEY_FILE names a file that cannot be read.
    """
    names = {"access_key_id": "AWS_ACCESS_KEY_ID", "secret_access_key": "AWS_SECRET_ACCESS_KEY"}
    found = {option: _secret(name) for option, name in names.items() if os.environ.get(f"{name}_FILE")}
    return {option: value for option, value in found.items() if value is not None}


def sends_traces() -> bool:
    """Whether OpenTelemetry's own variables name an address for traces, and do not switch it off."""
    named = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    is_off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER", "").lower() == "none"
    return bool(named) and not is_off


def _secret(name: str) -> str | None:
    """A variable that holds a secret, or what is in the file that NAME_FILE names, as containers are given secrets; None where nobody says.

    SetupError when the file cannot be read.
    """
    file = os.environ.get(f"{name}_FILE")
    if os.environ.get(name) or not file:
        return os.environ.get(name) or None
    try:
        return Path(file).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeError):
        raise SetupError(f"{name}_FILE names {file}, which cannot be read: check its place and who may read it") from None


def chosen_store_url() -> str | None:
    """Where bytes are kept that outlive a run: KILN_STORE, a folder or s3://bucket/prefix; None where nobody says."""
    return os.environ.get("KILN_STORE") or None


def store_url() -> str:
    """KILN_STORE, else the folder data/store."""
    return chosen_store_url() or "data/store"


def store_environment() -> dict[str, str]:
    """What opens an S3-compatible store: the AWS_ variables. They hold secrets: only for processes that use the store."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def server_url() -> str | None:
    """The Kiln service that commands are to work on: KILN_SERVER, as http://host:8600; None for none."""
    return os.environ.get("KILN_SERVER") or None


def api_key() -> str | None:
    """The key that opens that service: KILN_API_KEY. Never show it."""
    return _secret("KILN_API_KEY")


def public_url() -> str | None:
    """The address at which others reach this service's files, or the bucket's public folder: KILN_PUBLIC_URL."""
    return os.environ.get("KILN_PUBLIC_URL") or None


def webhook_hosts() -> frozenset[str]:
    """Hosts inside the operator's network that webhooks may go to: KILN_WEBHOOK_HOSTS, as hooks.studio.example,10.1.2.3:8443."""
    return frozenset(name.strip().lower() for name in os.environ.get("KILN_WEBHOOK_HOSTS", "").split(",") if name.strip())


def prices_file() -> Path | None:
    """What backends cost, the same for every process of a service: KILN_PRICES, a TOML file; None for the data folder's own."""
    asked = os.environ.get("KILN_PRICES")
    return Path(asked) if asked else None


def chosen_gpu_locks() -> Path | None:
    """The folder of GPUs' lock files, the same for all workers that share a GPU: KILN_GPU_LOCKS; None where nobody says."""
    asked = os.environ.get("KILN_GPU_LOCKS")
    return Path(asked) if asked else None


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


def kept(what: str) -> str:
    """How long or how much is kept of something, as written: KILN_KEEP_UPLOADS_DAYS, KILN_KEEP_STAGES_GB and so on; "" for nothing."""
    return os.environ.get(f"KILN_KEEP_{what}", "").strip()
