"""The classic cutter: no weights, no network. Light: only the card; the work is in cutter.py."""

from __future__ import annotations

from pydantic import Field

from kiln.backends.card import Card, Options


class ClassicOptions(Options):
    """What the classic cutter lets one choose."""

    sensitivity: float = Field(1.0, ge=0.25, le=4, description="below 1 keeps less of what resembles the background, above 1 more")


CARD = Card(
    name="classic",
    role="cutter",
    summary="Uses a real alpha matte as it is; otherwise models the background from the border and refines with GrabCut.",
    version="1",
    code_licence="Apache-2.0",
    memory_gb=0.3,
    options=ClassicOptions,
    implementation="kiln.backends.classic.cutter:ClassicCutter",
)
