"""`kiln check` and `kiln contracts`: files judged by limits, for people and for CI."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from kiln.asset import Report, Verdict
from kiln.errors import ContractError, ModelError
from kiln.faces.place import Place, at_place


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--contract", default="sound", help="A built-in contract (see `kiln contracts`) or a .toml file. [default: sound]")
@click.option("--limit", "limits", multiple=True, metavar="LIMIT", help='One more limit, like "triangles <= 5000"; may be repeated.')
@click.option(
    "--source", type=click.Path(path_type=Path), help="The dense model it was made from, in the same frame: measures fidelity too."
)
@click.option("--format", "style", type=click.Choice(["text", "json", "sarif"]), default="text", help="What is printed. [default: text]")
@at_place
def check(files: Sequence[Path], contract: str, limits: Sequence[str], source: Path | None, style: str, place: Place) -> None:
    """Judge FILES (models, or finished packages' folders) by a contract.

    \b
    Exit codes: 0 all keep it, 6 some break it, 3 a file or the contract cannot be used.
    SARIF is what GitHub code scanning and most CI services show beside the changed files:
      kiln check assets/*.glb --contract unreal --format sarif > kiln.sarif
    """
    reports: list[tuple[str, Report]] = []
    unusable = 0
    for path in files:
        try:
            reports.append((str(path), place.work.check(path, contract, limits=limits, source=source)))
        except ModelError as error:
            click.echo(f"kiln: {error}", err=True)
            unusable = error.exit_code
    if style == "text":
        for entry in reports:
            _print_verdict(*entry)
    else:
        click.echo(
            json.dumps(_sarif(reports) if style == "sarif" else [_judged(*entry) for entry in reports], indent=2, ensure_ascii=False)
        )
    broken = any(report.contract is not None and not report.contract.passed for _, report in reports)
    sys.exit(unusable or (ContractError.exit_code if broken else 0))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print every contract with its limits, as JSON.")
@at_place
def contracts(as_json: bool, place: Place) -> None:
    """List the contracts that ship with Kiln, and their limits."""
    table = place.catalogue.contract_table()
    if as_json:
        click.echo(json.dumps(table, indent=2, ensure_ascii=False))
        return
    for row in table:
        click.echo(f"{row['name']}: {row['summary']}")
        for key, limit in row["limits"].items():
            click.echo(f"    {key} {limit}")


def verdict_line(verdict: Verdict) -> str:
    """The verdict in one line."""
    judged = [line for line in verdict.lines if line.passed is not None]
    if verdict.passed:
        return f"contract {verdict.contract}: kept, all {len(judged)} limits"
    broken = ", ".join(line.key for line in verdict.broken)
    return f"contract {verdict.contract}: BROKEN, {len(verdict.broken)} of {len(judged)} limits: {broken}"


def report_data(report: Report) -> dict[str, Any]:
    """A report as plain data."""
    contract = None if report.contract is None else _verdict_data(report.contract)
    return {
        "name": report.name,
        "measures": dict(report.measures),
        "steps": [{"stage": s.stage, "params": dict(s.params), "notes": list(s.notes), "measures": dict(s.measures)} for s in report.steps],
        "warnings": list(report.warnings),
        "contract": contract,
    }


def _verdict_data(verdict: Verdict) -> dict[str, Any]:
    lines = [{"key": line.key, "limit": line.limit, "value": line.value, "passed": line.passed} for line in verdict.lines]
    return {"contract": verdict.contract, "passed": verdict.passed, "lines": lines, "attempts": list(verdict.attempts)}


def _judged(path: str, report: Report) -> dict[str, Any]:
    return {"file": path, **report_data(report)}


def _sarif(reports: Sequence[tuple[str, Report]]) -> dict[str, Any]:
    from kiln.proof.sarif import sarif

    return sarif([(path, report.contract) for path, report in reports if report.contract is not None])


def _print_verdict(path: str, report: Report) -> None:
    """A file's limits as a table, the broken ones first."""
    from kiln.proof.criteria import label_and_value

    assert report.contract is not None  # noqa: S101 - for the type checker: api.check judges
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("", "measure", "value", "limit"):
        table.add_column(title, overflow="fold")
    for line in sorted(report.contract.lines, key=lambda line: {False: 0, True: 1, None: 2}[line.passed]):
        label, value = label_and_value(line.key, line.value)
        words = {True: "ok", False: "BROKEN", None: "-"}[line.passed]
        table.add_row(words, label, value if line.value is not None else "not measured", f"{line.key} {line.limit}")
    click.echo(f"{path}: {verdict_line(report.contract)}")
    Console().print(table)
