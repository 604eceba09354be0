"""`kiln limits`: what is set is listed, and holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import run
from kiln.errors import BudgetError
from kiln.jobs.money.ledger import admit
from kiln.jobs.money.prices import Charge
from kiln.jobs.records.database import Database


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with records in it."""
    monkeypatch.delenv("KILN_DATABASE_URL", raising=False)
    Database(f"sqlite:///{tmp_path / 'jobs.sqlite'}").close()
    return tmp_path


def test_what_is_set_is_listed_and_holds(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "limits", "budget", "2.5", "--tenant", "studio", "--data", data) == 0
    assert run(monkeypatch, "limits", "quota", "trellis", "3600", "--data", data) == 0
    assert capsys.readouterr().out == "studio: $2.5 in all\ntrellis, all together: 3,600 s a day\n"
    assert run(monkeypatch, "limits", "list", "--json", "--data", data) == 0
    quota = {"tenant": "*", "item": "trellis", "gpu_ms_a_day": 3_600_000}
    assert json.loads(capsys.readouterr().out) == {"budgets": {"studio": 2_500_000}, "quotas": [quota]}
    for charge in (Charge(item="trellis", microdollars=2_500_001), Charge(item="trellis", microdollars=0, gpu_ms=3_600_001)):
        with pytest.raises(BudgetError):
            take_on(data, charge)
    for words in (("budget", "none", "--tenant", "studio"), ("quota", "trellis", "none")):
        assert run(monkeypatch, "limits", *words, "--data", data) == 0
    take_on(data, Charge(item="trellis", microdollars=2_500_001, gpu_ms=3_600_001))


@pytest.mark.parametrize("amount", ["x", "nan", "inf", "-1", "1e30", ""])
def test_what_is_no_amount_changes_nothing(
    data: Path, amount: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "limits", "budget", "--data", data, "--", amount) == 2
    assert "is no amount" in capsys.readouterr().err
    assert run(monkeypatch, "limits", "list", "--json", "--data", data) == 0
    assert json.loads(capsys.readouterr().out) == {"budgets": {}, "quotas": []}


def take_on(data: Path, charge: Charge) -> None:
    """A job of the tenant's that costs this much."""
    database = Database(f"sqlite:///{data / 'jobs.sqlite'}")
    try:
        database.write(lambda connection: admit(connection, tenant="studio", charges=[charge], at_ms=0))
    finally:
        database.close()
