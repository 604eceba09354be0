"""The far side of a lane that is not on this machine: whoever hosts it there runs a local Lane, and so keeps all the laws of one.

What crosses the network are the same messages as cross a local lane's pipe: "begun" with the version of Kiln there, then signs, and at last
"done" or "failed".
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kiln.errors import SetupError
from kiln.jobs.executors.failure import as_data, from_data
from kiln.jobs.executors.interface import Progress, StageCall, StageResult
from kiln.jobs.executors.lane import Lane
from kiln.jobs.executors.wire import Message
from kiln.version import VERSION


def follow(lane: Lane, call: Mapping[str, Any], *, is_stopped: Callable[[], bool]) -> Iterator[Message]:
    """Run a call, given as plain data, in this lane, and say what happens as it happens. Nothing is raised: a failure is the last message.

    Whoever turns away before the last message has the call stopped, and waits for that: the lane is ready for the next one then.
    """
    yield {"kind": "begun", "version": VERSION}
    said: queue.SimpleQueue[Message] = queue.SimpleQueue()
    left = threading.Event()
    arguments = (lane, call, lambda: left.is_set() or is_stopped(), said.put)
    thread = threading.Thread(target=_run, args=arguments, name="a call from afar", daemon=True)
    thread.start()
    try:
        while not is_last(message := said.get()):
            yield message
        yield message
    finally:
        left.set()
        thread.join()


def is_last(message: Message) -> bool:
    """Whether nothing follows this message."""
    return message["kind"] in {"done", "failed"}


def wrong_version(begun: Message) -> SetupError | None:
    """What is wrong when the far side is of another version: its stages may make something else under the same name."""
    if begun["version"] == VERSION:
        return None
    return SetupError(f"the far side runs Kiln {begun['version']} and this worker {VERSION}: install the same version on both")


def read_end(message: Message, *, secrets: Iterable[str] = ()) -> StageResult:
    """The result that the last message tells of. Raises the failure, if it is that."""
    if message["kind"] == "failed":
        raise from_data(message["error"], secrets=secrets)
    return StageResult.model_validate(message["result"])


def _run(lane: Lane, call: Mapping[str, Any], is_stopped: Callable[[], bool], say: Callable[[Message], None]) -> None:
    def tell(sign: Progress) -> None:
        say({"kind": "sign", "sign": sign.model_dump(mode="json")})

    try:
        result = lane.run(StageCall.model_validate(call), on_progress=tell, cancel=is_stopped)
        say({"kind": "done", "result": result.model_dump(mode="json")})
    except BaseException as error:  # noqa: BLE001 - whatever it is, the worker must hear of it
        say({"kind": "failed", "error": as_data(error, stage=str(call.get("stage")))})
