from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from kiln.backends import fake, registry
from kiln.errors import RecipeError, SetupError


class Entry:
    """An entry point that gives an object, or fails as a broken plugin does."""

    def __init__(self, name: str, found: object) -> None:
        self.name, self._found = name, found

    def load(self) -> object:
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Four plugins: a good one, one whose module is missing, one that does not import, one that is no card."""
    heavy = replace(fake.GENERATOR_CARD, name="heavy", requires=("no_such_module",), extra="heavy")
    entries = [Entry("good", fake.GENERATOR_CARD), Entry("heavy", heavy), Entry("broken", ImportError("no libfoo")), Entry("odd", 3)]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    monkeypatch.delenv("KILN_BACKENDS", raising=False)
    registry._discover.cache_clear()
    yield
    registry._discover.cache_clear()


@pytest.mark.usefixtures("plugins")
def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match="no generator called 'fak': did you mean 'fake'"):
        registry.find("generator", "fak")
    with pytest.raises(RecipeError, match="no cutter called 'fake'"):
        registry.find("cutter", "fake")


@pytest.mark.usefixtures("plugins")
def test_a_backend_that_lacks_a_module_is_listed_and_refused_with_the_cure() -> None:
    assert [card.name for card in registry.cards("generator")] == ["fake", "heavy"]
    with pytest.raises(SetupError, match=r"no_such_module not installed: pip install 'kiln3d\[heavy\]'"):
        registry.find("generator", "heavy")


@pytest.mark.usefixtures("plugins")
def test_broken_plugins_are_shown_and_take_nothing_down() -> None:
    assert registry.broken_plugins() == (
        ("broken", "ImportError: no libfoo"),
        ("odd", "entry point is a int, not a kiln.backends.card.Card"),
    )
    assert registry.find("generator", "fake") is fake.GENERATOR_CARD


@pytest.mark.usefixtures("plugins")
def test_kiln_backends_narrows_what_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILN_BACKENDS", "good, other")
    registry._discover.cache_clear()
    assert [card.name for card in registry.cards()] == ["fake"]
    assert registry.broken_plugins() == ()
