from __future__ import annotations

import pytest

from kiln.proof.criteria import BY_KEY, MEASURES, Measure, Value, label_and_value, shown_size


def test_keys_are_unique_and_every_judged_measure_says_what_is_good() -> None:
    assert len(BY_KEY) == len(MEASURES)
    for measure in MEASURES:
        judged = measure.at_least is not None or measure.at_most is not None or measure.equals is not None
        assert judged == bool(measure.good), measure.key


@pytest.mark.parametrize(
    ("limits", "value", "good"),
    [
        ({"at_most": 1}, 1, True),
        ({"at_most": 1}, 1.01, False),
        ({"at_least": 0.5}, 0.4, False),
        ({"at_least": 0.5, "at_most": 1}, 0.7, True),
        ({"equals": "yes"}, "no", False),
        ({"at_most": 1}, None, None),
        ({}, 7, None),
    ],
)
def test_a_value_is_judged_by_its_limits(limits: dict[str, float | str], value: Value, good: bool | None) -> None:
    assert Measure(key="k", label="K", group="Shape", **limits).is_good(value) is good


@pytest.mark.parametrize(
    ("unit", "value", "words"),
    [
        ("", 12_345, "12,345"),
        ("%", 0.5555, "55.5 %"),
        ("°", 0.1234, "0.123°"),
        ("m", 1.5, "1.50 m"),
        ("bytes", 1_500_000, "1.5 MB"),
        ("m", None, "not applicable"),
    ],
)
def test_values_are_shown_with_their_unit(unit: str, value: Value, words: str) -> None:
    assert Measure(key="k", label="K", group="Shape", unit=unit).shown(value) == words


def test_small_sizes_and_unknown_keys_are_shown_plainly() -> None:
    assert shown_size(999) == "999 bytes"
    assert label_and_value("nonsense", 3) == ("nonsense", "3")
    assert label_and_value("triangles", 8000) == ("Triangles", "8,000")
