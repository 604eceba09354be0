"""The fake Modal has the real one's shape; and, where somebody says so, the real one runs a stage."""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from typing import Any

import pytest

import fake_modal
from fake_modal import Cloud
from kiln.storage import open_store
from lanes import a_call, a_setup, run

modal = pytest.importorskip("modal", reason="Modal is not installed: pip install kiln3d[modal]")

METHODS = [
    ("Function", "from_name"),
    ("Function", "spawn"),
    ("FunctionCall", "from_id"),
    ("FunctionCall", "get"),
    ("FunctionCall", "cancel"),
    ("Queue", "from_name"),
    ("Queue", "get_many"),
    ("Queue", "put"),
]


def shape(method: Any) -> list[tuple[str, str, Any]]:
    """Names, kinds and defaults of what a caller may give."""
    parameters = [one for one in inspect.signature(method).parameters.values() if one.name not in {"self", "cls"}]
    return [(one.name, one.kind.name, one.default) for one in parameters]


@pytest.mark.parametrize(("cls", "method"), METHODS)
def test_every_method_takes_what_the_real_one_takes(cls: str, method: str, tmp_path: Path) -> None:
    fake = Cloud(a_setup(tmp_path), tmp_path).package()
    assert shape(getattr(getattr(fake, cls), method)) == shape(getattr(getattr(modal, cls), method))


def family(cls: type[BaseException]) -> list[str]:
    """The names of what a handler may catch it by, those apart that only Modal's plumbing has."""
    plumbing = {"_GRPCErrorWrapper", "GRPCError"}
    return [one.__name__ for one in cls.__mro__ if one.__name__ not in plumbing]


@pytest.mark.parametrize("name", sorted(vars(fake_modal.exception)))
def test_every_error_is_of_the_real_ones_family(name: str) -> None:
    assert family(getattr(fake_modal.exception, name)) == family(getattr(modal.exception, name))


def test_a_call_that_runs_on_raises_the_builtin_timeout() -> None:
    """Modal's own TimeoutError is another class, of which only failures are."""
    assert not issubclass(modal.exception.TimeoutError, TimeoutError)
    polling = sys.modules["modal._functions"]
    assert "raise TimeoutError()" in inspect.getsource(polling)
    assert not hasattr(polling, "TimeoutError")


@pytest.mark.long
@pytest.mark.skipif("KILN_TEST_MODAL_APP" not in os.environ, reason="set KILN_TEST_MODAL_APP to a deployed app, and a token, to pay for it")
def test_a_deployed_app_answers() -> None:
    from kiln.jobs.executors.call_book import StoredCallBook
    from kiln.jobs.executors.modal_cloud import ModalExecutor

    book = StoredCallBook(open_store("memory://"))
    with (
        ModalExecutor(modal, book=book, app=os.environ["KILN_TEST_MODAL_APP"], cpu_lanes=1) as executor,
        pytest.raises(Exception, match="no_such"),
    ):
        run(executor, a_call("no_such_stage"))
