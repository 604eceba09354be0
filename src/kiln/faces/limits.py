"""`kiln limits`: how much tenants may spend, and how long backends may work a day."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import click

from kiln.faces.records import open_records
from kiln.faces.tables import dollars, print_json, print_table
from kiln.faces.worker import data_option

_NONE: Final = "none"
_MOST: Final = 10**12
"""Dollars or seconds: beyond this, it is a mistake; the database counts millionths of them."""


class _Amount(click.ParamType[int | None]):
    """A number with at most six decimals as millionths, or None for no limit."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """Whole millionths."""
        if value == _NONE:
            return None
        try:
            amount = Decimal(value)
        except InvalidOperation:
            amount = Decimal("nan")
        if not (math.isfinite(amount) and 0 <= amount <= _MOST):
            self.fail(f"{value!r} is no amount: give a number, 0 or more, or {_NONE!r} for no limit", param, ctx)
        return round(amount * 1_000_000)


@click.group()
def limits() -> None:
    """Set and list budgets and quotas, in the folder --data or at KILN_DATABASE_URL. A job that would pass one is refused.

    \b
    Examples:
      kiln limits budget 250 --tenant studio-b      dollars, in all
      kiln limits quota trellis 3600                seconds on GPUs a day, all tenants together
      kiln limits quota trellis none                no limit
    """


@limits.command()
@click.argument("dollars_in_all", metavar="DOLLARS", type=_Amount())
@click.option("--tenant", default="local", help="Whose. [default: local]")
@data_option
def budget(dollars_in_all: int | None, tenant: str, data: Path) -> None:
    """Let a tenant spend so many DOLLARS in all, what is spent already included; "none" lifts the limit."""
    from kiln.jobs.money.ledger import Ledger

    with open_records(data) as database:
        Ledger(database).set_budget(tenant, microdollars=dollars_in_all)
    click.echo(f"{tenant}: {'no budget is set' if dollars_in_all is None else f'{dollars(dollars_in_all)} in all'}")


@limits.command()
@click.argument("backend")
@click.argument("seconds_a_day", metavar="SECONDS", type=_Amount())
@click.option("--tenant", default="*", help='Whose; "*" for all tenants together. [default: *]')
@data_option
def quota(backend: str, seconds_a_day: int | None, tenant: str, data: Path) -> None:
    """Let a BACKEND work for so many SECONDS on GPUs a day (UTC); "none" lifts the limit."""
    from kiln.jobs.money.ledger import Ledger

    limit_ms = None if seconds_a_day is None else seconds_a_day // 1000
    with open_records(data) as database:
        Ledger(database).set_quota(backend, gpu_ms_a_day=limit_ms, tenant=tenant)
    click.echo(f"{backend}, {_whose(tenant)}: {'no quota is set' if limit_ms is None else f'{limit_ms / 1000:,g} s a day'}")


@limits.command(name="list")
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(data: Path, as_json: bool) -> None:
    """List budgets and quotas."""
    from kiln.jobs.money.ledger import Ledger

    with open_records(data) as database:
        ledger = Ledger(database)
        budgets, quotas = ledger.budgets(), ledger.quotas()
    if as_json:
        found = {"budgets": budgets, "quotas": [{"tenant": q.tenant, "item": q.item, "gpu_ms_a_day": q.gpu_ms_a_day} for q in quotas]}
        print_json(found)
        return
    rows = [(_whose(tenant), "all", f"{dollars(limit)} in all") for tenant, limit in budgets.items()]
    rows += [(_whose(q.tenant), q.item, f"{q.gpu_ms_a_day / 1000:,g} s a day") for q in quotas]
    print_table(("tenant", "backend", "limit"), rows)


def _whose(tenant: str) -> str:
    return "all together" if tenant == "*" else tenant
