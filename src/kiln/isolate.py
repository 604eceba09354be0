"""Runs one function in a child process under limits, so that what hangs, crashes or devours memory cannot take Kiln along.

The child is a fresh interpreter (`python -m kiln.isolate`), not a fork: forking a process that has threads deadlocks, and Windows has no
fork. It costs about 0.2 s, most of it importing numpy. The call travels as a pickle over a pipe to our own child.

There are two ways back. `run_isolated` trusts what it runs, a native library that may hang, and its answer is a pickle. `run_confined`
trusts nothing: it is for readers of files from strangers, whose bugs may hand the child over to them. The child gives up its rights before
it looks at the call's arguments, and its answer is short JSON; arrays come back through files.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any, Final

from kiln import errors
from kiln.errors import BackendError, InputError, KilnError, RefusedError, TimeLimitError

try:
    import resource
except ImportError:  # Windows has no such module: there, time is the only limit
    resource = None  # type: ignore[assignment]

_MAX_ANSWER_BYTES: Final = 1 << 20

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000

_FORBIDDEN_EVENTS: Final = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "pty.")
"""What a confined child's Python may not do, as audit events' beginnings."""


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """What a child that reads a stranger's file may use."""

    memory_bytes: int
    """Of address space."""

    cpu_s: int
    """Processor seconds, of all its threads together."""

    file_bytes: int
    """Of any one file it writes."""


def run_isolated(function: str, *args: Any, timeout_s: float, **kwargs: Any) -> Any:
    """Call `"package.module:name"` in a child process and return what it returns.

    Arguments and result must pickle. Raises TimeLimitError when the child is still busy after timeout_s seconds (it is killed),
    BackendError when it crashes, and the child's own error where that is a KilnError.
    """
    with _child(stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        out, err = _communicate(child, (None, function, args, kwargs), function, timeout_s)
    if child.returncode != 0 or not out:
        last_line = err.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise BackendError(f"{function} crashed in its own process (exit code {child.returncode}): {last_line[0]}")
    succeeded, value = pickle.loads(out)  # noqa: S301 - written by our own child
    if succeeded:
        return value
    if isinstance(value, KilnError):
        raise value
    raise BackendError(f"{function} failed: {value}")


def run_confined(function: str, *args: Any, limits: Confinement, timeout_s: float, **kwargs: Any) -> Any:
    """Call `"package.module:name"` in a child process without network, programs or more than `limits`, and return its JSON answer.

    The answer must be JSON of at most 1 MiB. Raises RefusedError (reason "effort") when the child breaks a limit, or crashes, which
    a file can make a reader do, and the child's own error where that is an InputError.
    """
    with tempfile.TemporaryFile() as answer, _child(stdout=answer, stderr=subprocess.DEVNULL, confined=True) as child:
        try:
            _communicate(child, (limits, function, args, kwargs), function, timeout_s)
        except TimeLimitError:
            raise RefusedError(f"reading it took longer than {timeout_s:g} s: give a simpler or smaller file", reason="effort") from None
        answer.seek(0)
        return _confined_answer(answer.read(_MAX_ANSWER_BYTES + 1), child.returncode, limits)


def _confined_answer(out: bytes, code: int, limits: Confinement) -> Any:
    """What the child says, taken for what it may be: anything."""
    if code == -getattr(signal, "SIGXCPU", 0):
        raise RefusedError(f"reading it took more than {limits.cpu_s} s of processor time: give a simpler or smaller file", reason="effort")
    try:
        error, value = json.loads(out) if code == 0 and len(out) <= _MAX_ANSWER_BYTES else ("", "")
    except (ValueError, RecursionError, TypeError):
        error, value = "", ""
    if error is None:
        return value
    known = getattr(errors, error, None) if isinstance(error, str) else None
    if known is RefusedError and isinstance(value, list) and len(value) == 2:
        raise RefusedError(str(value[0]), reason=str(value[1]))
    if isinstance(known, type) and issubclass(known, InputError):
        raise known(str(value))
    raise RefusedError("it made its reader crash: the file is damaged; export it again", reason="damaged")


@contextmanager
def _child(*, stdout: int | IO[bytes], stderr: int, confined: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """A child that waits for its call; whatever happens, neither it nor its children are there after the block."""
    child = subprocess.Popen(
        [sys.executable, "-m", "kiln.isolate"],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        env=_environment(confined=confined),
        start_new_session=confined,
    )
    try:
        yield child
    finally:
        if confined and sys.platform != "win32":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
        if child.poll() is None:
            child.kill()
            child.communicate()


def _environment(*, confined: bool) -> dict[str, str]:
    """The child's environment; a confined one learns no secrets from it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "SYSTEMROOT", "LANG", "NUMBA_CACHE_DIR") if name in os.environ}
    ours = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} if confined else {"OMP_NUM_THREADS": "1"}
    return (kept if confined else dict(os.environ)) | ours | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _communicate(child: subprocess.Popen[bytes], call: tuple[Any, ...], function: str, timeout_s: float) -> tuple[bytes, bytes]:
    try:
        return child.communicate(pickle.dumps(call, protocol=5), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise TimeLimitError(f"{function} was still busy after {timeout_s:g} s and was stopped") from None


def _serve() -> None:
    """The child's side: read the call from stdin, write (succeeded, result or error), or [error's name, result or words], to stdout."""
    answer_to = os.dup(1)
    os.dup2(2, 1)  # native libraries print to stdout; the answer must not be mixed with it
    limits, function, args, kwargs = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our own parent
    if limits is not None:
        _confine(limits)
    module, name = function.split(":")
    answer: tuple[bool, Any]
    try:
        answer = (True, getattr(importlib.import_module(module), name)(*args, **kwargs))
    except KilnError as error:
        answer = (False, error)
    except MemoryError:
        answer = (False, RefusedError("reading it needs more memory than is allowed: give a simpler or smaller file", reason="effort"))
    except Exception as error:  # noqa: BLE001 - whatever went wrong is reported to the parent
        answer = (False, f"{type(error).__name__}: {error}")
    with os.fdopen(answer_to, "wb") as pipe:
        pipe.write(pickle.dumps(answer, protocol=5) if limits is None else _as_json(*answer))


def _as_json(succeeded: bool, value: Any) -> bytes:
    """A confined child's answer."""
    if succeeded:
        return json.dumps([None, value], allow_nan=False).encode()
    words = [str(value), value.reason] if isinstance(value, RefusedError) else str(value)
    return json.dumps([type(value).__name__, words]).encode()


def _confine(limits: Confinement) -> None:
    """Give up, for good, what reading a file does not need."""
    _leave_network()
    if resource is not None:
        for what, most in (
            (resource.RLIMIT_AS, limits.memory_bytes),
            (resource.RLIMIT_FSIZE, limits.file_bytes),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(what, (most, most))
        resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))  # SIGXCPU at the first, SIGKILL at the second
    sys.addaudithook(_refuse_event)


def _leave_network() -> None:
    """Move into a network without interfaces, where Linux lets us; the audit hook holds elsewhere, as far as Python goes."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET)  # -1 where containers forbid it


def _refuse_event(event: str, _: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN_EVENTS):
        raise PermissionError(f"a confined reader may not do {event}")


if __name__ == "__main__":
    _serve()
