"""`kiln keys`: who may use a service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kiln.errors import InputError
from kiln.faces.jobs import connected
from kiln.faces.place import asked_server, server_options
from kiln.faces.records import open_records
from kiln.faces.tables import moment, print_json, print_table
from kiln.faces.worker import data_option

if TYPE_CHECKING:
    from kiln.jobs.records.keys import KeyRecord, KeyRing

_SCOPES: Final = ("read", "submit", "admin")
_DAY_MS: Final = 24 * 3600 * 1000
_PATH: Final = "/v1/keys"

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_tenant = click.option("--tenant", default="local", help="Whose key: jobs, files and budgets are a tenant's. [default: local]")


@click.group()
def keys() -> None:
    """Make, list and revoke API keys: in the folder --data, or with --server at a service (which takes a key of scope admin).

    \b
    Examples:
      kiln keys create --tenant studio --name "build machine"
      kiln keys create --scope read --days 30
      kiln keys revoke 5f2b8c1d9e0a4b67
    Once there is a key, nobody gets in without one.
    """


@keys.command()
@_tenant
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(_SCOPES), help="What it opens; may be repeated. [default: read, submit]"
)
@click.option("--name", default="", help="What people call it.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it opens anything. [default: for ever]")
@data_option
@server_options
@_json
def create(
    tenant: str,
    scopes: Sequence[str],
    name: str,
    days: int | None,
    data: Path,
    as_json: bool,
    server: str | None,
    api_key_file: Path | None,
) -> None:
    """Make a key. It is printed this once, alone on stdout, and kept nowhere."""
    opens = list(scopes) or ["read", "submit"]
    if asked_server(server) is not None:
        with connected(server=server, api_key_file=api_key_file) as connection:
            asked = {"tenant": tenant, "scopes": opens, "name": name, "life_days": days}
            made = connection.post(_PATH, asked, again=False)
    else:
        made = _create_here(data, tenant, opens, name=name, days=days)
    if as_json:
        print_json(made)
        return
    click.echo(made["key"])
    click.echo(f"key {made['id']} of {made['tenant']} opens {', '.join(made['scopes'])}; it cannot be shown again", err=True)


@keys.command(name="list")
@_tenant
@data_option
@server_options
@_json
def list_keys(tenant: str, data: Path, as_json: bool, server: str | None, api_key_file: Path | None) -> None:
    """List a tenant's keys, revoked ones included; none of it opens anything."""
    if asked_server(server) is not None:
        with connected(server=server, api_key_file=api_key_file) as connection:
            found = connection.get(_PATH, tenant=tenant)
    else:
        with _ring(data) as ring:
            found = [_plain(record) for record in ring.of(tenant)]
    if as_json:
        print_json(found)
        return
    rows = [
        (k["id"], k["name"], ", ".join(k["scopes"]), *(moment(k[f"{when}_ms"]) for when in ("created", "expires", "revoked")))
        for k in found
    ]
    print_table(("key", "name", "scopes", "created (UTC)", "expires", "revoked"), rows)


@keys.command()
@click.argument("key_id", metavar="ID")
@data_option
@server_options
def revoke(key_id: str, data: Path, server: str | None, api_key_file: Path | None) -> None:
    """Close a key for ever, by its id: the part between kiln_ and the next _."""
    if not (key_id.isalnum() and key_id.isascii()):
        raise InputError("that is no key's id: it is the part between kiln_ and the next _ (never give the whole key to a command)")
    if asked_server(server) is not None:
        with connected(server=server, api_key_file=api_key_file) as connection:
            connection.delete(f"{_PATH}/{key_id}")
    else:
        with _ring(data) as ring:
            ring.revoke(key_id)
    click.echo(f"revoked {key_id}")


@keys.command(name="webhook-secret")
@_tenant
@click.option("--rotate", is_flag=True, help="Make a new one; the one before signs beside it for 24 h more.")
@data_option
def webhook_secret(tenant: str, rotate: bool, data: Path) -> None:
    """Print what a tenant's server verifies webhooks with; see docs/service.md. It works on the folder or database itself."""
    from kiln.jobs.records.webhook_secrets import WebhookSecrets

    with open_records(data) as database:
        secrets = WebhookSecrets(database)
        click.echo((secrets.rotate(tenant) if rotate else secrets.of(tenant)).current)


def _create_here(data: Path, tenant: str, scopes: Sequence[str], *, name: str, days: int | None) -> dict[str, Any]:
    from kiln.jobs.records.keys import Scope

    with _ring(data, make=True) as ring:
        life_ms = None if days is None else days * _DAY_MS
        made = ring.issue(tenant, scopes=map(Scope, scopes), name=name, life_ms=life_ms)
    return {**_plain(made.record), "key": made.key}


@contextmanager
def _ring(data: Path, *, make: bool = False) -> Iterator[KeyRing]:
    from kiln.jobs.records.keys import KeyRing

    with open_records(data, make=make) as database:
        yield KeyRing(database)


def _plain(record: KeyRecord) -> dict[str, Any]:
    """As the service shows it."""
    return {**asdict(record), "scopes": sorted(record.scopes)}
