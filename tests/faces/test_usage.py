"""`kiln usage`: what a folder's ledger says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import run
from kiln.jobs.money.ledger import Ledger
from kiln.jobs.money.prices import Charge
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import Request
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order


def test_what_was_spent_and_used_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("KILN_SERVER", raising=False)
    monkeypatch.delenv("KILN_DATABASE_URL", raising=False)
    database = Database(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    Ledger(database).set_budget("local", microdollars=5_000_000)
    charge = Charge(item="painter", microdollars=1_250_000, gpu_ms=90_000)
    JobStore(database).submit(Order(request=Request(recipe="prop"), tenant="local", charges=(charge,)))
    database.close()

    assert run(monkeypatch, "usage", "--data", tmp_path) == 0
    words = capsys.readouterr().out
    assert "local: $1.25 spent or held, of a budget of $5" in words
    assert "painter" in words and "90.0 s" in words
    assert run(monkeypatch, "usage", "--data", tmp_path, "--json", "--since", "2000-01-01") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["spent_microdollars"], found["use"][0]["item"], found["since"]) == (1_250_000, "painter", "2000-01-01")
    assert run(monkeypatch, "usage", "--data", tmp_path, "--tenant", "nobody") == 0
    assert "nobody: $0 spent or held, no budget is set" in capsys.readouterr().out
