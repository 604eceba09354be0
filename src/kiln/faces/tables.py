"""What several commands print: JSON, tables, times and money."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_json(value: Any) -> None:
    """One JSON value on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


_UNBROKEN: Final = 10_000
"""Columns of whatever is no terminal: a program that reads a table wants a line a row."""


def print_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on stdout, fitted to a terminal; its first column, where ids stand, is never broken."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, title in enumerate(head):
        table.add_column(title, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))  # what users wrote is no markup
    console = Console(width=None if sys.stdout.isatty() else _UNBROKEN)
    with console.capture() as drawn:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in drawn.get().splitlines()))


def moment(ms: int | None) -> str:
    """A time in UTC, to the second; nothing where there is none."""
    return "" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def dollars(microdollars: int) -> str:
    """An amount, to the last micro-dollar that counts."""
    sign = "-" if microdollars < 0 else ""
    return f"{sign}${abs(microdollars) / 1e6:.6f}".rstrip("0").rstrip(".")
