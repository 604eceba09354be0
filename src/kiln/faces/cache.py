"""`kiln cache`: what the stage cache holds, and how to empty it."""

from __future__ import annotations

import json

import click

from kiln.pipeline.cache import CacheInfo, stage_cache

_OFF = "the stage cache is off: KILN_CACHE says so"


@click.group()
def cache() -> None:
    """Results of stages kept for later runs, so that only what changed is made again.

    KILN_CACHE names the folder, or says off; KILN_CACHE_GB is what it may hold (4 unless set). `make` and `process` take --no-cache.
    """


@cache.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(as_json: bool) -> None:
    """Say where the cache lies, and how large it is."""
    found = stage_cache()
    known = None if found is None else found.info()
    if as_json:
        click.echo(json.dumps(_data(known), indent=2, ensure_ascii=False))
    else:
        click.echo(_OFF if known is None else f"{known.folder}  {_amount(known)} of at most {known.limit / 1e6:,.0f} MB")


@cache.command()
def clear() -> None:
    """Remove every entry."""
    found = stage_cache()
    click.echo(_OFF if found is None else f"{found.folder}  {_amount(found.clear())} removed")


def _amount(known: CacheInfo) -> str:
    return f"{known.entries:,} {'entry' if known.entries == 1 else 'entries'}, {known.size / 1e6:,.1f} MB"


def _data(known: CacheInfo | None) -> dict[str, object]:
    if known is None:
        return {"folder": None}
    return {"folder": str(known.folder), "entries": known.entries, "bytes": known.size, "limit_bytes": known.limit}
