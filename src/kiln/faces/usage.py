"""`kiln usage`: what was spent and used, by day and backend."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from kiln.faces.jobs import connected
from kiln.faces.place import asked_server, server_options
from kiln.faces.records import open_records
from kiln.faces.tables import dollars, print_json, print_table
from kiln.faces.worker import data_option

_USUAL_DAYS: Final = 30


@click.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="The first day, UTC, as 2026-11-20. [default: 30 days ago]")
@click.option("--tenant", default="local", help="Whose; with --server it is the API key's. [default: local]")
@data_option
@server_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def usage(since: datetime | None, tenant: str, data: Path, as_json: bool, server: str | None, api_key_file: Path | None) -> None:
    """Show what was spent or is held, in all and by day and backend: of the folder --data, or with --server of a service."""
    first = (since or datetime.now(UTC) - timedelta(days=_USUAL_DAYS)).date().isoformat()
    if asked_server(server) is not None:
        with connected(server=server, api_key_file=api_key_file) as connection:
            found = connection.get("/v1/usage", since=first)
    else:
        found = _found_here(data, tenant, since=first)
    if as_json:
        print_json(found)
    else:
        _print(found)


def _found_here(data: Path, tenant: str, *, since: str) -> dict[str, Any]:
    """As the service says it."""
    from kiln.jobs.money.ledger import Ledger
    from kiln.jobs.records.lookups import budget_of

    with open_records(data) as database:
        ledger = Ledger(database)
        use = [{"day": u.day, "item": u.item, "microdollars": u.microdollars, "gpu_ms": u.gpu_ms} for u in ledger.use(tenant, since=since)]
        spent, budget = ledger.spent(tenant), budget_of(database, tenant)
    return {"tenant": tenant, "spent_microdollars": spent, "budget_microdollars": budget, "since": since, "use": use}


def _print(found: Mapping[str, Any]) -> None:
    budget = found["budget_microdollars"]
    limit = "no budget is set" if budget is None else f"of a budget of {dollars(budget)}"
    click.echo(f"{found['tenant']}: {dollars(found['spent_microdollars'])} spent or held, {limit}")
    if found["use"]:
        rows = [(use["day"], use["item"], dollars(use["microdollars"]), f"{use['gpu_ms'] / 1000:,.1f} s") for use in found["use"]]
        print_table(("day (UTC)", "backend", "cost", "GPU time"), rows)
