"""`kiln batches`: many jobs by one manifest."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kiln.errors import InputError
from kiln.faces.jobs import connected, job_path
from kiln.faces.place import server_options
from kiln.faces.tables import print_json, print_table

if TYPE_CHECKING:
    from kiln.faces.remote.connection import Connection

_FIELDS: Final = frozenset({"kind", "recipe", "parameters", "inputs"})
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def batches() -> None:
    """Submit many jobs to a Kiln service at once, and see how they stand.

    \b
    A manifest is TOML or JSON; inputs, and files that parameters name, lie beside it, or are ids of uploads:
      [[items]]
      recipe = "prop"
      inputs = { picture_0 = "pictures/sword.png" }
      parameters = { simplify = { triangles = 2000 }, cutout = { mask = "sword_mask.png" }, job = { name = "sword" } }
    """


@batches.command()
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--priority", type=click.IntRange(-100, 100), default=0, help="A lower one goes first. [default: 0]")
@click.option("--webhook", metavar="URL", help="https; told of each job that has ended.")
@server_options
@_json
def submit(manifest: Path, priority: int, webhook: str | None, as_json: bool, **where: Any) -> None:
    """Submit the items of a MANIFEST (.toml or .json). A bad one fails alone."""
    from kiln.faces.remote.submission import new_key

    items = read_manifest(manifest)
    with connected(**where) as connection:
        sent = _Sent(connection, manifest.parent)
        body = {"items": [sent.item(item) for item in items], "priority": priority, "webhook_url": webhook}
        batch = connection.post("/v1/batches", body, key=new_key())
    print_json(batch) if as_json else click.echo(batch["id"])


@batches.command()
@click.argument("batch_id", metavar="ID")
@server_options
@_json
def show(batch_id: str, as_json: bool, **where: Any) -> None:
    """Say how a batch and its jobs stand."""
    with connected(**where) as connection:
        batch = connection.get(job_path(batch_id).replace("/jobs/", "/batches/"))
    if as_json:
        print_json(batch)
        return
    counts = ", ".join(f"{count} {state}" for state, count in sorted(batch["counts"].items()))
    click.echo(f"{batch['id']}: {batch['size']} jobs, {counts}")
    rows = [(number, job["id"], job["state"], (job["failure"] or {}).get("message", "")) for number, job in enumerate(batch["jobs"])]
    print_table(("item", "job", "state", "why"), rows)


def read_manifest(path: Path) -> list[Mapping[str, Any]]:
    """The items of a manifest. InputError when it cannot be read, or has an item that is none."""
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the manifest {path} cannot be read: {error}") from None
    except ValueError as error:
        raise InputError(f"the manifest {path} is neither TOML (.toml) nor JSON: {error}") from None
    items = data.get("items") if isinstance(data, dict) else data
    if not isinstance(items, list) or not items:
        raise InputError(f"the manifest {path} has no items: write [[items]] tables, or a JSON list")
    for number, item in enumerate(items):
        if not _is_item(item):
            raise InputError(
                f"item {number} of {path} is no table of {', '.join(sorted(_FIELDS))}, of which inputs and parameters are tables"
            )
    return items


def _is_item(item: Any) -> bool:
    known = isinstance(item, dict) and item.keys() <= _FIELDS
    return known and all(isinstance(item.get(name, {}), dict) for name in ("inputs", "parameters"))


class _Sent:
    """The manifest's files, each of which is sent once."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        self._connection, self._folder = connection, folder
        self._ids: dict[Path, str] = {}

    def item(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """The item with ids in place of paths, those that parameters name, too."""
        from kiln.faces.remote.parameter_files import taken_out

        parameters, named = taken_out(item.get("parameters", {}))
        inputs = {**item.get("inputs", {}), **{role: given for role, given in named.items() if given is not None}}
        return {**item, "parameters": parameters, "inputs": {role: self._id(str(given)) for role, given in inputs.items()}}

    def _id(self, given: str) -> str:
        from kiln.faces.remote.submission import upload

        if given.startswith("file_") and not (self._folder / given).exists():
            return given
        path = (self._folder / given).resolve()
        if path not in self._ids:
            self._ids[path] = upload(self._connection, path)
        return self._ids[path]
