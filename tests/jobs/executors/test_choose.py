"""Executors by name: the right one, or what to do about it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kiln.errors import InputError, SetupError
from kiln.jobs.executors.choose import EXECUTORS, Workplace, executor_from
from kiln.jobs.executors.local import LocalExecutor
from kiln.jobs.executors.modal_cloud import ModalExecutor
from kiln.storage import open_store
from lanes import a_setup


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(setup=a_setup(tmp_path), data=tmp_path, store=open_store("memory://"), cpu_lanes=2, gpus=["0"])


def test_the_named_executor_is_made(place: Workplace) -> None:
    assert EXECUTORS == ("local", "ray", "modal")
    executor = executor_from("local", place)
    assert isinstance(executor, LocalExecutor)
    assert [len(pool.lanes) for pool in executor.pools.values()] == [2, 1]
    executor.close()


def test_modal_needs_no_connection_to_be_made(place: Workplace) -> None:
    pytest.importorskip("modal", reason="Modal is not installed: pip install kiln3d[modal]")
    executor = executor_from("modal", place)
    assert isinstance(executor, ModalExecutor)
    executor.close()


@pytest.mark.parametrize("name", ["ray", "modal"])
def test_a_missing_extra_is_named(place: Workplace, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SetupError, match=rf"pip install 'kiln3d\[{name}\]'"):
        executor_from(name, place)


def test_an_unknown_name_is_answered_with_the_nearest(place: Workplace) -> None:
    with pytest.raises(InputError, match="did you mean 'modal'"):
        executor_from("modul", place)
