"""What every long-running command has for those who run it: logs, traces, and webhooks that are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote, urlsplit

import click

from kiln import settings

if TYPE_CHECKING:
    from kiln.jobs.service import Service

LogFormat = Literal["auto", "json", "text"]

_AS_JSON: Final[dict[LogFormat, bool | None]] = {"auto": None, "json": True, "text": False}

_OPTIONS: Final = (
    click.option(
        "--log-format",
        type=click.Choice(["auto", "json", "text"]),
        default="auto",
        help="Of the lines on stderr; auto: text on a terminal, else JSON. [default: auto]",
    ),
    click.option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        help="What is logged: this and what is worse. [default: info]",
    ),
)


def log_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of whatever writes logs."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextmanager
def observed(role: Literal["serve", "worker"], *, name: str, log_format: LogFormat, log_level: str) -> Iterator[None]:
    """Logs, and traces where the environment asks for them, within the block. SetupError when traces are asked for without the extra."""
    from kiln.jobs.telemetry.logs import configure_logging, log_context
    from kiln.jobs.telemetry.tracing import configure_tracing
    from kiln.version import VERSION

    configure_logging(as_json=_AS_JSON[log_format], level=log_level, secrets=_secrets())
    end_tracing = configure_tracing(service=f"kiln-{role}", version=VERSION, executor_id=name)
    try:
        with log_context(executor=name):
            yield
    finally:
        end_tracing()


@contextmanager
def sending_webhooks(service: Service) -> Iterator[None]:
    """The service's webhooks are sent within the block."""
    from kiln.intake.connection import Network
    from kiln.jobs.upkeep.postman import Postman

    postman = Postman(service, network=Network(own_hosts=settings.webhook_hosts()))
    postman.start()
    try:
        yield
    finally:
        postman.close()


@contextmanager
def counting_queue(service: Service) -> Iterator[None]:
    """Whoever asks for numbers within the block is told what waits, too."""
    from kiln.jobs.telemetry.queue_metrics import watch_queue

    stop = watch_queue(service.database)
    try:
        yield
    finally:
        stop()


def _secrets() -> tuple[str, ...]:
    """What this process knows and no line may hold: the database's password, as it is and as URLs write it, and its key."""
    password = urlsplit(settings.database_url() or "").password
    passwords = () if password is None else (password, unquote(password))
    return (*passwords, *filter(None, [settings.api_key()]))
