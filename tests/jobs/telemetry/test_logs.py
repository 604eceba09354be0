"""A log line is one line, says whose it is, holds no secret, and cannot be forged by what a user wrote (case 23)."""

from __future__ import annotations

import io
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from kiln.errors import InputError
from kiln.jobs.telemetry.logs import configure_logging, log_context

LOG = logging.getLogger("kiln.test")
SECRETS = "postgresql://kiln:hunter22@db/kiln\nkiln_0123456789abcdef_" + "x" * 43
ATTACK = 'a dragon\r\n{"level": "error", "message": "forged"}\x1b[2J\x1b]0;owned\x07\u2028\u202e'


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    kept = (root.handlers[:], root.level, threading.excepthook, logging.Logger.manager.loggerDict.copy())
    yield
    root.handlers[:], root.level, threading.excepthook = kept[0], kept[1], kept[2]
    logging.captureWarnings(capture=False)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "fastapi", "dbos"):
        logging.getLogger(name).handlers.clear()


def json_lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def logging_to(**options: Any) -> io.StringIO:
    stream = io.StringIO()
    configure_logging(stream=stream, **options)
    return stream


def fail(words: str) -> None:
    raise ValueError(words)


def test_a_line_says_whose_it_is() -> None:
    stream = logging_to(as_json=True)
    with log_context(job="job_1", tenant="studio"), log_context(stage="bake"):
        LOG.info("%d texels", 7, extra={"lane": "cpu0"})
    LOG.info("and on")
    first, second = json_lines(stream)
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "info",
        "logger": "kiln.test",
        "message": "7 texels",
        "job": "job_1",
        "stage": "bake",
        "lane": "cpu0",
        "tenant": "studio",
    }
    assert "job" not in second


def test_what_a_record_says_itself_counts_before_the_context() -> None:
    stream = logging_to(as_json=True)
    with log_context(job="job_1"):
        LOG.info("hello", extra={"job": "job_2"})
    assert json_lines(stream)[0]["job"] == "job_2"


@pytest.mark.parametrize("as_json", [True, False])
def test_what_a_user_wrote_is_inert(as_json: bool) -> None:
    stream = logging_to(as_json=as_json)
    with log_context(job=ATTACK):
        LOG.warning("the prompt is %s", ATTACK)
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert text.rstrip("\n").isprintable()


@pytest.mark.parametrize("as_json", [True, False])
def test_no_secret_is_written(as_json: bool) -> None:
    stream = logging_to(as_json=as_json, secrets=["correct horse"])
    try:
        fail(SECRETS)
    except ValueError:
        LOG.exception("with the password correct horse, and Bearer abcdefgh", extra={"route": "/v1/files/a?signature=0123456789"})
    text = stream.getvalue()
    assert [word for word in ("hunter22", "xxxx", "correct horse", "abcdefgh", "0123456789") if word in text] == []
    assert "ValueError" in text


def test_a_traceback_cannot_pass_for_a_record() -> None:
    stream = logging_to(as_json=False)
    try:
        fail("first\n12:00:00 error   forged")
    except ValueError:
        LOG.exception("it failed")
    assert all(line.startswith("  | ") for line in stream.getvalue().splitlines()[1:])


@pytest.mark.parametrize("name", ["uvicorn.access", "uvicorn.error", "dbos", "fastapi"])
def test_libraries_write_through_it(name: str) -> None:
    library = logging.getLogger(name)
    library.propagate = False
    library.addHandler(logging.StreamHandler(io.StringIO()))
    stream = logging_to(as_json=True)
    library.warning("GET /v1/files/x?signature=0123456789")
    assert [line["logger"] for line in json_lines(stream)] == [name]
    assert "0123456789" not in stream.getvalue()


def test_the_engine_adds_no_handler_of_its_own() -> None:
    from dbos._logger import init_logger

    stream = logging_to(as_json=True)
    init_logger()
    logging.getLogger("dbos").warning("hello")
    assert len(json_lines(stream)) == 1


def test_a_thread_that_fails_and_a_warning_are_logged() -> None:
    stream = logging_to(as_json=True)

    thread = threading.Thread(target=fail, args=["nobody foresaw this"], name="worker")
    thread.start()
    thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    said = [line["message"] for line in json_lines(stream)]
    assert said[0] == "the thread worker ended with an error"
    assert "old" in said[1]


def test_arguments_that_do_not_fit_lose_no_line() -> None:
    stream = logging_to(as_json=True)
    LOG.info("%d things", "many")
    assert "%d things" in json_lines(stream)[0]["message"]


def test_a_flood_is_cut_and_half_a_character_is_written() -> None:
    stream = logging_to(as_json=False)
    LOG.info("%s\ud800", "x" * 100_000)
    LOG.info("\ud800")
    assert len(stream.getvalue()) < 20_000
    assert "83617 characters more" in stream.getvalue()
    stream.getvalue().encode()


def test_a_terminal_gets_words_and_a_pipe_gets_json() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    configure_logging(stream=terminal)
    LOG.info("hello")
    assert terminal.getvalue().endswith("info    hello\n")
    pipe = logging_to()
    LOG.info("hello")
    assert json_lines(pipe)[0]["message"] == "hello"


def test_levels() -> None:
    stream = logging_to(as_json=True, level="warning")
    LOG.info("unheard")
    assert stream.getvalue() == ""
    with pytest.raises(InputError, match="did you mean 'warning'"):
        configure_logging(level="warnin")
