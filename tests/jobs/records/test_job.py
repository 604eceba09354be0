"""Jobs as values: one table of states, requests that nobody can change, and one word for every failure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from kiln import errors
from kiln.errors import ConflictError, InputError
from kiln.jobs.executors.failure import LaneCrashed, MemoryLimitError, StageBroken
from kiln.jobs.executors.wire import WireError
from kiln.jobs.records.failure_reason import FailureReason, reason_of
from kiln.jobs.records.job import MAX_REQUEST_BYTES, TRANSITIONS, Kind, Request, State, check_transition

ALLOWED = {
    ("queued", "running"),
    ("queued", "cancelled"),
    ("queued", "failed"),
    ("running", "queued"),
    ("running", "cancelling"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("cancelling", "cancelled"),
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
def test_the_table_is_all_there_is(before: State, after: State) -> None:
    if (before, after) in ALLOWED:
        check_transition(before, after)
    else:
        with pytest.raises(ConflictError, match=f"{before} cannot become {after}"):
            check_transition(before, after)


def test_every_state_leads_to_an_end() -> None:
    assert {state for state in State if state.terminal} == {State.SUCCEEDED, State.FAILED, State.CANCELLED}
    for state in State:
        reached, front = set(), {state}
        while front:
            reached |= front
            front = {after for before in front for after in TRANSITIONS[before]} - reached
        assert any(end.terminal for end in reached)


def test_equal_requests_have_equal_hashes() -> None:
    one = Request(recipe="prop", parameters={"a": {"x": 1, "y": [1, 2]}}, inputs={"front": "k"})
    same = Request(recipe="prop", parameters={"a": {"y": (1, 2), "x": 1}}, inputs={"front": "k"})
    assert one.sha256 == same.sha256
    others = [
        Request(recipe="prop", parameters={"a": {"x": 1.5, "y": [1, 2]}}, inputs={"front": "k"}),
        Request(recipe="prop", parameters={"a": {"x": "1", "y": [1, 2]}}, inputs={"front": "k"}),
        Request(recipe="hero", parameters={"a": {"x": 1, "y": [1, 2]}}, inputs={"front": "k"}),
        Request(recipe="prop", parameters={"a": {"x": 1, "y": [1, 2]}}, inputs={"left": "k"}),
        Request(kind=Kind.PROCESS, recipe="prop", parameters={"a": {"x": 1, "y": [1, 2]}}, inputs={"front": "k"}),
    ]
    assert len({one.sha256, *(other.sha256 for other in others)}) == 6


def test_a_request_has_a_kind() -> None:
    assert Request(recipe="prop").kind is Kind.MAKE
    read_back = Request(**Request(kind="check", recipe="").as_data())  # type: ignore[arg-type]
    assert read_back.kind is Kind.CHECK
    with pytest.raises(InputError, match="no kind of job is called 'proces': did you mean 'process'"):
        Request(kind="proces", recipe="prop")  # type: ignore[arg-type]


def test_a_request_cannot_be_changed_from_outside() -> None:
    parameters = {"simplify": {"triangles": 1}}
    request = Request(recipe="prop", parameters=parameters)
    parameters["simplify"]["triangles"] = 2
    assert request.parameters["simplify"] == {"triangles": 1}
    with pytest.raises(TypeError):
        request.parameters["bake"] = {}  # type: ignore[index]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", {1, 2}, object(), {1: "numbered"}, {"deep": [{2: 3}]}, 1j])
def test_requests_that_are_no_plain_json(value: object) -> None:
    with pytest.raises(InputError):
        Request(recipe="prop", parameters={"simplify": value})


def test_a_request_has_its_limits() -> None:
    with pytest.raises(InputError, match="upload files"):
        Request(recipe="prop", parameters={"note": "x" * MAX_REQUEST_BYTES})
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(InputError):
        Request(recipe="prop", parameters={"deep": nested})


def family(cls: type[BaseException]) -> Iterator[type[BaseException]]:
    yield cls
    for child in cls.__subclasses__():
        yield from family(child)


def made(cls: type[BaseException]) -> BaseException:
    return cls.__new__(cls, "words")


def test_every_error_of_ours_has_a_reason() -> None:
    ours = [cls for cls in family(errors.KilnError) if cls.__module__.startswith(("kiln.errors", "kiln.jobs."))]
    unforeseen = {cls.__name__ for cls in ours if reason_of(made(cls)) is FailureReason.INTERNAL}
    assert unforeseen == {"KilnError", StageBroken.__name__, WireError.__name__}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.PictureError("x"), "input"),
        (errors.TimeLimitError("x"), "timeout"),
        (errors.BackendError("x"), "backend"),
        (errors.ContractError("x"), "contract"),
        (errors.BudgetError("x"), "budget"),
        (errors.StorageError("x", kind="full"), "storage"),
        (errors.Cancelled("x"), "cancelled"),
        (LaneCrashed("x"), "crashed"),
        (MemoryLimitError("x"), "oom"),
        (MemoryError(), "oom"),
        (errors.SetupError("x"), "setup"),
        (ZeroDivisionError(), "internal"),
    ],
)
def test_reasons(error: BaseException, reason: str) -> None:
    assert reason_of(error) == reason
