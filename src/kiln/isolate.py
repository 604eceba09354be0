"""Runs one function in a child process under limits, so that what hangs, crashes or devours memory cannot take Kiln along.

The child is a fresh interpreter (`python -m kiln.isolate`), not a fork: forking a process that has threads deadlocks, and Windows has no
fork. It costs about 0.2 s, most of it importing numpy. The call travels as a pickle over a pipe to our own child.

There are two ways back. `run_isolated` trusts what it runs, a native library that may hang, and its answer is a pickle. `run_confined`
does not: it is for readers of strangers' files, whose bugs may hand the child over to the stranger. Such a child loads its code, gives up
its rights (see `confinement`), and only then looks at the file; its answer is short JSON, and arrays come back through files.
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Final, get_args

from kiln import errors
from kiln.confinement import Confinement, confine, leave_network
from kiln.errors import BackendError, InputError, KilnError, RefusalReason, RefusedError, SetupError, TimeLimitError, is_disk_full

_MAX_ANSWER_BYTES: Final = 1 << 20
_MAX_WORDS: Final = 1000
"""Characters of an error's message."""

_TOO_MUCH: Final = "reading it takes more time or memory than is allowed: give a simpler or smaller file"
_FULL: Final = "the disk is full: free some space, and try again"
_CRASHED: Final = "it made its reader crash: the file is damaged; export it again"

_KILLED: Final = tuple(-number for name in ("SIGXCPU", "SIGKILL") if (number := getattr(signal, name, 0)))
"""How a child ends that used too much processor time, or, where the system ran short, memory."""

_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "NUMBA_CACHE_DIR")
"""What a confined child may know of the environment."""


@dataclass(frozen=True, kw_only=True)
class _Rights:
    """What a confined child is left with."""

    limits: Confinement
    reads: tuple[Path, ...]
    writes: tuple[Path, ...]


def run_isolated(function: str, *args: Any, timeout_s: float, **kwargs: Any) -> Any:
    """Call `"package.module:name"` in a child process and return what it returns.

    Arguments and result must pickle. Raises TimeLimitError when the child is still busy after timeout_s seconds (it is killed),
    BackendError when it crashes, and the child's own error where that is a KilnError.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": _python_path()}
    with _child(environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        out, err = _communicate(child, (None, function, args, kwargs), function, timeout_s)
    if child.returncode != 0 or not out:
        raise BackendError(f"{function} crashed in its own process (exit code {child.returncode}): {_last_line(err)}")
    succeeded, value = pickle.loads(out)  # noqa: S301 - written by our own child
    if succeeded:
        return value
    if isinstance(value, KilnError):
        raise value
    raise BackendError(f"{function} failed: {value}")


def run_confined(
    function: str, *args: Any, limits: Confinement, timeout_s: float, reads: Sequence[Path], writes: Sequence[Path] = (), **kwargs: Any
) -> Any:
    """Call `"package.module:name"` in a child process that cannot do more than `limits`, and return its answer: JSON of 1 MiB at most.

    It has no network, starts no programs, and opens only files in the folders `reads` and `writes`, in Python's own, and in those that
    the module lists as its `READS`. What the module imports at its top is loaded before.

    Raises RefusedError ("effort") when the child breaks a limit, RefusedError ("damaged") when it crashes, which a file can make a reader
    do, and the child's own error where that is an InputError or SetupError (a full disk).
    """
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": _python_path(), "PYTHONSAFEPATH": "1"}
    rights = _Rights(limits=limits, reads=tuple(reads), writes=tuple(writes))
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as said:
        with _child(environment, stdout=answer, stderr=said, leads=True) as child:
            try:
                _communicate(child, (rights, function, args, kwargs), function, timeout_s)
            except TimeLimitError:
                raise RefusedError(_TOO_MUCH, reason="effort") from None
        for file in (answer, said):
            file.seek(0)
        return _confined_answer(child.returncode, answer.read(_MAX_ANSWER_BYTES + 1), said.read(_MAX_ANSWER_BYTES))


def _confined_answer(code: int, out: bytes, err: bytes) -> Any:
    """What the child says, taken for what it may be: anything."""
    if code in _KILLED:
        raise RefusedError(_TOO_MUCH, reason="effort")
    try:
        answer = json.loads(out) if code == 0 and len(out) <= _MAX_ANSWER_BYTES else None
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise _crashed(f"exit code {code}: {_last_line(err)}")
    if "error" not in answer:
        return answer.get("value")
    raise _error(answer)


def _error(answer: dict[str, Any]) -> InputError | SetupError:
    """The error that a child tells of, if it is the file's fault, or the disk's; its words are only words."""
    words = "".join(letter for letter in str(answer.get("words"))[:_MAX_WORDS] if letter.isprintable())
    reason: Any = answer.get("reason")
    known = getattr(errors, str(answer["error"]), None)
    if known is RefusedError and reason in get_args(RefusalReason):
        return RefusedError(words, reason=reason)
    if known is not RefusedError and isinstance(known, type) and issubclass(known, (InputError, SetupError)):
        return known(words)
    return _crashed(words)


def _crashed(why: str) -> RefusedError:
    """The sender learns that the file is bad; why it is lies in a note, for whoever reads the log."""
    error = RefusedError(_CRASHED, reason="damaged")
    error.add_note(why)
    return error


def _last_line(err: bytes) -> str:
    return next(reversed(err.decode(errors="replace").strip().splitlines()), "no message")


def _python_path() -> str:
    return os.pathsep.join(filter(None, sys.path))


@contextmanager
def _child(
    environment: dict[str, str], *, stdout: int | IO[bytes], stderr: int | IO[bytes], leads: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """A child that waits for its call. After the block it is gone, and whatever it started, too, if it leads a session of its own."""
    child = subprocess.Popen(
        [sys.executable, "-m", "kiln.isolate"],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        env=environment,
        start_new_session=leads,
    )
    try:
        yield child
    finally:
        if leads and sys.platform != "win32":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
        if child.poll() is None:
            child.kill()
            child.communicate()


def _communicate(child: subprocess.Popen[bytes], call: tuple[Any, ...], function: str, timeout_s: float) -> tuple[bytes, bytes]:
    try:
        return child.communicate(pickle.dumps(call, protocol=5), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise TimeLimitError(f"{function} was still busy after {timeout_s:g} s and was stopped") from None


def _serve() -> None:
    """The child's side: read the call from stdin, write the answer to stdout."""
    answer_to = os.dup(1)
    os.dup2(2, 1)  # native libraries print to stdout; the answer must not be mixed with it
    rights, function, args, kwargs = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our own parent
    answer = _trusted(function, args, kwargs) if rights is None else _confined(rights, function, args, kwargs)
    with os.fdopen(answer_to, "wb") as pipe:
        pipe.write(answer)


def _trusted(function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """A pickle of (succeeded, result or error)."""
    answer: tuple[bool, Any]
    try:
        answer = (True, _loaded(function)[1](*args, **kwargs))
    except KilnError as error:
        answer = (False, error)
    except Exception as error:  # noqa: BLE001 - whatever went wrong is reported to the parent
        answer = (False, f"{type(error).__name__}: {error}")
    return pickle.dumps(answer, protocol=5)


def _confined(rights: _Rights, function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """JSON with the value, or with an error's name and words."""
    leave_network()
    module, call = _loaded(function)
    own = getattr(module, "READS", ())
    confine(rights.limits, reads=(*rights.reads, *own), writes=rights.writes)
    answer: dict[str, Any]
    try:
        answer = {"value": call(*args, **kwargs)}
    except RefusedError as error:
        answer = {"error": "RefusedError", "words": str(error), "reason": error.reason}
    except MemoryError:
        answer = {"error": "RefusedError", "words": _TOO_MUCH, "reason": "effort"}
    except Exception as error:  # noqa: BLE001 - whatever went wrong is reported to the parent
        full = is_disk_full(error)
        answer = {"error": "SetupError" if full else type(error).__name__, "words": _FULL if full else str(error)}
    return json.dumps(answer).encode()


def _loaded(function: str) -> tuple[ModuleType, Any]:
    """The module, and the function in it."""
    name, _, attribute = function.partition(":")
    module = importlib.import_module(name)
    return module, getattr(module, attribute)


if __name__ == "__main__":
    _serve()
