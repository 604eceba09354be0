from __future__ import annotations

from kiln.asset import Step
from kiln.proof.provenance import licences, portable, versions


def test_the_recipe_is_kept_but_for_where_it_was_written_to() -> None:
    recipe = {"name": "prop", "export": {"out": "/somewhere", "archive": True}, "bake": {"size": 512}}
    assert portable(recipe) == {"name": "prop", "export": {"archive": True}, "bake": {"size": 512}}
    assert portable(None) is None


def test_only_the_backends_that_were_used_are_named() -> None:
    history = [Step(stage="cutout", params={"backend": "fake"}), Step(stage="repair", params={})]
    assert list(licences(history)) == ["Kiln", "cutter fake", "This asset"]


def test_every_library_that_shapes_the_bytes_has_a_version() -> None:
    found = versions()
    assert found["numpy"][0].isdigit()
    assert "python" in found
