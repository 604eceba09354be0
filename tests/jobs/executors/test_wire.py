"""Messages come through whole or not at all."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiln.jobs.executors import wire

Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)


@given(st.lists(st.dictionaries(st.text(), Json, max_size=2), max_size=3))
def test_what_is_sent_is_received(messages: list[wire.Message]) -> None:
    pipe = io.BytesIO()
    for message in messages:
        wire.send(pipe, wire.encode(message))
    pipe.seek(0)
    assert [wire.receive(pipe) for _ in messages] == messages
    assert wire.receive(pipe) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\0\0", "no message starts"),
        (b"\xff\xff\xff\xff", "no message starts"),
        (b"\0\0\0\0", "no message starts"),
        (b"\0\0\0\x09{}", "closed after 2 of a message's 9 bytes"),
        (b"\0\0\0\x02xx", "is not JSON"),
        (b"\0\0\0\x02[]", "must be an object, not list"),
        (struct.pack(">I", 400_000) + b"[" * 400_000, "is not JSON"),
    ],
)
def test_anything_else_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(wire.WireError, match=words):
        wire.receive(io.BytesIO(content))


def test_a_message_that_is_too_long_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LONGEST_BYTES", 10)
    with pytest.raises(wire.WireError, match="send references"):
        wire.encode({"long": "x" * 10})
