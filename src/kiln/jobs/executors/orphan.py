"""No lane outlives its worker: what a child does so that it, and the processes it started, end when its parent is gone."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def end_with(parent: int) -> None:
    """Have the system end this process a second after its parent has died, even if native code never looks up again (Linux only).

    It is the second line: the first is `end_at_once`, when the pipe from the parent is closed, which takes grandchildren along. A death
    signal that killed at once would win that race and leave them behind; so it starts a clock (alarm, whose argument is the number of the
    signal, 1 for SIGHUP), and the end of the clock kills. Both need neither Python nor its lock.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.signal.argtypes, libc.signal.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    libc.signal(int(signal.SIGHUP), ctypes.cast(libc.alarm, ctypes.c_void_p))
    libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGHUP))
    if os.getppid() != parent:  # it died before the system was asked to tell
        end_at_once()


def end_at_once() -> None:
    """End this process and its group, without any tidying."""
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
