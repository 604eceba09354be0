"""An error crosses a pipe as names and words, and is the same on the other side."""

from __future__ import annotations

import errno
import json
import signal

import pytest

from kiln import errors
from kiln.asset import Line, Verdict
from kiln.jobs.crew.retry import decide
from kiln.jobs.executors.failure import LaneCrashed, MemoryLimitError, StageBroken, as_data, crash_message, from_data


def cross(error: BaseException) -> errors.KilnError:
    return from_data(json.loads(json.dumps(as_data(error, stage="bake"))))


def family(cls: type[errors.KilnError]) -> list[type[errors.KilnError]]:
    return [cls, *(one for child in cls.__subclasses__() if child.__module__.startswith("kiln.") for one in family(child))]


@pytest.mark.parametrize("cls", family(errors.KilnError))
def test_every_error_of_ours_stays_what_it_is(cls: type[errors.KilnError]) -> None:
    here = cls.__new__(cls, "what is wrong, and its cure")
    vars(here).update({"reason": "because", "verdict": None})
    there = cross(here)
    assert type(there) is cls
    assert vars(there) == vars(here)
    assert str(there) == "what is wrong, and its cure"
    assert there.exit_code == cls.exit_code


def test_a_class_that_is_unknown_here_becomes_the_nearest_that_is_known() -> None:
    data = {"family": ["plugin:Odd", "kiln.errors:PictureError", "kiln.errors:InputError"], "words": "x", "facts": {}, "verdict": None}
    assert type(from_data(data)) is errors.PictureError
    assert type(from_data(data | {"family": ["os:system", "builtins:SystemExit"]})) is errors.KilnError


def test_a_contract_error_keeps_its_verdict() -> None:
    line = Line(key="triangles", limit="<= 10", value=11, passed=False)
    verdict = Verdict(contract="tiny", lines=(line,), attempts=("fewer",))
    there = cross(errors.ContractError("x", verdict=verdict))
    assert isinstance(there, errors.ContractError)
    assert there.verdict == verdict


def test_foreign_errors_are_named_or_sorted() -> None:
    class OutOfMemoryError(RuntimeError):
        """As torch has it."""

    assert type(cross(MemoryError())) is MemoryLimitError
    assert type(cross(OutOfMemoryError("CUDA"))) is MemoryLimitError
    broken = cross(ZeroDivisionError("division"))
    assert type(broken) is StageBroken
    assert str(broken).startswith("bake failed unexpectedly: ZeroDivisionError: division; please report")


def test_a_full_disk_is_nobodys_bug_and_may_pass() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    wrapped = errors.SetupError("the package was not written")
    wrapped.__cause__ = full
    for error in (full, wrapped):
        there = cross(error)
        assert isinstance(there, errors.StorageError)
        assert there.kind == "full"
        assert decide(there, tries=1, crashes=0, seed="x").again


def test_a_crash_tells_how() -> None:
    assert "was killed by SIGSEGV; its last words: oh" in crash_message("bake", -11, "oh")
    assert "was killed by SIGKILL, as the system does when memory runs out" in crash_message("bake", -9, "")
    assert "was lost" in crash_message("bake", None, "")
    assert "was killed by signal 40" in crash_message("bake", -40, "")
    assert LaneCrashed("x", ended_with=-9).signal == signal.SIGKILL
    assert LaneCrashed("x", ended_with=1).signal is None
