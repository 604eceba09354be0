"""The service's logs: one line a record, JSON for machines or words for a terminal, with the job it belongs to and without secrets.

Every logger of the process ends here, our own, uvicorn's and the engine's alike. A line is inert whatever a user wrote into a prompt or a
file's name: no control character, no line break that could forge another record, no secret.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from kiln.errors import InputError, did_you_mean
from kiln.jobs.telemetry.scrub import scrub

LEVELS: Final = ("debug", "info", "warning", "error")

FIELDS: Final = ("job", "stage", "lane", "attempt", "tenant", "request_id", "executor", "method", "route", "status", "ms")
"""What a line may say besides time, level, logger and message: from `log_context`, or a record's `extra`."""

_LONGEST_MESSAGE: Final = 16 * 1024
"""Characters; what is longer is cut, and says so."""

_LONGEST_TRACE: Final = 200
"""Lines of a traceback; of a longer one the last are kept, because they say what happened."""

_FOREIGN: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "fastapi", "dbos")
"""Loggers of libraries that would otherwise write on their own."""

_NOISY: Final = ("httpx", "httpcore", "urllib3", "asyncio", "opentelemetry", "dbos", "uvicorn")
"""Libraries whose `info` is our `debug`."""

_context: ContextVar[Mapping[str, Any]] = ContextVar("kiln_log_context")


@contextmanager
def log_context(**fields: Any) -> Iterator[None]:
    """Have every line of this thread or task say these FIELDS within the block; an inner block adds to an outer one."""
    token = _context.set({**_context.get({}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def configure_logging(
    *, as_json: bool | None = None, level: str = "info", stream: TextIO | None = None, secrets: Iterable[str] = ()
) -> None:
    """Send all records of this level and above to the stream, stderr by default; calling again replaces what the last call set up.

    `as_json` None means: words on a terminal, JSON elsewhere. `secrets` are values that no line may hold, such as the database's password.
    InputError for a level that is none.
    """
    if level not in LEVELS:
        raise InputError(f"there is no log level {level[:40]!r}: {did_you_mean(level, LEVELS)}")
    target = stream or sys.stderr
    wants_json = not target.isatty() if as_json is None else as_json
    handler = logging.StreamHandler(target)
    handler.setFormatter((JsonLines if wants_json else Words)(tuple(secrets)))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    _take_over(debug=level == "debug")
    logging.captureWarnings(capture=True)
    threading.excepthook = _tell_of_thread


def _take_over(*, debug: bool) -> None:
    """Let the libraries' records come to us. The engine adds a handler of its own to its logger unless there is one."""
    for name in _FOREIGN:
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = True
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.DEBUG if debug else logging.WARNING)


def _tell_of_thread(failed: threading.ExceptHookArgs) -> None:
    """Log what ended a thread; Python itself would print it past us."""
    if failed.exc_value is None or isinstance(failed.exc_value, SystemExit):
        return
    name = failed.thread.name if failed.thread else "that is gone"
    logging.getLogger("kiln").error("the thread %s ended with an error", name, exc_info=failed.exc_value)


class _Clean(logging.Formatter):
    """What both kinds of lines have in common."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__()
        self._secrets = secrets

    def clean(self, text: str) -> str:
        """Text that is fit for a line."""
        cut = text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}... and {len(text) - _LONGEST_MESSAGE} characters more"
        return scrub(cut, secrets=self._secrets).encode("utf-8", "backslashreplace").decode("utf-8")

    def message(self, record: logging.LogRecord) -> str:
        """The record's message; one whose arguments do not fit is told as it was given, rather than lost."""
        try:
            return self.clean(record.getMessage())
        except Exception:  # noqa: BLE001 - somebody's __str__ may raise anything, and logging must not
            return self.clean(f"{record.msg} (with arguments that do not fit)")

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """What the context and the record itself say of FIELDS; the record's own word counts."""
        around = _context.get({})
        said = {name: getattr(record, name, None) or around.get(name) for name in FIELDS}
        return {name: self.clean(value) if isinstance(value, str) else value for name, value in said.items() if value not in (None, "")}

    def trace(self, record: logging.LogRecord) -> list[str]:
        """The lines of the record's traceback, each clean."""
        if not record.exc_info or record.exc_info[1] is None:
            return []
        lines = "".join(traceback.format_exception(record.exc_info[1])).splitlines()
        return [self.clean(line) for line in lines[-_LONGEST_TRACE:]]


class JsonLines(_Clean):
    """Each record as one JSON object: time, level, logger, message, FIELDS, and "error" with the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of ASCII."""
        told = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name, "message": self.message(record)}
        trace = self.trace(record)
        error = {"error": "\n".join(trace)} if trace else {}
        return json.dumps({**told, **self.fields(record), **error}, default=str)


class Words(_Clean):
    """Each record as a line to read; a traceback's lines follow, marked so that none can pass for a record."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and one for each of the traceback's."""
        fields = " ".join(f"{name}={value}" for name, value in self.fields(record).items())
        clock = _time(record)[11:19]
        line = f"{clock} {record.levelname.lower():<7} {self.message(record)}{f'  [{fields}]' if fields else ''}"
        return "\n".join([line, *(f"  | {step}" for step in self.trace(record))])


def _time(record: logging.LogRecord) -> str:
    """As 2026-11-20T20:15:30.123Z."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
