"""What may go better next time is tried again, later and later; what cannot, or kills, is not."""

from __future__ import annotations

from typing import get_args

import pytest

from kiln.errors import (
    BackendError,
    Cancelled,
    ContractError,
    CutoutError,
    InputError,
    KilnError,
    PostconditionError,
    SetupError,
    StorageError,
    StorageFault,
    TimeLimitError,
)
from kiln.jobs.crew.retry import RetryPolicy, decide, delay_s
from kiln.jobs.executors.failure import LaneBusy, LaneCrashed, MemoryLimitError, StageBroken


@pytest.mark.parametrize(
    "cls",
    [
        InputError,
        CutoutError,
        SetupError,
        PostconditionError,
        ContractError,
        Cancelled,
        MemoryLimitError,
        StageBroken,
        KilnError,
        ValueError,
    ],
)
def test_what_would_fail_again_is_not_tried_again(cls: type[Exception]) -> None:
    decision = decide(cls("no"), tries=1, crashes=0, seed="j1:bake")
    assert not decision.again
    assert "no" in decision.reason


@pytest.mark.parametrize("cls", [BackendError, LaneBusy, LaneCrashed, ConnectionResetError, OSError, TimeLimitError])
def test_what_may_go_better_is(cls: type[Exception]) -> None:
    assert decide(cls("broke"), tries=1, crashes=1, seed="j1:bake").again


def test_a_store_is_asked_again_when_it_may_answer_otherwise() -> None:
    again = {kind: decide(StorageError("x", kind=kind), tries=1, crashes=0, seed="s").again for kind in get_args(StorageFault)}
    assert {kind for kind, answer in again.items() if answer} == {"unavailable", "full"}


def test_the_last_try_is_the_last() -> None:
    policy = RetryPolicy(tries=3)
    assert decide(BackendError("x"), tries=2, crashes=0, seed="s", policy=policy).again
    assert decide(BackendError("x"), tries=3, crashes=0, seed="s", policy=policy).reason == "it failed 3 times, at last with: x"
    assert not decide(TimeLimitError("x"), tries=2, crashes=0, seed="s", policy=policy).again


def test_three_crashes_are_poison() -> None:
    assert decide(LaneCrashed("x"), tries=2, crashes=2, seed="s").again
    decision = decide(LaneCrashed("x"), tries=3, crashes=3, seed="s")
    assert decision.reason == "it crashed its process 3 times and is not tried again: x"
    assert not decision.again


def test_delays_double_up_to_the_longest_and_depend_on_the_seed_alone() -> None:
    policy = RetryPolicy(first_delay_s=1.0, longest_delay_s=60.0)
    for tries in range(1, 200):
        full = min(60.0, 2.0 ** (tries - 1))
        assert full / 2 <= delay_s(tries, seed="j1", policy=policy) <= full
        assert delay_s(tries, seed="j1", policy=policy) == delay_s(tries, seed="j1", policy=policy)
    spread = {round(delay_s(9, seed=f"j{i}", policy=policy), 3) for i in range(100)}
    assert len(spread) > 90
    assert max(spread) - min(spread) > 25
