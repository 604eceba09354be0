"""What work costs: prices are data, and a job's price is known before it runs. Whole micro-dollars and milliseconds only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Final

from kiln.backends.card import Card
from kiln.errors import InputError, did_you_mean

MICRODOLLARS_PER_DOLLAR = 1_000_000

USUAL_GPU_SECONDS: Final = 60.0
"""Held for a call whose card names no time: hosted generators and open ones on one current GPU take 5 s to 3 min."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """The price of one backend, in micro-dollars."""

    microdollars_per_gpu_second: int = 0
    microdollars_per_call: int = 0
    """Of a hosted backend that asks a price for each result."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What one backend is expected to do for a job, or did."""

    item: str
    """The backend's name."""

    gpu_ms: int = 0
    calls: int = 0


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What one backend costs a job."""

    item: str
    microdollars: int
    gpu_ms: int = 0

    def __post_init__(self) -> None:
        if self.microdollars < 0 or self.gpu_ms < 0:
            raise InputError(f"a charge for {self.item} is negative: what is given back is settled or released, never charged")


def expected_work(card: Card, *, calls: int) -> Work:
    """What a backend is expected to do in so many calls, before it has done any."""
    seconds = (card.gpu_seconds or USUAL_GPU_SECONDS) if card.needs_gpu else 0.0
    return Work(item=card.name, gpu_ms=calls * round(1000 * seconds), calls=calls)


def charges_for(work: Iterable[Work], *, rates: Mapping[str, Rate]) -> tuple[Charge, ...]:
    """The price of some work, each backend once, by name; parts of a micro-dollar are rounded up. A backend without a rate is free."""
    total: dict[str, Work] = {}
    for part in work:
        before = total.get(part.item, Work(item=part.item))
        total[part.item] = Work(item=part.item, gpu_ms=before.gpu_ms + part.gpu_ms, calls=before.calls + part.calls)
    return tuple(_charge(total[item], rates.get(item, Rate())) for item in sorted(total))


def _charge(work: Work, rate: Rate) -> Charge:
    by_time = -(-work.gpu_ms * rate.microdollars_per_gpu_second // 1000)
    return Charge(item=work.item, microdollars=by_time + work.calls * rate.microdollars_per_call, gpu_ms=work.gpu_ms)


def read_rates(data: Mapping[str, Mapping[str, int]]) -> dict[str, Rate]:
    """Rates by backend from plain data, such as a TOML file's tables. InputError names what is unknown, negative or no whole number."""
    known = [field.name for field in fields(Rate)]
    for item, rate in data.items():
        for name, value in rate.items():
            if name not in known:
                raise InputError(f"the price of {item}: no such entry as {name!r}, {did_you_mean(name, known)}")
            if type(value) is not int or value < 0:
                raise InputError(f"the price of {item}: {name} = {value!r} must be a whole number of micro-dollars, 0 or more")
    return {item: Rate(**rate) for item, rate in data.items()}
