"""One service, spoken to over HTTP: every wait has a time limit, and what may pass, such as a restart, is tried again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx

from kiln.errors import Cancelled, InputError, StorageError
from kiln.faces.remote.address import Address
from kiln.faces.remote.answers import error_of_answer
from kiln.version import VERSION

Result = TypeVar("Result")

PATIENCE_S: Final = 120.0
"""How long a server may be away once it has answered: a restart, or an upgrade of its machine's packages."""

_FIRST_PATIENCE_S: Final = 3.0
"""Before it has answered once, it is more likely that there is none."""

_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0

_CONNECT_S: Final = 10.0
_ANSWER_S: Final = 60.0
"""For an answer's next bytes. A large upload is checked to its end before it is answered, by a child process with limits of its own."""

_POLL_S: Final = 0.1
"""Between two looks at whether to stop, while nothing is to be done but wait."""

_MAY_PASS: Final = (429, 502, 503, 504)


class Connection:
    """A service over HTTP; safe to use from many threads. Leave it as a context to close it."""

    def __init__(self, address: Address, *, stop: threading.Event | None = None, patience_s: float = PATIENCE_S) -> None:
        """`stop` ends every wait with Cancelled."""
        self.address = address
        self._stop = stop or threading.Event()
        self._patience_s = patience_s
        self._answered = False
        key = {} if address.api_key is None else {"Authorization": f"Bearer {address.api_key}"}
        self._client = httpx.Client(
            base_url=address.url,
            headers={"User-Agent": f"kiln/{VERSION}", **key},
            timeout=httpx.Timeout(_ANSWER_S, connect=_CONNECT_S),
            follow_redirects=False,
            trust_env=not address.is_here,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def get(self, path: str, **params: Any) -> Any:
        """The JSON at a path; parameters that are None are left out."""
        return self._json("GET", path, params={name: value for name, value in params.items() if value is not None})

    def post(self, path: str, body: Any = None, *, key: str | None = None, again: bool = True) -> Any:
        """The JSON that comes of posting some. `key` goes as Idempotency-Key; without one, `again` says that doing it twice is harmless."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return self._json("POST", path, again=again or key is not None, headers=headers, **({} if body is None else {"json": body}))

    def delete(self, path: str) -> Any:
        """What comes of deleting what is at a path."""
        return self._json("DELETE", path)

    def send(self, path: str, *, files: Callable[[], Mapping[str, Any]]) -> Any:
        """The JSON that comes of sending a form's files, which are opened anew for every try."""
        return self._json("POST", path, parts=files)

    @contextmanager
    def stream(self, path: str, *, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """An answer whose body is read bit by bit; once only, whoever reads tries again.

        A URL or redirect that leads elsewhere, such as to an object store, is followed without the key.
        """
        request = self._client.build_request("GET", path, headers=dict(headers))
        if _origin(request.url) != _origin(self._client.base_url):
            request.headers.pop("Authorization", None)
        with closing(self._client.send(request, stream=True, follow_redirects=True)) as answer:
            if answer.status_code >= 400:
                answer.read()
                raise (
                    error_of_answer(answer) if answer.status_code not in _MAY_PASS else Away(error_of_answer(answer), after_s=_wait(answer))
                )
            yield answer

    def patiently(self, action: Callable[[], Result]) -> Result:
        """What an action gives, tried again with growing pauses while the server is away or asks to wait.

        StorageError when it stays away, Cancelled when told to stop.
        """
        began, pause = time.monotonic(), _FIRST_PAUSE_S
        while True:
            try:
                result = action()
            except (httpx.TransportError, Away) as error:
                patience = self._patience_s if self._answered or isinstance(error, Away) else _FIRST_PATIENCE_S
                wait = max(pause, error.after_s) if isinstance(error, Away) else pause
                if time.monotonic() + wait - began > patience:
                    raise self._gone(error) from None
                self.wait(wait * random.uniform(0.8, 1.2))  # noqa: S311 - so that not all clients come back at the same moment
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            else:
                self._answered = True
                return result

    def wait(self, seconds: float) -> None:
        """Let time pass. Cancelled when told to stop meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._stop.wait(min(left, _POLL_S)):
                raise Cancelled("stopped")

    def _json(
        self, method: str, path: str, *, again: bool = True, parts: Callable[[], Mapping[str, Any]] | None = None, **said: Any
    ) -> Any:
        def ask() -> Any:
            given = said if parts is None else {**said, "files": parts()}
            answer = self._client.request(method, path, **given)
            if answer.status_code in _MAY_PASS:
                raise Away(error_of_answer(answer), after_s=_wait(answer))
            return _read(answer)

        if again:
            return self.patiently(ask)
        try:
            return ask()
        except (httpx.TransportError, Away) as error:
            raise self._gone(error) from None

    def _gone(self, error: Exception) -> Exception:
        """What to tell when there is no use in waiting any longer."""
        if isinstance(error, Away):
            return error.meaning
        if self._answered:
            return StorageError(f"{self.address.url} does not answer any more ({_cause(error)}); what was submitted goes on there")
        return StorageError(
            f"no Kiln server answers at {self.address.url} ({_cause(error)}): start one with `kiln serve`, or name another with --server"
        )


class Away(Exception):
    """The server cannot answer now, and may a little later."""

    def __init__(self, meaning: Exception, *, after_s: float) -> None:
        super().__init__()
        self.meaning = meaning
        self.after_s = after_s


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _wait(answer: httpx.Response) -> float:
    """Seconds that a server asks to wait; 0 when it does not say."""
    asked = answer.headers.get("retry-after", "")
    return float(asked) if asked.isascii() and asked.isdigit() else 0.0


def _read(answer: httpx.Response) -> Any:
    if answer.status_code >= 400:
        raise error_of_answer(answer)
    if answer.status_code == 204:
        return None
    try:
        return answer.json()
    except ValueError:
        raise InputError(f"{answer.request.url.host} does not speak as a Kiln server: see that --server names one") from None


def _cause(error: Exception) -> str:
    """An httpx error in a few words, without the URL's query."""
    return str(error) or type(error).__name__
