"""`kiln jobs`: what a service works on, has done, and has to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from kiln.errors import InputError
from kiln.faces.package_lines import print_package
from kiln.faces.place import asked_server, server_options
from kiln.faces.progress import LiveProgress
from kiln.faces.tables import moment, print_json, print_table

if TYPE_CHECKING:
    from kiln.faces.remote.address import Address
    from kiln.faces.remote.connection import Connection

_STATES = ("queued", "running", "cancelling", "succeeded", "failed", "cancelled")

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_id = click.argument("job_id", metavar="ID")
_out = click.option("--out", type=click.Path(path_type=Path), default=Path("out"), help="Folder a package is written to. [default: out]")


@click.group()
def jobs() -> None:
    """See to jobs of a Kiln service: --server, else KILN_SERVER, else http://127.0.0.1:8600.

    \b
    Examples:
      kiln make skewer.png --server http://host:8600 --detach
      kiln jobs list --state running
      kiln jobs watch job_0a1b2c3d4e5f60718293a4b5
      kiln jobs download job_0a1b2c3d4e5f60718293a4b5 --out fetched
    """


@jobs.command(name="list")
@click.option("--state", type=click.Choice(_STATES), help="Only jobs in this state.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, help="At most so many. [default: 20]")
@click.option("--cursor", metavar="ID", help="Go on after this one.")
@server_options
@_json
def list_jobs(state: str | None, limit: int, cursor: str | None, as_json: bool, **where: Any) -> None:
    """List jobs, the newest first."""
    with connected(**where) as connection:
        page = connection.get("/v1/jobs", state=state, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(("job", "kind", "recipe", "state", "done", "created (UTC)"), [_row(job) for job in page["jobs"]])
    if page["cursor"] is not None:
        click.echo(f"more: --cursor {page['cursor']}")


@jobs.command()
@_id
@server_options
@_json
def show(job_id: str, as_json: bool, **where: Any) -> None:
    """Say all that is known of a job."""
    with connected(**where) as connection:
        job = connection.get(job_path(job_id))
    if as_json:
        print_json(job)
    else:
        print_job(job)


@jobs.command()
@_id
@server_options
def watch(job_id: str, **where: Any) -> None:
    """Show a job's progress until it ends; Ctrl-C leaves it running. The exit code says how it ended."""
    with LiveProgress(Console(stderr=True)) as progress:
        _end_of(job_id, progress, **where)


@jobs.command()
@_id
@server_options
@_json
def wait(job_id: str, as_json: bool, **where: Any) -> None:
    """Wait until a job has ended; Ctrl-C leaves it running. The exit code says how it ended."""
    job = _end_of(job_id, None, **where)
    if as_json:
        print_json(job)
    else:
        click.echo(f"{job_id}  {job['state']}")


@jobs.command()
@_id
@server_options
@_json
def cancel(job_id: str, as_json: bool, **where: Any) -> None:
    """Cancel a job: a queued one never starts, a running one is stopped."""
    with connected(**where) as connection:
        job = connection.post(f"{job_path(job_id)}/cancel")
    print_json(job) if as_json else click.echo(f"{job_id}  {job['state']}")


@jobs.command()
@_id
@server_options
@_json
def retry(job_id: str, as_json: bool, **where: Any) -> None:
    """Submit a failed or cancelled job again, as a new job that finds every stage that was finished."""
    from kiln.faces.remote.submission import new_key

    with connected(**where) as connection:
        accepted = connection.post(f"{job_path(job_id)}/retry", key=new_key())
    print_json(accepted) if as_json else click.echo(accepted["job"]["id"])


@jobs.command()
@_id
@_out
@server_options
def download(job_id: str, out: Path, **where: Any) -> None:
    """Write the package that a job has made, verified and whole."""
    from kiln.faces.remote.packages import fetch_package

    with connected(**where) as connection:
        job = connection.get(job_path(job_id))
        if job["state"] != "succeeded":
            raise InputError(
                f"{job_id} is {job['state']}: only a job that succeeded has a package; `kiln jobs watch {job_id}` waits for it"
            )
        print_package(fetch_package(connection, job, into=out))


def connected(*, server: str | None, api_key_file: Path | None) -> Connection:
    """The service that a command of this kind works on."""
    from kiln.faces.remote.connection import Connection

    return Connection(address(server=server, api_key_file=api_key_file))


def address(*, server: str | None, api_key_file: Path | None) -> Address:
    """Where that is: this machine's own, unless it is said otherwise."""
    from kiln.faces.remote.address import read_address

    return read_address(asked_server(server), key_file=api_key_file)


def job_path(job_id: str) -> str:
    """Where a service has a job. InputError for what can be no id: it would lead elsewhere."""
    if not job_id.replace("_", "").isalnum() or not job_id.isascii():
        raise InputError(f"{job_id[:80]!r} is no id of a job: `kiln jobs list` shows yours")
    return f"/v1/jobs/{job_id}"


def print_job(job: Mapping[str, Any]) -> None:
    """A job, line by line."""
    facts = {
        "job": job["id"],
        "state": job["state"],
        "why": (job.get("failure") or {}).get("message", ""),
        "kind": job["kind"],
        "recipe": job["recipe"],
        "done": _share(job),
        "before it": "" if job.get("queue_position") is None else job["queue_position"],
        "created": moment(job["created_ms"]),
        "started": moment(job["started_ms"]),
        "ended": moment(job["ended_ms"]),
    }
    for label, value in facts.items():
        if value != "":
            click.echo(f"{label:10}{value}")
    for name, file in sorted(job.get("results", {}).items()):
        click.echo(f"  {file['sha256'][:12]}  {file['size']:>12,}  {name}")


def _end_of(job_id: str, progress: LiveProgress | None, **where: Any) -> Mapping[str, Any]:
    """The job once it has succeeded. Raises what its failure means, as if it had been done here."""
    from kiln.faces.remote.work import finished

    job_path(job_id)
    return finished(address(**where), job_id, on_event=progress)


def _row(job: Mapping[str, Any]) -> tuple[Any, ...]:
    return (job["id"], job["kind"], job["recipe"], job["state"], _share(job), moment(job["created_ms"]))


def _share(job: Mapping[str, Any]) -> str:
    """How far it is: "45 % bake"."""
    if job["state"] not in ("running", "cancelling"):
        return ""
    return f"{100 * job['progress']['share']:.0f} % {job['progress']['stage']}".strip()
