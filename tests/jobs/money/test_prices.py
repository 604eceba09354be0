"""Prices are whole micro-dollars, known before a run."""

from __future__ import annotations

import pytest

from kiln.errors import InputError
from kiln.jobs.money.prices import Charge, Rate, Work, charges_for, read_rates

RATES = read_rates({"sam3d": {"microdollars_per_gpu_second": 700}, "hosted": {"microdollars_per_call": 250_000}})


def test_rates_are_data() -> None:
    assert {"sam3d": Rate(microdollars_per_gpu_second=700), "hosted": Rate(microdollars_per_call=250_000)} == RATES


def test_work_has_a_price() -> None:
    work = [Work(item="sam3d", gpu_ms=30_000), Work(item="hosted", calls=2), Work(item="cpu", gpu_ms=0)]
    assert charges_for(work, rates=RATES) == (
        Charge(item="cpu", microdollars=0),
        Charge(item="hosted", microdollars=500_000),
        Charge(item="sam3d", microdollars=21_000, gpu_ms=30_000),
    )


def test_parts_are_added_before_they_are_rounded_up() -> None:
    assert charges_for([Work(item="sam3d", gpu_ms=1)] * 3, rates=RATES) == (Charge(item="sam3d", microdollars=3, gpu_ms=3),)
    assert charges_for([Work(item="sam3d", gpu_ms=10)], rates=RATES)[0].microdollars == 7


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"microdollars_per_call": 0.5}, "whole number"),
        ({"microdollars_per_call": True}, "whole number"),
        ({"microdollars_per_call": -1}, "whole number"),
        ({"microdollars_per_cal": 1}, "did you mean 'microdollars_per_call'"),
    ],
)
def test_prices_that_are_refused(entry: dict[str, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_rates({"sam3d": entry})


def test_charges_are_never_negative() -> None:
    with pytest.raises(InputError, match="negative"):
        Charge(item="sam3d", microdollars=-1)
