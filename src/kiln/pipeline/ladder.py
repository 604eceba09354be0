"""The contract loop: what is tried when a finished package falls short of its contract.

A recipe's `[contract]` holds limits (`proof.contract`) and a ladder: rungs, each of which says which broken limits it may cure, and by
which stage parameters. After export the written files are measured and judged; while limits are broken and a rung that may cure one is
left, the recipe runs again with that rung's parameters. A rung after which fewer limits are broken is kept, any other is dropped. Stages
whose parameters and inputs are the same give what they gave before: only what a rung changes is done again.

    [contract]
    base = "unity"
    uv_utilization = ">= 0.6"

    [[contract.ladder]]
    cures = ["uv_utilization", "texel_density_cv"]
    unwrap = { method = "xatlas" }
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from kiln.asset import Value, Verdict
from kiln.errors import ContractError, KilnError, RecipeError, did_you_mean
from kiln.proof.contract import Contract, contract_from_data
from kiln.proof.criteria import BY_KEY, label_and_value

Parameters = Mapping[str, Mapping[str, Any]]
"""Parameters by stage."""


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One thing to try."""

    cures: frozenset[str]
    """Keys of measures whose broken limits it may mend."""

    parameters: Parameters

    @property
    def words(self) -> str:
        """`unwrap method = xatlas`."""
        return ", ".join(f"{stage} {name} = {value}" for stage, values in self.parameters.items() for name, value in values.items())


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a recipe's `[contract]` says."""

    contract: Contract
    ladder: tuple[Rung, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Plain data, as a recipe writes it, with the limits of its base spelled out."""
        rungs = [{"cures": sorted(rung.cures), **rung.parameters} for rung in self.ladder]
        return {**self.contract.as_data(), **({"ladder": rungs} if rungs else {})}

    def contract_data(self) -> dict[str, Any]:
        """The contract alone with its name, for a judge elsewhere."""
        return {"name": self.contract.name, "limits": self.contract.as_data()}


def read_terms(recipe: str, data: Mapping[str, Any]) -> Terms:
    """The terms in a recipe's `[contract]` table. RecipeError names what is wrong; the rungs' parameters are the recipe's to check."""
    rungs = data.get("ladder", [])
    if not isinstance(rungs, list) or not all(isinstance(rung, Mapping) for rung in rungs):
        raise RecipeError(f"recipe {recipe!r}: the contract's ladder must be a list of tables: write [[contract.ladder]]")
    return Terms(contract=contract_from_data(recipe, data), ladder=tuple(map(_read_rung, rungs)))


def _read_rung(data: Mapping[str, Any]) -> Rung:
    cures = data.get("cures")
    if not isinstance(cures, list) or not cures:
        raise RecipeError('contract: each rung of the ladder needs cures = ["..."], the measures it may mend')
    for key in cures:
        if key not in BY_KEY:
            raise RecipeError(f"contract: a rung cures {key!r}, which no measure is called, {did_you_mean(str(key), BY_KEY)}")
    return Rung(cures=frozenset(cures), parameters={stage: values for stage, values in data.items() if stage != "cures"})


class TryAgain(Exception):
    """Not an error: the package falls short, nothing of it was written, and there is another way to make it."""


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    parameters: Parameters
    verdict: Verdict


@dataclass(kw_only=True)
class Climb:
    """One run's way up the ladder: `parameters` are those to make the next attempt with, and `judge` is asked about each."""

    terms: Terms
    allow_failing: bool = False
    """Whether the best attempt is wanted when none passes."""

    parameters: Parameters = field(default_factory=dict)
    _best: _Attempt | None = None
    _left: list[Rung] = field(default_factory=list)
    _tried: Rung | None = None
    _said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._left = list(self.terms.ladder)

    def judge(self, measures: Mapping[str, Value]) -> Verdict:
        """The verdict on an attempt that is to be kept; raises TryAgain when another is to be made, ContractError when none was good."""
        verdict = self.terms.contract.judge(measures)
        before, self._best = self._best, self._better(verdict)
        if before is not None and self._tried is not None:
            kept = "kept" if self._best is not before else "dropped"
            self._said.append(f"{self._tried.words}: {_broken(verdict)} broken instead of {len(before.verdict.broken)}, {kept}")
        self._tried = None
        best = self._best
        if not best.verdict.passed and not (self.allow_failing and best.parameters is self.parameters and not self._climbs(best)):
            self._go_on(best)
        return replace(verdict, attempts=tuple(self._said))

    def stumble(self, error: KilnError) -> NoReturn:
        """A stage failed. If a rung is to blame, it is dropped, and this raises as `judge` does; else the error."""
        if self._tried is None or self._best is None:
            raise error
        self._said.append(f"{self._tried.words}: failed, dropped ({error})")
        self._tried = None
        self._go_on(self._best)

    def _better(self, verdict: Verdict) -> _Attempt:
        this = _Attempt(parameters=self.parameters, verdict=verdict)
        return this if self._best is None or len(verdict.broken) < len(self._best.verdict.broken) else self._best

    def _climbs(self, best: _Attempt) -> bool:
        """Whether a rung is left that may cure what the best attempt breaks; if so, it is the next to try."""
        broken = {line.key for line in best.verdict.broken}
        while self._left:
            rung = self._left.pop(0)
            if rung.cures & broken:
                self._tried = rung
                return True
        return False

    def _go_on(self, best: _Attempt) -> NoReturn:
        """Raise TryAgain for the next rung; once there is none, for the best attempt if it is wanted, else ContractError."""
        if self._tried is not None or self._climbs(best):
            assert self._tried is not None  # noqa: S101 - for the type checker: _climbs set it
            self.parameters = merged(best.parameters, self._tried.parameters)
            raise TryAgain(f"{_broken(best.verdict)} broken; trying {self._tried.words}")
        if self.allow_failing:
            self.parameters = best.parameters
            raise TryAgain(f"{_broken(best.verdict)} stay broken; writing the best attempt")
        verdict = replace(best.verdict, attempts=tuple(self._said))
        raise ContractError(explained(verdict), verdict=verdict)


def merged(base: Parameters, more: Parameters) -> dict[str, Mapping[str, Any]]:
    """Parameters by stage, the second over the first."""
    return {stage: {**base.get(stage, {}), **more.get(stage, {})} for stage in dict.fromkeys([*base, *more])}


def explained(verdict: Verdict) -> str:
    """Why a verdict is a failure, limit by limit, and what was tried."""
    found = (f"{label} {shown} (limit {line.limit})" for line in verdict.broken for label, shown in [label_and_value(line.key, line.value)])
    tried = f"; tried: {'; '.join(verdict.attempts)}" if verdict.attempts else ""
    return (
        f"the package breaks {_broken(verdict)} of contract {verdict.contract}: {', '.join(found)}{tried}. --allow-failing writes it anyway"
    )


def _broken(verdict: Verdict) -> str:
    count = len(verdict.broken)
    return f"{count} limit{'s' if count != 1 else ''}"
