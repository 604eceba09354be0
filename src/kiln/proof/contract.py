"""Contract: limits that a finished asset must keep, and the verdict on one.

A contract is data:

    base = "unreal"                # another contract whose limits it takes over
    required = ["uv_charts"]       # limits that fail, not pass over, where the measure is missing
    triangles = "<= 5000"          # a measure's key, a comparison and a number with the measure's unit; shares are 0 to 1
    watertight = "== yes"
    open_edges = "any"             # a limit of the base, lifted
"""

from __future__ import annotations

import json
import operator
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Final

from kiln.asset import Line, Value, Verdict
from kiln.errors import RecipeError, did_you_mean
from kiln.proof.criteria import BY_KEY

_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_LIMIT: Final = re.compile(r"\s*(<=|>=|==|<|>)\s*(.+?)\s*")
_SENTENCE: Final = re.compile(r"(\w+)\s*((?:<=|>=|==|<|>).+|any)")
_LIFTED: Final = "any"
_HEAD: Final = frozenset({"summary", "base", "required", "ladder"})


@dataclass(frozen=True, kw_only=True)
class Limit:
    """One comparison of one measure."""

    key: str
    comparison: str
    bound: float | str
    required: bool = False
    """Whether it fails where the measure is missing."""

    @property
    def words(self) -> str:
        """As a contract writes it."""
        return f"{self.comparison} {self.bound if isinstance(self.bound, str) else f'{self.bound:.12g}'}"

    def of(self, measures: Mapping[str, Value]) -> Line:
        """How these measures fare by it."""
        value = measures.get(self.key)
        if value is None:
            passed = False if self.required else None
        else:
            comparable = isinstance(value, str) == isinstance(self.bound, str)
            passed = comparable and _COMPARISONS[self.comparison](value, self.bound)
        return Line(key=self.key, limit=self.words, value=value, passed=passed)


@dataclass(frozen=True, kw_only=True)
class Contract:
    """Limits by the key of the measure."""

    name: str
    summary: str
    limits: Mapping[str, Limit]

    def as_data(self) -> dict[str, Any]:
        """Plain data, as a contract is written."""
        required = [key for key, limit in self.limits.items() if limit.required]
        return {**({"required": required} if required else {}), **{key: limit.words for key, limit in self.limits.items()}}

    def judge(self, measures: Mapping[str, Value]) -> Verdict:
        """The verdict on measures of written files."""
        return Verdict(contract=self.name, lines=tuple(limit.of(measures) for limit in self.limits.values()))


def built_in() -> tuple[str, ...]:
    """Names of the contracts that ship with Kiln."""
    return tuple(sorted(Path(entry.name).stem for entry in _folder().iterdir() if entry.name.endswith(".toml")))


def load_contract(name: str) -> Contract:
    """The contract of this name, or in this .toml file. RecipeError, with the nearest known name, when there is none or it is wrong."""
    if name in built_in():
        return contract_from_data(name, tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8")))
    path = Path(name)
    if path.suffix != ".toml":
        raise RecipeError(f"no contract called {name!r}: {did_you_mean(name, built_in())}, or give the path of a .toml file")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"contract file {name} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"contract file {name} is not valid TOML: {error}") from None
    return contract_from_data(path.stem, data.get("contract", data))


def contract_from_data(name: str, data: Mapping[str, Any]) -> Contract:
    """A checked contract from plain data, laid over its base. RecipeError names what is wrong."""
    base = data.get("base")
    if base is not None and base not in built_in():
        raise RecipeError(f"contract {name!r}: base = {base!r} is not built in, {did_you_mean(str(base), built_in())}")
    limits = dict(load_contract(base).limits) if base is not None else {}
    for key, written in data.items():
        if key not in _HEAD:
            limits[key] = read_limit(key, written)
    limits = _without_lifted(limits)
    for key in _required(name, data):
        if key not in limits:
            raise RecipeError(f"contract {name!r}: {key!r} is required but has no limit, {did_you_mean(key, limits)}")
        limits[key] = replace(limits[key], required=True)
    return Contract(name=name, summary=str(data.get("summary", "")), limits=limits)


def with_limits(contract: Contract, written: Sequence[str]) -> Contract:
    """The contract with further limits laid over its own, each like "triangles <= 5000" or "open_edges any"."""
    limits = dict(contract.limits)
    for sentence in written:
        found = _SENTENCE.fullmatch(sentence.strip())
        if found is None:
            raise RecipeError(f'{sentence!r} is no limit: write it like "triangles <= 5000" or "open_edges any"')
        limits[found[1]] = read_limit(found[1], found[2])
    return replace(contract, limits=_without_lifted(limits))


def _without_lifted(limits: Mapping[str, Limit]) -> dict[str, Limit]:
    return {key: limit for key, limit in limits.items() if limit.comparison != _LIFTED}


def read_limit(key: str, written: Any) -> Limit:
    """A limit from what a contract says of a key: "<= 5000". RecipeError for an unknown key or what is no comparison."""
    if key not in BY_KEY:
        raise RecipeError(f"contract: there is no measure called {key!r}, {did_you_mean(key, BY_KEY)}")
    if written == _LIFTED:
        return Limit(key=key, comparison=_LIFTED, bound=_LIFTED)
    found = _LIMIT.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        raise RecipeError(f'contract: {key} = {json.dumps(written)} is no limit: write "<= 5000", ">= 0.6", "== yes" or "any"')
    comparison, bound = found.groups()
    return Limit(key=key, comparison=comparison, bound=_bound(key, comparison, bound))


def _bound(key: str, comparison: str, text: str) -> float | str:
    """A number where it is one; words can only be equal."""
    try:
        return float(text)
    except ValueError:
        if comparison != "==":
            raise RecipeError(f'contract: {key} = "{comparison} {text}" compares with words: only == can') from None
        return text


def _required(name: str, data: Mapping[str, Any]) -> list[str]:
    required = data.get("required", [])
    if not isinstance(required, list) or not all(isinstance(key, str) for key in required):
        raise RecipeError(f"contract {name!r}: required must be a list of measures, like ['uv_charts']")
    return required


def _folder() -> Any:
    return resources.files("kiln.proof") / "contracts"
