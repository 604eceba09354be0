"""What a process gives up, for good, before it reads a stranger's file: whoever takes it over finds little to take.

| layer | what it stops | where |
| --- | --- | --- |
| limits (setrlimit) | memory, processor time, large files | Linux; macOS, but for memory |
| Landlock | reading or writing other files, TCP, signals to, and looks into, other processes | Linux 5.13 and later |
| a network of its own | every connection | Linux, where user namespaces are allowed |
| audit hook | sockets and programs, as far as they are started by Python | everywhere |

Where a layer is missing the others hold. The parent's limit on time holds everywhere.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

try:
    import resource
except ImportError:  # Windows has no such module
    resource = None  # type: ignore[assignment]

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""Landlock's system calls, the same numbers on every architecture."""

_ASK_VERSION, _PATH_BENEATH = 1, 1

_READ: Final = 0b1100
"""Landlock's rights to read files and to list folders; the right to start programs is given to nobody."""

_READ_FILE, _EXECUTE = 0b100, 0b1

_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights on files a version of Landlock knows; 16 from version 5 on."""

_SYSTEM: Final = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system", "/dev/urandom")
"""What libraries look at when they are loaded or first used."""

_FORBIDDEN: Final = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "pty.")
"""Beginnings of audit events that mean a connection or another program."""


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """What a process that reads a stranger's file may use."""

    memory_bytes: int
    """Of address space. Python with all that reading needs takes 1 GiB of it."""

    cpu_s: int
    """Processor seconds, of all its threads together."""

    file_bytes: int
    """Of any one file it writes."""


def leave_network() -> None:
    """Move into a network without interfaces, where Linux allows that. To be called before there are threads."""
    if sys.platform == "linux":
        ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET)  # answers -1 where a container forbids it


def confine(limits: Confinement, *, reads: Sequence[Path], writes: Sequence[Path]) -> None:
    """Keep this process to its limits, to Python's own files, and to files in these folders. There is no way back.

    To be called while there is one thread: Landlock holds for those that are started later, not for those that run already. Raises
    OSError when the kernel has a layer but does not set it up.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        _checked(libc.prctl(_PR_SET_PDEATHSIG, *map(ctypes.c_ulong, (signal.SIGKILL, 0, 0, 0))))  # nobody waits when the parent is gone
        _restrict_files(libc, [*reads, *_own_files()], writes)
    if resource is not None:
        _limit_resources(limits)
    sys.addaudithook(_refuse_event)


def _limit_resources(limits: Confinement) -> None:
    _limit(resource.RLIMIT_FSIZE, limits.file_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, limits.cpu_s, grace=1)  # SIGXCPU, and a second later SIGKILL
    if sys.platform != "darwin":  # macOS refuses it, or does not keep it
        _limit(resource.RLIMIT_AS, limits.memory_bytes)


def _limit(what: int, most: int, *, grace: int = 0) -> None:
    """Set a limit, or leave the stricter one that there is."""
    _, hard = resource.getrlimit(what)
    room = most + grace if hard == resource.RLIM_INFINITY else min(most + grace, hard)
    resource.setrlimit(what, (min(most, room), room))


def _own_files() -> list[Path]:
    """Where Python, its libraries and Kiln lie. Not the working folder, though it may be a place for modules, too."""
    here = Path.cwd()
    places = [sys.prefix, sys.base_prefix, *sys.path, *_SYSTEM]
    return [Path(place) for place in places if place and Path(place).resolve() != here] + [Path(__file__).parent]


def _restrict_files(libc: ctypes.CDLL, reads: Sequence[Path], writes: Sequence[Path]) -> None:
    """Landlock (Linux's documentation, userspace-api/landlock): what no rule allows is forbidden."""
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:  # an older kernel, or it is switched off
        return
    rights = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    handled = struct.pack("=QQQ", rights, 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0)  # files, TCP, sockets and signals
    ruleset = _checked(libc.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0))
    try:
        for path, allowed in [*((path, _READ) for path in reads), *((path, rights & ~_EXECUTE) for path in writes)]:
            _allow(libc, ruleset, path, allowed)
        _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))))
        _checked(libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, allowed: int) -> None:
    """Rights on all that lies in a folder, or on a file; nothing where there is none."""
    with _opened(path) as place:
        if place is not None:
            rule = struct.pack("=Qi", allowed if path.is_dir() else allowed & _READ_FILE, place)
            _checked(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield place
    finally:
        os.close(place)


def _checked(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), "the process could not be confined")
    return answer


def _refuse_event(event: str, _: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"a confined process may not do {event}")
