"""The child's side of a lane: `python -m kiln.jobs.executors.lane_child`. Answers one call after the other, and keeps what it has loaded.

The first message says what to be; then come calls, and words to stop the running one. When the pipe is closed, the worker is gone, and the
child ends at once with all it has started. Standard output belongs to whoever prints: messages have a pipe of their own.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from pydantic import ValidationError

from kiln.errors import KilnError, RecipeError
from kiln.jobs.executors import own_limits
from kiln.jobs.executors.codec import Made, StageCodec
from kiln.jobs.executors.device_lock import device_lock
from kiln.jobs.executors.failure import as_data
from kiln.jobs.executors.interface import Progress, StageCall, StageResult
from kiln.jobs.executors.lane_setup import load
from kiln.jobs.executors.orphan import end_at_once, end_with
from kiln.jobs.executors.scratch import claim
from kiln.jobs.executors.terms import FELL_SHORT, FellShort, judge_of
from kiln.jobs.executors.wire import Message, encode, receive, send
from kiln.stages.stage import Context, Params, Stage

HEARTBEAT_S: Final = 1.0
"""Between two signs of life of a running stage."""

_PROGRESS_EVERY_S: Final = 0.05
"""Progress that comes faster is left out: nobody sees it, and a stage may report a million times."""


_IDLE_S: Final = 0.3
"""Without a call, after which a lane is taken for idle: the stages of one job follow each other faster."""

Step = Callable[[], Any]
"""A part of warming up, short enough that a call may wait for its end."""


class LaneContext(Context):
    """A Context whose notes are heard at once."""

    def __init__(self, *, tell: Callable[[Progress], None], is_stopped: Callable[[], bool], call: StageCall) -> None:
        super().__init__(on_progress=self._tell_progress, is_stopped=is_stopped, recipe=call.recipe, judge=judge_of(call))
        self._tell = tell
        self._told_at = float("-inf")

    def note(self, sentence: str) -> None:
        """A sentence for people, kept in the report and told now."""
        super().note(sentence)
        self._tell(Progress(kind="note", words=sentence))

    def _tell_progress(self, share: float, words: str) -> None:
        if time.monotonic() - self._told_at >= _PROGRESS_EVERY_S:
            self._told_at = time.monotonic()
            self._tell(Progress(kind="progress", share=share, words=words))


class LaneChild:
    """Runs stages in the main thread while one thread listens and one shows that the process lives."""

    def __init__(self, *, commands: BinaryIO, answers: BinaryIO, hello: Message) -> None:
        self._commands = commands
        self._answers = answers
        self._hello = hello
        self._calls: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._speaking = threading.Lock()
        self._running = 0
        """The number of the call at work; 0 for none."""

        self._stopped = 0
        """The number of the call that was told to stop last."""

    def serve(self) -> None:
        """Load what every call needs, then answer calls until the process ends."""
        for work in (self._listen, self._show_life):
            threading.Thread(target=work, daemon=True).start()
        try:
            codec: StageCodec = load(self._hello["codec"])(**self._hello["codec_options"])
            find: Callable[[str], Stage] = load(self._hello["stages"])
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker must hear of it
            self._fail(0, error, stage="the start of the lane")
            return
        self._say({"kind": "ready"})
        steps: Iterator[Step] = load(self._hello["warm_up"])() if self._hello["warm_up"] else iter(())
        while True:
            message = self._next_call(steps)
            self._answer(message["number"], message["call"], codec=codec, find=find)

    def _next_call(self, steps: Iterator[Step]) -> Message:
        """The next call. When none has come for a moment, the lane warms up meanwhile, and goes on with that the next time."""
        with contextlib.suppress(queue.Empty):
            return self._calls.get(timeout=_IDLE_S)
        for step in steps:
            _take(step)
            with contextlib.suppress(queue.Empty):
                return self._calls.get_nowait()
        return self._calls.get()

    def _answer(self, number: int, data: Message, *, codec: StageCodec, find: Callable[[str], Stage]) -> None:
        """Run one call and say how it ended."""
        mark_output(self._hello["token"], number)
        self._say({"kind": "begun", "number": number})
        self._running = number
        try:
            result = self._run(StageCall.model_validate(data), number, codec=codec, find=find)
            self._say({"kind": "done", "number": number, "result": result.model_dump(mode="json")})
        except BaseException as error:  # noqa: BLE001 - sys.exit in a stage must not end the lane
            self._fail(number, error, stage=str(data.get("stage")))
        finally:
            self._running = 0

    def _run(self, call: StageCall, number: int, *, codec: StageCodec, find: Callable[[str], Stage]) -> StageResult:
        stage = find(call.stage)

        def is_stopped() -> bool:
            return self._stopped == number

        context = LaneContext(tell=lambda sign: self._tell(number, sign), is_stopped=is_stopped, call=call)
        own_limits.forget_peak()
        cpu_before = _cpu_seconds()
        with own_limits.address_space(call.limits.address_bytes), codec.laying_out(call) as files, codec.reading(call, stage) as given:
            params = _read_params(stage, {**call.params, **files})
            with self._turn(call, number, is_stopped):  # others may have the GPU while inputs and outputs are on their way
                self._tell(number, Progress(kind="started", lane=self._hello["name"]))
                began = time.monotonic()
                result = _result_of(stage, given, params, context)
                seconds = time.monotonic() - began
            made = _fallen_short(result) if isinstance(result, FellShort) else codec.write(result, given=given, call=call, stage=stage)
            return StageResult(
                outputs=made.outputs,
                values=made.values,
                notes=tuple(context.notes),
                measures=context.measures,
                seconds=seconds,
                cpu_seconds=_cpu_seconds() - cpu_before,
                peak_bytes=own_limits.peak_bytes(),
                lane=self._hello["name"],
                began_ms=began * 1e3,
            )

    @contextlib.contextmanager
    def _turn(self, call: StageCall, number: int, is_stopped: Callable[[], bool]) -> Iterator[None]:
        """Hold the GPU while a stage runs, where this lane has one."""
        if self._hello["lock"] is None:
            yield
            return
        with device_lock(Path(self._hello["lock"]), wait_s=call.limits.wait_seconds, is_stopped=is_stopped):
            self._say({"kind": "started", "number": number})
            yield

    def _listen(self) -> None:
        """Take messages until the worker is gone."""
        try:
            while (message := receive(self._commands)) is not None:
                if message["kind"] == "stop":
                    self._stopped = message["number"]
                else:
                    self._calls.put(message)
        finally:
            end_at_once()

    def _show_life(self) -> None:
        while True:
            time.sleep(HEARTBEAT_S)
            if self._running:
                self._tell(self._running, Progress(kind="heartbeat", resident_bytes=own_limits.resident_bytes()))

    def _tell(self, number: int, sign: Progress) -> None:
        timed = sign.model_copy(update={"at_ms": time.monotonic() * 1e3})
        self._say({"kind": "sign", "number": number, "sign": timed.model_dump(mode="json")})

    def _fail(self, number: int, error: BaseException, *, stage: str) -> None:
        """Say how a call failed; where nobody foresaw it, the traceback goes to the log."""
        if not isinstance(error, KilnError):
            traceback.print_exception(error)
        self._say({"kind": "failed", "number": number, "error": as_data(error, stage=stage)})

    def _say(self, message: Message) -> None:
        encoded = encode(message)
        with self._speaking:
            try:
                send(self._answers, encoded)
            except OSError:  # nobody reads any more
                end_at_once()


def mark_output(token: str, number: int) -> None:
    """Write into the output that what follows belongs to this call."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(2, f"\n\0{token} {number}\n".encode())


def _read_params(stage: Stage, values: Mapping[str, Any]) -> Params:
    """The stage's parameters. RecipeError when they are not what it takes."""
    try:
        return stage.params.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "its parameters"
        raise RecipeError(f"{stage.name}: {name}: {first['msg']}") from error


def _take(step: Step) -> None:
    """Warm up a little; what fails here fails for the stages that need it, too, and they can say so."""
    try:
        step()
    except Exception as error:  # noqa: BLE001 - nobody waits for it
        traceback.print_exception(error)


def _result_of(stage: Stage, given: Any, params: Params, context: Context) -> Any:
    """What the stage makes, or that it falls short of the contract."""
    try:
        return stage.function(given, params, context)
    except FellShort as short:
        return short


def _fallen_short(short: FellShort) -> Made:
    return Made(outputs={}, values={FELL_SHORT: dict(short.measures)})


def _cpu_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    return sum(os.times()[:4])


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Pipes for commands and answers that nobody else in this process, nor its children, can read or write by accident."""
    commands, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(commands, "rb"), os.fdopen(answers, "wb")


def main() -> None:
    """Be a lane until the worker is gone."""
    commands, answers = _private_pipes()
    hello = receive(commands)
    if hello is not None:
        end_with(hello["parent"])
        own_limits.no_core_dump()
        own_limits.die_before_the_worker()
        claim(Path.cwd())
        LaneChild(commands=commands, answers=answers, hello=hello).serve()


if __name__ == "__main__":
    main()
