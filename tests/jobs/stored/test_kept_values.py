"""A lane remembers what was used last, within its limit."""

from __future__ import annotations

from kiln.jobs.stored.kept_values import KeptValues


def test_what_was_not_used_for_longest_goes_first() -> None:
    kept = KeptValues(most_bytes=10)
    for name in "abc":
        kept.put(name, name.upper(), size=4)
    assert [kept.get(name) for name in "abc"] == [None, "B", "C"]
    kept.get("b")
    kept.put("d", "D", size=4)
    assert [kept.get(name) for name in "bcd"] == ["B", None, "D"]


def test_what_is_too_large_is_not_kept_and_the_same_again_counts_once() -> None:
    kept = KeptValues(most_bytes=10)
    kept.put("a", 1, size=6)
    kept.put("a", 2, size=6)
    kept.put("b", 3, size=4)
    assert (kept.get("a"), kept.get("b")) == (2, 3)
    kept.put("c", 4, size=11)
    assert kept.get("c") is None
