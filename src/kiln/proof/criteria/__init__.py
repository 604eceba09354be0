"""What is measured: each measure's key, unit, meaning and what is good. The report page, the command line and the JSON share this table.

The table itself is data, a file for each group, in the order of the report. An entry:

    [[measure]]
    key = "uv_utilization"    # in JSON; never changes its meaning
    label = "Texture used"    # for people
    unit = "%"                # "%" means a share from 0 to 1, shown times 100
    at_least = 0.62           # what is good; or at_most, or equals; without any of them it is a plain fact
    good = "..."              # what is good in words, only where the bound alone would not say it
    means = "..."             # for somebody who meets the word for the first time; left out where the label says it all
    each = [1, 2]             # one entry for several measures: {n} or {view} in key and label is replaced by each of these

Bounds are those that professionals judge by; where none is published, ours.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any, Final, Literal

from kiln.asset import Value

Group = Literal["Shape", "Textures", "UV layout", "Detail", "In the engine", "File", "Picture"]
Unit = Literal["", "m", "m³", "px", "px/m", "°", "%", "dB", "of 255", "bytes"]

_FILES: Final = ("shape", "textures", "uv_layout", "detail", "engine", "file", "picture")


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measured quantity."""

    key: str
    """In JSON; never changes its meaning."""

    label: str
    unit: Unit = ""
    """"%" means a share from 0 to 1, shown times 100."""

    group: Group
    good: str = ""
    """What is good, in words; empty for a plain fact."""

    at_least: float | None = None
    at_most: float | None = None
    equals: str | None = None
    means: str = ""
    """A sentence for somebody who meets the word for the first time; empty where the label says it all."""

    def is_good(self, value: Value) -> bool | None:
        """Whether the value is good; None where nothing is to be judged."""
        if self.equals is not None and isinstance(value, str):
            return value == self.equals
        if not isinstance(value, (int, float)) or (self.at_least is None and self.at_most is None):
            return None
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def shown(self, value: Value) -> str:
        """The value with its unit, as people read it."""
        if value is None:
            return "not applicable"
        if isinstance(value, str):
            return value
        if self.unit == "bytes":
            return shown_size(int(value))
        if self.unit == "%":
            return f"{_digits(value * 100)} %"
        return self._with_unit(f"{value:,}" if isinstance(value, int) else _digits(value))

    @property
    def bound(self) -> str:
        """What is good, in words made of the bound; empty where there is none."""
        if self.equals is not None:
            return self.equals
        words, limit = ("at least", self.at_least) if self.at_least is not None else ("at most", self.at_most)
        if limit is None:
            return ""
        shown = f"{limit * 100:g} %" if self.unit == "%" else self._with_unit(f"{limit:g}")
        return shown if limit == 0 else f"{words} {shown}"

    def _with_unit(self, number: str) -> str:
        return f"{number}{self.unit}" if self.unit == "°" else f"{number} {self.unit}".rstrip()


def _digits(value: float) -> str:
    """About three digits that count, no exponent."""
    size = abs(value)
    decimals = 0 if size >= 100 or size == 0 else 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.01 else 5
    return f"{value:,.{decimals}f}"


def shown_size(count: int) -> str:
    """Bytes as people read them, decimal units."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _read_tables() -> Iterator[Measure]:
    """All files, entry by entry; one that stands for several is spelled out."""
    for name in _FILES:
        table = tomllib.loads(resources.files("kiln.proof.criteria").joinpath(f"{name}.toml").read_text(encoding="utf-8"))
        for entry in table["measure"]:
            for each in entry.pop("each", [""]):
                yield _measure(entry, table["group"], str(each))


def _measure(entry: Mapping[str, Any], group: Group, each: str) -> Measure:
    named = {name: entry[name].replace("{n}", each).replace("{view}", each) for name in ("key", "label")}
    measure = Measure(**(dict(entry) | named), group=group)
    return replace(measure, good=measure.good or measure.bound)


MEASURES: Final[Sequence[Measure]] = tuple(_read_tables())

BY_KEY: Final = {measure.key: measure for measure in MEASURES}


def label_and_value(key: str, value: Value) -> tuple[str, str]:
    """A measure's name and its value with unit, as people read them; an unknown key is its own name."""
    measure = BY_KEY.get(key)
    if measure is None:
        return key, "not applicable" if value is None else str(value)
    return measure.label, measure.shown(value)
