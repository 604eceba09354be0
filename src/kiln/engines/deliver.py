"""Engines' folders written into a package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kiln.asset import Value
from kiln.engines import EngineName, Handover, engine_files
from kiln.formats.package import Draft
from kiln.geometry.switch import SwitchSizes


def deliver(draft: Draft, handover: Handover, engines: Sequence[EngineName]) -> tuple[str, ...]:
    """Write a folder for each engine; what the engines have to say, as sentences for people."""
    notes: list[str] = []
    for engine in dict.fromkeys(engines):
        made = engine_files(engine, handover)
        for path, data in made.files.items():
            draft.write(f"{engine}/{path}", data)
        notes += [f"{engine}: {note}" for note in made.notes]
    return tuple(notes)


def measured_switch_sizes(measures: Mapping[str, Value], lods: int) -> tuple[SwitchSizes, ...]:
    """When LOD1, LOD2, ... take over, by a report's measures; empty where one of them was not measured."""
    found = [
        tuple(measures.get(f"lod{level}_{key}") for key in ("unreal_screen_size", "unity_height", "godot_m"))
        for level in range(1, lods + 1)
    ]
    if not all(isinstance(size, float) for sizes in found for size in sizes):
        return ()
    return tuple(SwitchSizes(unreal_screen_size=u, unity_height=h, godot_metres=g) for u, h, g in found)  # type: ignore[arg-type]  # floats
