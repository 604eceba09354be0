"""What several commands print: JSON, tables, times and money."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table


def print_json(value: Any) -> None:
    """One JSON value on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on stdout."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in head:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console().print(table)


def moment(ms: int | None) -> str:
    """A time in UTC, to the second; nothing where there is none."""
    return "" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def dollars(microdollars: int) -> str:
    """An amount, to the last micro-dollar that counts."""
    sign = "-" if microdollars < 0 else ""
    return f"{sign}${abs(microdollars) / 1e6:.6f}".rstrip("0").rstrip(".")
