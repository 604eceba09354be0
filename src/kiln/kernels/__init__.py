"""The inner loops, compiled by numba. The only room that imports it.

A kernel is a plain function over arrays: no Mesh, no Picture, no allocation the caller could do better. It releases the GIL, so
`in_threads` gives every core a share. Compiled code is cached beside the source, so only the first run after an installation compiles;
keep signatures few (one dtype each) and avoid `parallel=True`, which triples compile time for what threads do as well.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numba

from kiln import settings

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Compile to machine code at the first call, cached on disk, without the GIL, with numpy's division by zero."""
    return numba.njit(cache=True, nogil=True, error_model="numpy")(function)  # type: ignore[return-value]


def inner(function: _Function) -> _Function:
    """Compile a part of a kernel that only other compiled functions call: without a door to Python, which saves a fifth of compile time."""
    compile_part = numba.njit(  # type: ignore[call-overload]
        cache=True, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True
    )
    return compile_part(function)


def is_cached(function: Callable[..., object]) -> bool:
    """Whether a compiled kernel's machine code lies in the cache on disk, so that calling it will not compile."""
    cache = function._cache  # type: ignore[attr-defined]  # numba offers no public way to ask
    return any(Path(cache.cache_path).glob(f"*.{function.__qualname__}-*.nbi"))


def in_threads(work: Callable[[int, int], object], count: int, *, at_least: int = 1) -> None:
    """Call `work(start, stop)` over range(count), one share a thread; shares have at least `at_least` items.

    Each share must write only its own rows, so the result does not depend on the number of threads.
    """
    shares = max(1, min(settings.threads(), count // max(1, at_least)))
    if shares == 1:
        work(0, count)
        return
    edges = [count * i // shares for i in range(shares + 1)]
    with ThreadPoolExecutor(shares) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))
