"""Messages between a worker and its lane: JSON objects over a pipe, each after its length in 4 bytes, big-endian."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO, Final

from kiln.errors import KilnError

_LENGTH: Final = struct.Struct(">I")

LONGEST_BYTES: Final = 16 << 20
"""Of one message; a length beyond it means that something else than messages is in the pipe."""

Message = dict[str, Any]


class WireError(KilnError):
    """What came through the pipe is no message, or what should go through it is too long for one."""


def encode(message: Message) -> bytes:
    """One message as it goes through the pipe. WireError when it is too long."""
    text = json.dumps(message, separators=(",", ":")).encode()
    if len(text) > LONGEST_BYTES:
        raise WireError(f"a message of {len(text)} bytes is longer than {LONGEST_BYTES}: keep data in the store, and send references")
    return _LENGTH.pack(len(text)) + text


def send(pipe: BinaryIO, encoded: bytes) -> None:
    """Write what `encode` made. OSError when nobody reads any more."""
    pipe.write(encoded)
    pipe.flush()


def receive(pipe: BinaryIO) -> Message | None:
    """Read one message; None when the pipe was closed between two. WireError when it was closed within one, or holds something else."""
    head = pipe.read(_LENGTH.size)
    if not head:
        return None
    length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
    if not 0 < length <= LONGEST_BYTES:
        raise WireError(f"no message starts with {head!r}")
    text = pipe.read(length)
    if len(text) < length:
        raise WireError(f"the pipe was closed after {len(text)} of a message's {length} bytes")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError(f"a message is not JSON: {error}") from error
    if not isinstance(message, dict):
        raise WireError(f"a message must be an object, not {type(message).__name__}")
    return message
