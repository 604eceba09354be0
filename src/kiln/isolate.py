"""Runs one function in a child process under a time limit, so that a native library that hangs or crashes cannot take Kiln along.

The child is a fresh interpreter (`python -m kiln.isolate`), not a fork: forking a process that has threads deadlocks, and Windows has no
fork. It costs about 0.2 s, most of it importing numpy. Arguments and result travel as pickles over pipes between our own two processes.
"""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
from typing import Any

from kiln.errors import BackendError, KilnError, TimeLimitError


def run_isolated(function: str, *args: Any, timeout_s: float, **kwargs: Any) -> Any:
    """Call `"package.module:name"` in a child process and return what it returns.

    Arguments and result must pickle. Raises TimeLimitError when the child is still busy after timeout_s seconds (it is killed),
    BackendError when it crashes, and the child's own error where that is a KilnError.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    child = subprocess.Popen(
        [sys.executable, "-m", "kiln.isolate"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    try:
        out, err = child.communicate(pickle.dumps((function, args, kwargs), protocol=5), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise TimeLimitError(f"{function} was still busy after {timeout_s:g} s and was stopped") from None
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
    if child.returncode != 0 or not out:
        last_line = err.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise BackendError(f"{function} crashed in its own process (exit code {child.returncode}): {last_line[0]}")
    succeeded, value = pickle.loads(out)  # noqa: S301 - written by our own child
    if succeeded:
        return value
    if isinstance(value, KilnError):
        raise value
    raise BackendError(f"{function} failed: {value}")


def _serve() -> None:
    """The child's side: read the call from stdin, write (succeeded, result or error) to stdout."""
    answer_to = os.dup(1)
    os.dup2(2, 1)  # native libraries print to stdout; the answer must not be mixed with it
    function, args, kwargs = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our own parent
    module, name = function.split(":")
    answer: tuple[bool, Any]
    try:
        answer = (True, getattr(importlib.import_module(module), name)(*args, **kwargs))
    except KilnError as error:
        answer = (False, error)
    except Exception as error:  # noqa: BLE001 - whatever went wrong is reported to the parent
        answer = (False, f"{type(error).__name__}: {error}")
    with os.fdopen(answer_to, "wb") as pipe:
        pickle.dump(answer, pipe, protocol=5)


if __name__ == "__main__":
    _serve()
