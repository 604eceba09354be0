"""The inner loops, compiled by numba. The only room that imports it.

A kernel is a plain function over arrays: no Mesh, no Picture, no allocation the caller could do better. It releases the GIL, so
`in_threads` gives every core a share. Compiled code is cached beside the source, so only the first run after an installation compiles;
keep signatures few (one dtype each) and avoid `parallel=True`, which triples compile time for what threads do as well.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numba
from numba.core import caching

from kiln import settings

numba.config.OPT = type(numba.config.OPT)(2)  # type: ignore[attr-defined]  # -O2: an eighth less compile time than -O3, and no loop here is slower for it

_Function = TypeVar("_Function", bound=Callable[..., object])
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def compiled(function: _Function) -> _Function:
    """Compile to machine code at the first call, cached on disk, without the GIL, with numpy's division by zero."""
    return numba.njit(cache=True, nogil=True, error_model="numpy")(function)  # type: ignore[return-value]


def inner(function: _Function) -> _Function:
    """Compile a part of a kernel that only other compiled functions call: without a door to Python, which saves a fifth of compile time."""
    compile_part = numba.njit(  # type: ignore[call-overload]
        cache=True, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True
    )
    return compile_part(function)


def code_folder(function: Callable[..., object]) -> Path:
    """Where a compiled kernel's machine code is kept: beside its source, or in the user's cache where that may not be written."""
    return Path(function._cache.cache_path)  # type: ignore[attr-defined]  # numba offers no public way to ask


def is_cached(function: Callable[..., object]) -> bool:
    """Whether a compiled kernel's machine code lies in the cache on disk, so that calling it will not compile."""
    return any(code_folder(function).glob(f"*.{function.__qualname__}-*.nbi"))


def save_no_code() -> None:
    """From now on, what this process compiles is not written to the cache: for one that may not write there, and must not be trusted to."""
    caching.Cache.save_overload = _save_nothing  # type: ignore[method-assign]  # numba reads a cache or writes it, but offers no way between


def _save_nothing(*_: object) -> None:
    """Stands where numba's writer stood."""


def in_threads(work: Callable[[int, int], object], count: int, *, at_least: int = 1) -> None:
    """Call `work(start, stop)` over range(count), one share a thread; shares have at least `at_least` items.

    Each share must write only its own rows, so the result does not depend on the number of threads.
    """
    shares = max(1, min(settings.threads(), count // max(1, at_least)))
    edges = [count * i // shares for i in range(shares + 1)]
    map_in_threads(lambda share: work(*share), list(pairwise(edges)))


def map_in_threads(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """`[work(item) for item in items]`, on as many cores as there are. Within a thread of its own it just loops.

    So what is split at the top is not split again below, and may go through numpy on every core: of a bake's slabs each thread takes one
    after the other, instead of all threads sharing each slab's rays and one doing its numpy (2.3 s -> 1.7 s on two cores).
    """
    count = min(settings.threads(), len(items))
    if count < 2 or getattr(_worker, "is_one", False):
        return [work(item) for item in items]
    return list(_pool(settings.threads()).map(work, items))


_worker = threading.local()


def _mark_worker() -> None:
    _worker.is_one = True


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """One pool for all: starting threads anew for every loop took 0.1 s of a bake."""
    return ThreadPoolExecutor(threads, thread_name_prefix="kiln", initializer=_mark_worker)
