"""A process and all that descend from it: their memory, and their end. What the system does not tell is 0 or nobody."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident_bytes(root: int) -> int:
    """Memory that a process and its descendants hold, pages they share counted for each; 0 where there is no /proc."""
    if sys.platform != "linux":
        return 0
    return sum(own_bytes(pid) for pid in descend(root))


def own_bytes(pid: int) -> int:
    """Memory that a process itself holds; 0 where there is no /proc."""
    try:
        pages = (_PROC / str(pid) / "statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * _PAGE_BYTES


def descend(root: int) -> list[int]:
    """The process and all its descendants that run now; only the process itself where there is no /proc."""
    found, queue = [], [root]
    while queue:
        found.append(pid := queue.pop())
        queue += _children(pid)
    return found


def kill_tree(root: int) -> None:
    """End a process, its group and its descendants at once (SIGKILL). Whoever is gone already is passed over.

    The process must lead a group of its own. Descendants are listed before, because they are nobody's once it is gone.
    """
    if not hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.kill(root, signal.SIGTERM)  # on Windows this is TerminateProcess
        return
    others = descend(root)[1:]
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(root, signal.SIGKILL)
    for pid in others:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    """Processes that threads of this one have started."""
    found: list[int] = []
    with contextlib.suppress(OSError):  # it may end while we look
        for thread in (_PROC / str(pid) / "task").iterdir():
            found += map(int, (thread / "children").read_text(encoding="ascii").split())
    return found
