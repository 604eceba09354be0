"""Report: numbers measured on written files, and what the stages had to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kiln.asset.asset import Step


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was measured by reading the written files back. Names are stable keys; units are in `proof.measure`'s table."""

    name: str
    measures: Mapping[str, float | int | str | None]
    """Flat: "triangles", "non_manifold_edges", "normal_error_mean_degrees"... None: not applicable to this asset."""

    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()
    """Sentences for people: what fell short or was done by a fallback."""
