"""A contract in a lane: it knows the limits and says when they are broken. What is tried next, a judge in the worker decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from kiln.asset import Line, Value, Verdict
from kiln.jobs.executors.interface import StageCall

TERMS: Final = "terms"
"""The value of a call that holds the contract: {"name": ..., "limits": as a contract is written}."""

VERDICT: Final = "verdict"
"""The value of a call that holds what the worker's judge has decided of these very measures, so that nobody needs to be asked again."""

FELL_SHORT: Final = "fell_short"
"""The value of a result that holds the measures, where they break the contract and nothing was written."""


class FellShort(Exception):
    """Not an error: the files that were written break the contract, and the worker must say what is to be done."""

    def __init__(self, measures: Mapping[str, Value]) -> None:
        super().__init__("the package breaks limits of its contract")
        self.measures = measures


def judge_of(call: StageCall) -> Callable[[Mapping[str, Value]], Verdict] | None:
    """The judge of a call that has a contract; it raises FellShort when a limit is broken, unless the verdict is in the call."""
    if VERDICT in call.values:
        verdict = verdict_of(call.values[VERDICT])
        return lambda measures: verdict  # noqa: ARG005 - they are those that it was given for
    return None if TERMS not in call.values else _judge_by(call.values[TERMS])


def _judge_by(terms: Mapping[str, Any]) -> Callable[[Mapping[str, Value]], Verdict]:
    from kiln.proof.contract import contract_from_data

    contract = contract_from_data(terms["name"], terms["limits"])

    def judge(measures: Mapping[str, Value]) -> Verdict:
        verdict = contract.judge(measures)
        if not verdict.passed:
            raise FellShort(measures)
        return verdict

    return judge


def verdict_of(data: Mapping[str, Any]) -> Verdict:
    """The verdict that `dataclasses.asdict` made plain data of."""
    return Verdict(contract=data["contract"], lines=tuple(Line(**line) for line in data["lines"]), attempts=tuple(data["attempts"]))
