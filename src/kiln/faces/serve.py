"""`kiln serve`: the HTTP service, with a worker of its own, in one process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kiln import settings
from kiln.errors import SetupError
from kiln.faces.lanes import LaneChoice, lane_options
from kiln.faces.operation import LogFormat, counting_queue, log_options, observed
from kiln.faces.remote.address import is_loopback
from kiln.faces.stop_signals import StopSignals
from kiln.faces.worker import data_option, grace_option, running_worker, stop_within

if TYPE_CHECKING:
    from kiln.faces.http.options import HttpOptions
    from kiln.intake.connection import Network
    from kiln.jobs.service import Service

_ANSWERING_S: Final = 5
"""How long requests that are being answered may take when the service stops; streams are ended at once, and clients come back to them."""


@click.command()
@click.option("--host", default="127.0.0.1", help="Where to listen: 0.0.0.0 for everybody who reaches this machine. [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), default=8600, help="Where to listen; 0 takes any free port. [default: 8600]")
@data_option
@click.option("--worker/--no-worker", "with_worker", default=True, help="Also carry jobs out, in this process. [default: on]")
@lane_options
@click.option(
    "--public-without-key",
    is_flag=True,
    help="Listen for everybody although nobody needs a key: who reaches it by an address, or a name of its own network, may use it.",
)
@grace_option
@log_options
def serve(
    host: str,
    port: int,
    data: Path,
    with_worker: bool,
    public_without_key: bool,
    grace_s: float,
    log_format: LogFormat,
    log_level: str,
    **lanes: Any,
) -> None:
    """Run Kiln as a service over HTTP, with its own queue and worker.

    \b
    From an empty folder it needs no configuration: jobs, files and keys are kept in ./data.
      kiln serve
      kiln make skewer.png --server http://127.0.0.1:8600
    It is described at /openapi.json. Ctrl-C or SIGTERM lets running jobs end within --grace; a second one stops at once.
    Whatever was not finished goes on after the next start.
    """
    from kiln.faces.http.options import HttpOptions
    from kiln.faces.http.server import listen
    from kiln.intake.connection import Network
    from kiln.jobs.service import open_service

    store_url = settings.chosen_store_url() or str(data.resolve() / "store")
    name = f"{socket.gethostname()}-serve"
    with observed("serve", name=name, log_format=log_format, log_level=log_level), StopSignals() as signals, ExitStack() as stack:
        listener = stack.enter_context(listen(host, port))
        service = stack.enter_context(open_service(data=data, store_url=store_url))
        keyless = _check_door(service, host, without_key=public_without_key)
        stack.enter_context(counting_queue(service))
        worker = None
        if with_worker:
            started = running_worker(service, LaneChoice(**lanes), name=name, data=data, store_url=store_url)
            worker = stack.enter_context(started)
        options = HttpOptions(loopback=is_loopback(host), open_to_all=public_without_key)
        http = stack.enter_context(_answering(service, listener, options, Network(own_hosts=settings.webhook_hosts())))
        _greet(listener, data, keyless=keyless, with_worker=with_worker)
        signals.wait(1, or_until=lambda: not http.is_alive())
        click.echo("kiln stops; what does not end now goes on after the next start")
        if worker is not None:
            stop_within(grace_s, worker, signals)


def _check_door(service: Service, host: str, *, without_key: bool) -> bool:
    """Whether nobody needs a key. SetupError when everybody could come in without one, and nobody has said that this is meant."""
    from kiln.jobs.records.lookups import has_keys

    if has_keys(service.database):
        return False
    if not is_loopback(host) and not without_key:
        raise SetupError(
            f"{host} is reached from other machines, and there is no key yet: make one with `kiln keys create`, "
            "listen on 127.0.0.1, or say --public-without-key"
        )
    return True


@contextmanager
def _answering(service: Service, listener: socket.socket, options: HttpOptions, network: Network) -> Iterator[threading.Thread]:
    """The HTTP service in a thread of its own, which ends with the block."""
    from kiln.faces.http.app import make_app
    from kiln.faces.http.server import Server

    server = Server(make_app(service, options=options, network=network), drain_s=_ANSWERING_S)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        server.should_exit = True
        thread.join(timeout=2 * _ANSWERING_S)


def _greet(listener: socket.socket, data: Path, *, keyless: bool, with_worker: bool) -> None:
    """Say in plain words what runs, and where."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"kiln listens at http://{shown}:{port}")
    click.echo(f"its own files lie in {data.resolve()}" if settings.database_url() else f"its data lies in {data.resolve()}")
    if keyless and is_loopback(host):
        click.echo("no key is needed, because only this machine reaches it; once there is one (`kiln keys create`), all need one")
    elif keyless:
        click.echo("WARNING: no key is needed, and other machines reach it")
    else:
        click.echo("a key is needed, as `kiln keys create` makes them")
    if not with_worker:
        cure = "start `kiln worker` for that" if settings.database_url() else "leave out --no-worker for that"
        click.echo(f"it carries no jobs out itself: {cure}")
