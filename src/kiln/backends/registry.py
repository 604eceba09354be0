"""Finds backends by entry point. Kiln's own come in by the same door as plugins."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import entry_points

from kiln import settings
from kiln.backends.card import Card, Role
from kiln.errors import RecipeError, SetupError, did_you_mean

_GROUP = "kiln.backends"


@lru_cache(maxsize=1)
def _discover() -> tuple[tuple[Card, ...], tuple[tuple[str, str], ...]]:
    allowed = settings.allowed_backends()
    cards: list[Card] = []
    broken: list[tuple[str, str]] = []
    for entry in sorted(entry_points(group=_GROUP), key=lambda e: e.name):
        if allowed is not None and entry.name not in allowed:
            continue
        try:
            card = entry.load()
        except Exception as error:  # noqa: BLE001 - a broken plugin must not take Kiln down; `kiln backends` shows it
            broken.append((entry.name, f"{type(error).__name__}: {error}"))
            continue
        if isinstance(card, Card):
            cards.append(card)
        else:
            broken.append((entry.name, f"entry point is a {type(card).__name__}, not a kiln.backends.card.Card"))
    return tuple(cards), tuple(broken)


def cards(role: Role | None = None) -> tuple[Card, ...]:
    """Every backend that is installed, usable or not, sorted by name; of one role, if given."""
    return tuple(card for card in _discover()[0] if role in (None, card.role))


def broken_plugins() -> tuple[tuple[str, str], ...]:
    """(entry point, reason) of plugins whose card could not be loaded."""
    return _discover()[1]


def find(role: Role, name: str) -> Card:
    """The card of this backend. RecipeError when there is none; SetupError when it cannot run here."""
    known = {card.name: card for card in cards(role)}
    if name not in known:
        raise RecipeError(f"no {role} called {name!r}: {did_you_mean(name, known)}")
    reason = known[name].missing()
    if reason is not None:
        raise SetupError(f"{role} {name!r} cannot be used: {reason}")
    return known[name]
