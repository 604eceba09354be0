"""One GPU, one stage: a lock on a file, which the operating system lets go of when its holder dies, however it dies.

The lane's child holds the lock, not the worker: a worker that is killed is gone at once, while its child may use the
GPU for a moment longer.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from kiln.errors import Cancelled, SetupError
from kiln.jobs.executors.failure import LaneBusy

_POLL_S: Final = 0.01
"""Between two looks at a held lock. A blocking wait could be neither cancelled nor limited."""


def usual_locks() -> Path:
    """The folder in which all workers of this user on this machine find the locks of its GPUs, whatever else they share; it is made.

    SetupError when somebody else has taken its place.
    """
    user = os.getuid() if sys.platform != "win32" else None  # there, every user has a temporary folder of their own
    folder = Path(tempfile.gettempdir()).resolve() / ("kiln" if user is None else f"kiln-{user}")
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if folder.is_symlink() or not folder.is_dir() or (user is not None and folder.stat().st_uid != user):
        raise SetupError(f"{folder} is not this user's own folder: remove it, or let KILN_GPU_LOCKS name a folder for GPUs' locks")
    return folder


@contextlib.contextmanager
def device_lock(path: Path, *, wait_s: float, is_stopped: Callable[[], bool]) -> Iterator[None]:
    """Hold the lock on this file, waiting for it up to wait_s seconds. LaneBusy after that, Cancelled when stopped meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait(handle, path, wait_s=wait_s, is_stopped=is_stopped)
        with contextlib.suppress(OSError):
            os.utime(path)  # some systems delete old files from the temporary folder: the next would lock another one
        try:
            yield
        finally:
            _unlock(handle)  # closing would not do where a forked grandchild has the same handle
    finally:
        os.close(handle)


def _wait(handle: int, path: Path, *, wait_s: float, is_stopped: Callable[[], bool]) -> None:
    give_up = time.monotonic() + wait_s
    while not _try_to_lock(handle):
        if is_stopped():
            raise Cancelled("stopped while waiting for the GPU: nothing was written")
        if time.monotonic() > give_up:
            raise LaneBusy(
                f"the GPU was in use by another process for {wait_s:g} s ({path.name}): run one worker for each GPU, or wait longer"
            )
        time.sleep(_POLL_S)


if sys.platform == "win32":
    import msvcrt

    def _try_to_lock(handle: int) -> bool:
        """Whether the lock is ours now."""
        with contextlib.suppress(OSError):
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            return True
        return False

    def _unlock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_to_lock(handle: int) -> bool:
        """Whether the lock is ours now."""
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
