"""Events are small plain JSON, and say which states a job went through."""

from __future__ import annotations

import pytest

from kiln.errors import InputError, StorageError
from kiln.jobs.records.events import MAX_DATA_BYTES, checked_data
from kiln.jobs.records.plain import parsed


def test_data_has_one_text() -> None:
    assert checked_data({"b": (1, 2), "a": "\u00e9"}) == '{"a":"\\u00e9","b":[1,2]}'
    assert parsed(checked_data({"a": [None, True, 1.5]})) == {"a": [None, True, 1.5]}


@pytest.mark.parametrize("data", [{"x": "y" * MAX_DATA_BYTES}, {"x": float("nan")}, {"x": b""}])
def test_data_that_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(InputError):
        checked_data(data)


@pytest.mark.parametrize("text", ["", "{", "\x80\x04K\x01.", "[" * 100_000])
def test_text_nobody_here_wrote(text: str) -> None:
    with pytest.raises(StorageError, match="no JSON"):
        parsed(text)
