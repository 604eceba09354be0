"""`kiln assets`: finished assets kept in a store, found again, and fetched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from kiln.faces.place import server_options
from kiln.faces.shelves import open_shelf, plain, shelf_at
from kiln.faces.tables import print_json, print_table

_DAY_S = 24 * 3600.0

_store = click.option("--store", "store_url", metavar="URL", help="A folder or s3://bucket/prefix. [default: KILN_STORE, else data/store]")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_id = click.argument("id", metavar="ID")


@click.group()
def assets() -> None:
    """Keep finished packages in a store, find and fetch them.

    \b
    Examples:
      kiln assets add out/skewer --prompt "a meat skewer" --tag food
      kiln assets list skewer --store s3://studio/kiln
      kiln assets get 20261120t201530-1f2e3d4c5b6a --out fetched
    """


@assets.command()
@click.argument("package", type=click.Path(path_type=Path))
@click.option("--prompt", default="", help="What was asked for in words; it is searched.")
@click.option("--tag", "tags", multiple=True, help="A word to find it by; may be repeated.")
@click.option("--picture", "pictures", multiple=True, type=click.Path(path_type=Path), help="A picture it was made from; may be repeated.")
@_store
@_json
def add(package: Path, prompt: str, tags: Sequence[str], pictures: Sequence[Path], store_url: str | None, as_json: bool) -> None:
    """Keep a finished PACKAGE (folder or zip)."""
    from kiln.pipeline.shelving import shelve

    record = shelve(open_shelf(store_url), package, created=datetime.now(UTC), prompt=prompt, pictures=pictures, tags=tags)
    if as_json:
        print_json(plain(record))
    else:
        click.echo(f"{record.id}  {record.name}  {len(record.files)} files, {_mib(record.size)}")


@assets.command(name="list")
@click.argument("text", nargs=-1)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, help="At most so many. [default: 50]")
@click.option("--cursor", metavar="ID", help="Go on after this one.")
@_store
@server_options
@_json
def list_assets(text: Sequence[str], limit: int, cursor: str | None, store_url: str | None, as_json: bool, **where: Any) -> None:
    """List assets, the newest first; with TEXT, those that have every word of it in name, prompt or tags."""
    page = shelf_at(store_url, **where).search(" ".join(text), cursor=cursor, limit=limit)
    for damaged in page["damaged"]:
        click.echo(f"kiln: the record of {damaged} is damaged: restore it from a backup, or remove it with `kiln assets rm`", err=True)
    if as_json:
        print_json({"assets": page["assets"], "cursor": page["cursor"]})
        return
    rows = [(a["id"], a["name"], _mib(a["size"]), a["recipe"], ", ".join(a["tags"]), a["prompt"][:60]) for a in page["assets"]]
    print_table(("asset", "name", "size", "recipe", "tags", "prompt"), rows)
    if page["cursor"] is not None:
        click.echo(f"more: --cursor {page['cursor']}")


@assets.command()
@_id
@click.option("--urls", "ttl_s", type=int, metavar="SECONDS", help="Also a URL for each file, which works for so long.")
@_store
@server_options
@_json
def show(id: str, ttl_s: int | None, store_url: str | None, as_json: bool, **where: Any) -> None:  # noqa: A002 - the name of the field
    """Say all that is known of an asset."""
    asset = shelf_at(store_url, **where).get(id, ttl_s=ttl_s)
    if as_json:
        print_json(asset)
        return
    for label in ("id", "name", "created", "recipe", "prompt"):
        click.echo(f"{label:9}{asset[label]}")
    for label in ("tags", "pictures"):
        click.echo(f"{label:9}{', '.join(asset.get(label, ()))}")
    for file in asset["files"]:
        click.echo(f"  {file['sha256'][:12]}  {file['size']:>12,}  {file['name']}")
    for name, url in asset.get("urls", {}).items():
        click.echo(f"  {name}: {url}")


@assets.command()
@_id
@click.option("--out", type=click.Path(path_type=Path), default=Path("out"), help="Folder the package is written to. [default: out]")
@_store
@server_options
def get(id: str, out: Path, store_url: str | None, **where: Any) -> None:  # noqa: A002 - the name of the field
    """Write an asset's package, verified and whole."""
    click.echo(shelf_at(store_url, **where).take_down(id, into=out))


@assets.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@_store
def rm(ids: Sequence[str], store_url: str | None) -> None:
    """Remove assets. Their files stay until `kiln assets sweep`."""
    shelf = open_shelf(store_url)
    for id in ids:  # noqa: A001 - the name of the field
        shelf.remove(id)
        click.echo(f"removed {id}")


@assets.command()
@click.option("--days", type=click.FloatRange(min=0), default=1.0, help="Leave what is younger alone. [default: 1]")
@_store
@_json
def sweep(days: float, store_url: str | None, as_json: bool) -> None:
    """Free the room of files that no asset needs.

    They go to the store's trash first; a sweep at least so many days later deletes them for good.
    """
    swept = open_shelf(store_url).sweep(older_than=datetime.now(UTC).timestamp() - days * _DAY_S)
    if as_json:
        print_json({"trashed": swept.trashed, "restored": swept.restored, "deleted": swept.deleted, "freed": swept.freed})
    else:
        click.echo(f"{len(swept.trashed)} files into the trash, {len(swept.deleted)} deleted for good, {_mib(swept.freed)} freed")


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
