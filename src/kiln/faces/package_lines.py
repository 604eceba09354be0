"""A finished package in words and as data: what every command that makes or fetches one prints."""

from __future__ import annotations

from typing import Any

import click

from kiln.asset import Package
from kiln.faces.check import report_data, verdict_line


def package_data(package: Package) -> dict[str, Any]:
    """A package as plain data."""
    return {
        "package": str(package.folder),
        "archive": str(package.archive) if package.archive else None,
        "engines": {name: str(path) for name, path in package.engine_archives.items()},
        "model": str(package.model),
        "files": list(package.files),
        "report": report_data(package.report),
    }


def print_package(package: Package) -> None:
    """Where a package lies, and what there is to say of it."""
    measures = package.report.measures
    click.echo(f"{package.folder}  {_count(measures.get('triangles'))} triangles")
    if package.report.contract is not None:
        click.echo(f"  {verdict_line(package.report.contract)}")
    for warning in package.report.warnings:
        click.echo(f"  note: {warning}")
    for engine, archive in package.engine_archives.items():
        click.echo(f"  {engine}: {package.folder / engine} ({archive.name})")
        for note in _notes_of(engine, package):
            click.echo(f"    {note}")
    click.echo(f"  report: {package.folder / 'report.html'}")


def _notes_of(engine: str, package: Package) -> list[str]:
    """What the export stage, the last step, had to say of an engine's folder."""
    notes = package.report.steps[-1].notes if package.report.steps else ()
    return [note.removeprefix(f"{engine}: ") for note in notes if note.startswith(f"{engine}: ")]


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else "?"
