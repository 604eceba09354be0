"""Report: numbers measured on written files, what a contract says of them, and what the stages had to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kiln.asset.asset import Step

Value = float | int | str | None
"""A measured value; None: not applicable."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One limit of a contract, and how the asset fares by it."""

    key: str
    """Of the measure that is limited."""

    limit: str
    """As the contract writes it: "<= 0", ">= 0.62", "== yes"."""

    value: Value

    passed: bool | None
    """None: it could not be measured here, and the contract does not insist."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether an asset keeps a contract, limit by limit."""

    contract: str
    """The contract's name."""

    lines: tuple[Line, ...]

    attempts: tuple[str, ...] = ()
    """What was tried again, and what came of it, in sentences; empty when the first result was good or nothing could be tried."""

    @property
    def passed(self) -> bool:
        """Whether no limit is broken."""
        return not self.broken

    @property
    def broken(self) -> tuple[Line, ...]:
        """The lines that fail."""
        return tuple(line for line in self.lines if line.passed is False)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was measured by reading the written files back. Names are stable keys; units are in `proof.criteria`'s table."""

    name: str
    measures: Mapping[str, Value]
    """Flat: "triangles", "non_manifold_edges", "normal_error_mean_degrees"... None: not applicable to this asset."""

    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()
    """Sentences for people: what fell short or was done by a fallback."""

    contract: Verdict | None = None
    """None when no contract was asked for."""
