"""The capacity page says what its model says, and the model behaves as such things do. Run benchmarks/capacity.py to write it anew."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def model() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kiln_capacity", ROOT / "benchmarks" / "capacity.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_says_what_the_model_says(model: ModuleType) -> None:
    text = model.PAGE.read_text(encoding="utf-8")
    assert set(model.TABLES) == {match[2] for match in model.BLOCK.finditer(text)}
    assert model.page(text, model.measured()) == text, "run: python benchmarks/capacity.py"


def test_twice_the_workers_ask_for_twice_as_much(model: ModuleType) -> None:
    found, limits = model.measured(), model.Limits()
    one = model.shares(found, limits, model.load(found, 1, cores=4))
    two = model.shares(found, limits, model.load(found, 2, cores=4))
    assert two == {name: pytest.approx(2 * share) for name, share in one.items()}


def test_a_slow_generator_makes_cores_worthless(model: ModuleType) -> None:
    found = model.measured()
    assert model.jobs_an_hour(found, cores=2, gpu_s=180) == model.jobs_an_hour(found, cores=64, gpu_s=180) == 20
    assert model.jobs_an_hour(found, cores=4) == pytest.approx(2 * model.jobs_an_hour(found, cores=2))
