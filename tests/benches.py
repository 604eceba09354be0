"""Every kind of executor, ready for the same tests: on this machine, on a real Ray, and on Modal's shape over real lanes."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fake_modal import Cloud
from kiln.jobs.executors.call_book import StoredCallBook
from kiln.jobs.executors.interface import StageCall, StageExecutor, StageResult
from kiln.jobs.executors.local import LocalExecutor
from kiln.jobs.executors.modal_cloud import ModalExecutor
from kiln.storage import open_store
from lanes import a_call, a_setup, run

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install kiln3d[ray]")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """An executor, and the folder its lanes store in."""

    executor: StageExecutor
    store: Path

    def run(self, call: StageCall, **more: Any) -> StageResult:
        return run(self.executor, call, **more)

    def value(self, result: StageResult, name: str) -> Any:
        return json.loads((self.store / result.outputs[name].key).read_text(encoding="utf-8"))

    def child(self) -> int:
        """The process in which stages run now."""
        return int(self.value(self.run(a_call("sleep")), "pid"))


@contextmanager
def local(folder: Path, *, lanes: int = 1) -> Iterator[Bench]:
    with LocalExecutor(a_setup(folder), data=folder, cpu_lanes=lanes) as executor:
        yield Bench(executor=executor, store=folder / "store")


@contextmanager
def ray(folder: Path, *, lanes: int = 1) -> Iterator[Bench]:
    from kiln.jobs.executors.ray_cluster import RayExecutor

    with RayExecutor(a_setup(folder), data=folder, cpu_lanes=lanes) as executor:
        yield Bench(executor=executor, store=folder / "store")


@contextmanager
def modal(folder: Path, *, lanes: int = 1) -> Iterator[Bench]:
    cloud = Cloud(a_setup(folder), folder)
    book = StoredCallBook(open_store(str(folder / "book")))
    try:
        with ModalExecutor(cloud.package(), book=book, cpu_lanes=lanes, gpu_lanes=0) as executor:
            yield Bench(executor=executor, store=folder / "store")
    finally:
        cloud.close()


BENCHES: Mapping[str, Callable[..., AbstractContextManager[Bench]]] = {"local": local, "ray": ray, "modal": modal}
KINDS = ["local", pytest.param("ray", marks=[needs_ray, pytest.mark.long]), pytest.param("modal", marks=pytest.mark.long)]
