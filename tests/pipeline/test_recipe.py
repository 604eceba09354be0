"""A recipe is checked whole before any work, and says what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kiln.errors import RecipeError
from kiln.pipeline.recipe import built_in, load_recipe, recipe_from_data

GOOD = ["cutout", "generate", "repair", "simplify", "unwrap", "bake", "export"]


def read(data: dict[str, Any], **overrides: Any) -> Any:
    return recipe_from_data("test", data, overrides)


@pytest.mark.parametrize("name", built_in())
def test_built_in_recipes_are_sound_and_say_what_they_are(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.summary
    assert recipe.as_data()["stages"][-1] == "export"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"stages": ["cutout", "genrate"]}, "did you mean 'generate'"),
        ({"stages": GOOD, "simplify": {"triangels": 5}}, r"simplify\.triangels: no such parameter, did you mean 'triangles'"),
        ({"stages": GOOD, "simplify": {"triangles": 1}}, r"simplify\.triangles = 1: should be greater than or equal to"),
        ({"stages": GOOD, "simplify": {"triangles": "many"}}, r"simplify\.triangles = 'many': should be a valid integer"),
        ({"stages": GOOD, "generate": {"thicknes": 2}}, r"generate\.thicknes: no such parameter, did you mean 'thickness'"),
        ({"stages": GOOD, "generate": {"backend": "silhouete"}}, "no generator called 'silhouete': did you mean 'silhouette'"),
        ({"stages": GOOD, "simplfy": {}}, "did you mean 'simplify'"),
        ({"stages": GOOD, "simplify": 5}, "must be a table"),
        ({"stages": ["cutout", "generate", "simplify", "bake", "export"]}, "bake needs a game mesh with UVs: put unwrap before it"),
        ({"stages": ["generate", "cutout", "export"]}, "cutout cannot come after generate"),
        ({"stages": ["cutout", "repair", "export"]}, "repair cannot come after cutout"),
        ({"stages": ["cutout", "generate", "export", "repair"]}, "export needs|repair cannot come after export"),
        ({"stages": ["cutout", "generate", "repair", "repair"]}, "stands twice"),
        ({"stages": ["cutout", "generate"]}, "without a package"),
        ({"stages": "cutout"}, "no list of stages"),
        ({}, "no list of stages"),
    ],
)
def test_what_is_wrong_is_said(data: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read(data)


def test_overrides_win_and_are_checked_like_the_recipe() -> None:
    recipe = read({"stages": GOOD, "simplify": {"triangles": 500}}, simplify={"triangles": 600})
    assert recipe.as_data()["simplify"]["triangles"] == 600
    with pytest.raises(RecipeError, match="did you mean 'triangles'"):
        read({"stages": GOOD}, simplify={"triangle": 600})
    with pytest.raises(RecipeError, match="did you mean 'simplify'"):
        read({"stages": GOOD}, simplfy={"triangles": 600})


def test_options_of_the_backend_stand_beside_the_stages_own() -> None:
    data = read({"stages": GOOD, "generate": {"thickness": 1.5}}).as_data()
    assert data["generate"]["options"]["thickness"] == 1.5


def test_of_files_that_it_names_only_their_names_are_shown(tmp_path: Path) -> None:
    recipe = read({"stages": GOOD, "cutout": {"mask": str(tmp_path / "mask.png")}})
    assert (recipe.as_data()["cutout"]["mask"], recipe.as_data()["cutout"]["scribble"]) == ("mask.png", None)
    assert recipe.with_parameters({"cutout": {"margin": 0.1}}).steps[0].params.mask == str(tmp_path / "mask.png")


def test_the_part_for_models_has_no_picture_stages() -> None:
    assert [step.stage.name for step in read({"stages": GOOD}).from_model().steps] == GOOD[2:]


def test_files_are_read_and_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f"stages = {GOOD}\n[simplify]\ntriangles = 700\n")
    assert load_recipe(str(file)).name == "mine"
    file.write_text("stages = [")
    with pytest.raises(RecipeError, match="not valid TOML"):
        load_recipe(str(file))
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(str(tmp_path / "none.toml"))
    with pytest.raises(RecipeError, match=r"no recipe called 'prp': did you mean 'prop'\?"):
        load_recipe("prp")
