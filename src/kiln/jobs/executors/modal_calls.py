"""Modal's functions, calls and queue as far as they are needed, with Modal's failures told as ours. The package is handed in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from kiln.errors import BackendError, KilnError, SetupError, TimeLimitError
from kiln.jobs.executors.failure import LaneBusy, LaneCrashed

PROGRESS: Final = "kiln-progress"
"""The queue through which containers tell of running calls; each call has a partition of its own, named by its id."""

_SIGNS_AT_ONCE: Final = 100

_OUT_OF_REACH: Final = ("ConnectionError", "ServiceError", "InternalError", "ClientClosed")
_GONE: Final = ("OutputExpiredError", "NotFoundError")
_BAD_SETUP: Final = ("AuthError", "PermissionDeniedError", "VersionError", "InvalidError")


class CloudUnreachableError(BackendError):
    """Modal does not answer now. A call that runs there goes on, and is picked up again by the next try."""


class CallGoneError(BackendError):
    """Modal no longer knows the call or its result: results are kept for seven days."""


class ModalCalls:
    """The functions of one deployed app, and calls of them by id. `modal` is the package of that name, or what has its shape."""

    def __init__(self, modal: Any, *, app: str) -> None:
        self._modal = modal
        self._app = app

    def spawn(self, function: str, call: str) -> str:
        """Have Modal run a call, given as JSON, and give its id at once. LaneBusy when Modal takes no more now."""
        with self._explained():
            try:
                return str(self._modal.Function.from_name(self._app, function).spawn(call).object_id)
            except self._modal.exception.NotFoundError as error:
                raise SetupError(
                    f"Modal has no {function} in the app {self._app}: deploy it, modal deploy examples/modal_app.py"
                ) from error
            except self._modal.exception.ResourceExhaustedError as error:
                raise LaneBusy(f"Modal takes no more calls now ({error}): try again later, or raise the workspace's limits") from error

    def poll(self, call_id: str, *, wait_s: float) -> str | None:
        """What the function returned; None while it runs. Waits up to wait_s seconds.

        TimeLimitError when Modal stopped it at its timeout, LaneCrashed when it was cancelled or its container was lost.
        """
        failures = self._modal.exception
        with self._explained():
            try:
                return str(self._modal.FunctionCall.from_id(call_id).get(timeout=wait_s))
            except failures.FunctionTimeoutError as error:
                raise TimeLimitError(
                    f"Modal stopped call {call_id} at the function's timeout: raise it in the app, or ask for less"
                ) from error
            except self._named(*_GONE) as error:
                raise CallGoneError(f"Modal no longer knows call {call_id}: it is made again") from error
            except self._named(*_OUT_OF_REACH, *_BAD_SETUP):
                raise
            except failures.TimeoutError as error:
                raise LaneCrashed(f"call {call_id} was lost on Modal ({_words(error)}); try again") from error
            except TimeoutError:
                return None
            except OSError:
                raise
            except (Exception, failures.InputCancellation) as error:
                raise LaneCrashed(f"call {call_id} was lost on Modal ({_words(error)}); try again") from error

    def signs(self, call_id: str) -> list[str]:
        """What the container has told of this call since the last look, oldest first."""
        with self._explained():
            told = self._modal.Queue.from_name(PROGRESS, create_if_missing=True)
            return [str(sign) for sign in told.get_many(_SIGNS_AT_ONCE, block=False, partition=call_id)]

    def cancel(self, call_id: str) -> None:
        """Stop a call at once, and the container it runs in, so that nothing more of it is paid for."""
        with self._explained():
            self._modal.FunctionCall.from_id(call_id).cancel(terminate_containers=True)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Modal's own failures, and those of the way to it, as ours."""
        try:
            yield
        except KilnError:
            raise
        except self._named(*_OUT_OF_REACH) + (OSError,) as error:  # noqa: RUF005 - mypy cannot tell what is unpacked
            raise CloudUnreachableError(f"Modal cannot be reached ({_words(error)}): try again later") from error
        except self._named(*_BAD_SETUP) as error:
            raise SetupError(f"Modal refuses this worker ({_words(error)}): run modal token set, or update the package modal") from error
        except self._modal.exception.Error as error:
            raise BackendError(f"Modal failed ({_words(error)}): try again") from error

    def _named(self, *names: str) -> tuple[type[BaseException], ...]:
        return tuple(getattr(self._modal.exception, name) for name in names)


def _words(error: BaseException) -> str:
    """A failure in one line."""
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
