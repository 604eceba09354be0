"""Where in a request the fault is that a message tells of: rooms below know nothing of JSON pointers, but they name what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from kiln.errors import ConflictError, InputError, RefusedError
from kiln.faces.http.problem import Fault, Refusal, sort_of
from kiln.faces.http.shapes import JobAsked
from kiln.faces.http.site import Site
from kiln.intake.webhook import check_webhook_url
from kiln.jobs.telemetry import metrics

_DOTTED: Final = re.compile(r"\b(\w+)\.(\w+)")
_WORD: Final = re.compile(r"\w+")
_TOPICS: Final[Mapping[str, str]] = {"recipe": "/recipe", "batch": "/batch_id", "input": "/inputs", "pictures": "/inputs"}
"""What a message is about that names no field of those that were given."""


@contextmanager
def pointed_at(asked: JobAsked) -> Iterator[None]:
    """Within the block, an InputError that names a field of what was asked becomes one that points at it."""
    try:
        yield
    except (ConflictError, RefusedError):
        raise
    except InputError as error:
        pointer = pointer_to(str(error), parameters=asked.parameters, inputs=asked.inputs)
        if pointer is None:
            raise
        raise Refusal(sort_of(error), str(error), faults=(Fault(detail=str(error), pointer=pointer),)) from None


def pointer_to(message: str, *, parameters: Mapping[str, Any], inputs: Mapping[str, str]) -> str | None:
    """The first field that the message names, the most exact first; None when it names none that was given."""
    for stage, name in _DOTTED.findall(message):
        if isinstance(parameters.get(stage), Mapping) and name in parameters[stage]:
            return f"/parameters/{stage}/{name}"
    words = set(_WORD.findall(message))
    for role, file_id in inputs.items():
        if role in words or file_id in words or ("." in role and role in message):
            return f"/inputs/{role}"
    stage = next((stage for stage in parameters if stage in words), None)
    if stage is not None:
        return f"/parameters/{stage}"
    return next((pointer for word, pointer in _TOPICS.items() if word in words), None)


def check_webhook(site: Site, url: str | None) -> None:
    """Refusal, which points at it, for a webhook that does not lead to the public internet."""
    if url is None:
        return
    try:
        check_webhook_url(url, network=site.network)
    except RefusedError as error:
        metrics.refused(error)
        raise Refusal(sort_of(error), str(error), faults=(Fault(detail=str(error), pointer="/webhook_url"),)) from None
