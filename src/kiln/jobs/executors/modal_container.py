"""The far side of a lane on Modal: what the deployed functions call. It needs nothing of Modal's, so it can be tried anywhere."""

from __future__ import annotations

import functools
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kiln import settings
from kiln.jobs.executors.far_lane import follow, is_last
from kiln.jobs.executors.interface import LaneKind
from kiln.jobs.executors.lane import Lane
from kiln.jobs.executors.lane_setup import LaneSetup, LaneSite, setup_on
from kiln.jobs.executors.wire import Message
from kiln.jobs.telemetry.logs import configure_logging

_PROGRESS_EVERY_S: Final = 0.5
"""Progress that comes faster is left out: each sign is a request. Other signs are never left out."""


def container_lane(setup: LaneSetup, kind: LaneKind) -> Lane:
    """A lane that has the whole container, and its GPUs if it has some; keep it for as long as the container lives."""
    scratch = Path(tempfile.gettempdir()) / "kiln" / "lanes"
    device = "0" if kind == "gpu" else None
    return Lane(setup, LaneSite(name=f"modal-{kind}", threads=settings.threads(), scratch=scratch, device=device))


@functools.cache
def deployed_lane(kind: LaneKind) -> Lane:
    """The lane of this container, on the store that KILN_STORE and the AWS_ variables of the deployed app's secret say."""
    setup = setup_on(settings.store_url())
    configure_logging(secrets=setup.secrets)  # what stages print ends in Modal's log of the app, as lines that name the job
    return container_lane(setup, kind)


def answer(lane: Lane, call: str, *, tell: Callable[[str], None]) -> str:
    """Run a call, given as JSON, and give its last message as JSON; `tell` hears of the others as they come."""
    told_at = float("-inf")
    for message in follow(lane, json.loads(call), is_stopped=lambda: False):
        if is_last(message):
            return json.dumps(message)
        if _is_progress(message):
            if time.monotonic() - told_at < _PROGRESS_EVERY_S:
                continue
            told_at = time.monotonic()
        tell(json.dumps(message))
    raise AssertionError("a followed call ends with a last message")


def _is_progress(message: Message) -> bool:
    return message["kind"] == "sign" and message["sign"]["kind"] == "progress"
