"""How large things of a kind are, for assets whose files do not say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal[
    "none", "human", "child", "goblin", "dog", "horse", "dragon", "crate", "barrel", "chest", "door", "chair", "table", "bed", "lantern",
    "lamp_post", "mailbox", "bottle", "mug", "coin", "book", "sword", "shield", "car", "biplane", "house", "tree", "bush", "rock",
    "mushroom",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A size, and along what."""

    metres: float
    along: Literal["height", "longest"] = "height"
    """Extent along Y, or the longest extent of the bounding box: a sword may lie or stand, a car is known by its length."""

    source: str = "typical"
    """Where the number is from; "typical" where it was not looked up."""


PRESETS: Final[dict[Kind, Preset]] = {
    "human": Preset(
        metres=1.8, source="World of Level Design, guide to scale for Unreal: 180 cm to start from; the mannequin itself is 188 cm"
    ),
    "child": Preset(metres=1.2, source="typical: WHO growth standard: the median of 7 years is 1.2 m"),
    "goblin": Preset(metres=1.1, source="typical: the d20 system reference: small creatures are 0.6 to 1.2 m"),
    "dog": Preset(metres=0.6, source="typical: at the shoulder, a Labrador (FCI standard 0.54 to 0.57 m), with its head"),
    "horse": Preset(metres=2.1, source="typical: 1.6 m at the withers, with its head"),
    "dragon": Preset(metres=4.0, along="longest"),
    "crate": Preset(metres=1.0, source="typical: the usual module of level design"),
    "barrel": Preset(metres=0.9, source="a 200 l steel drum is 0.88 m tall"),
    "chest": Preset(metres=0.6),
    "door": Preset(metres=2.1, source="doorways in Unreal are 2.1 to 2.3 m (Unreal Engine Physics Essentials, Packt)"),
    "chair": Preset(metres=0.9, source="typical: with its back; the seat is 0.45 m (EN 1729)"),
    "table": Preset(metres=0.75, source="typical: dining tables are 0.72 to 0.76 m"),
    "bed": Preset(metres=2.0, along="longest"),
    "lantern": Preset(metres=0.35, source="typical: a hurricane lantern, without its raised handle"),
    "lamp_post": Preset(metres=4.0, source="typical: of footways, 3 to 5 m"),
    "mailbox": Preset(metres=1.2, source="typical: on its post; USPS asks for 41 to 45 inches from road to box"),
    "bottle": Preset(metres=0.3, source="typical: a Bordeaux bottle of 0.75 l"),
    "mug": Preset(metres=0.095),
    "coin": Preset(metres=0.025, along="longest", source="a one-euro coin is 23.25 mm across"),
    "book": Preset(metres=0.24, along="longest", source="typical: royal octavo"),
    "sword": Preset(metres=1.0, along="longest", source="typical: arming swords, Oakeshott type XII"),
    "shield": Preset(metres=0.85, along="longest", source="typical: round shields of the Gokstad ship are 0.94 m, later ones smaller"),
    "car": Preset(metres=4.4, along="longest", source="typical: the European compact class is 4.2 to 4.5 m"),
    "biplane": Preset(metres=8.5, along="longest", source="typical: span; Sopwith Camel 8.5 m"),
    "house": Preset(metres=7.0, source="typical: two storeys of 2.6 m and a roof"),
    "tree": Preset(metres=8.0, source="typical: of a street; forest trees are 20 to 30 m"),
    "bush": Preset(metres=1.2),
    "rock": Preset(metres=1.0, along="longest"),
    "mushroom": Preset(metres=0.12, source="typical: a fly agaric, 0.1 to 0.2 m"),
}
"""By kind; "none" has no entry."""
