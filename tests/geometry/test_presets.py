from __future__ import annotations

from typing import get_args

from kiln.geometry.presets import PRESETS, Kind


def test_every_kind_but_none_has_a_size():
    assert set(PRESETS) == set(get_args(Kind)) - {"none"}


def test_sizes_are_of_this_world_and_have_a_source():
    assert all(0.01 < preset.metres < 50 and preset.source for preset in PRESETS.values())


def test_who_is_larger_than_whom():
    sizes = [PRESETS[kind].metres for kind in ("coin", "mug", "chest", "goblin", "human", "door", "lamp_post", "house", "tree")]
    assert sizes == sorted(sizes)
