"""Which files parameters may name, and what a recipe says of them."""

from __future__ import annotations

from kiln import stages
from kiln.intake.sniff import PICTURES
from kiln.jobs.reception.job_options import is_picture
from kiln.jobs.reception.parameter_files import roles, with_files
from kiln.pipeline.recipe import load_recipe


def test_every_file_that_a_stage_reads_has_a_role() -> None:
    assert set(roles()) == {f"{stage.name}.{name}" for stage in stages.STAGES.values() for name in stage.files}
    assert "cutout.mask" in roles()
    assert not any(map(is_picture, roles()))


def test_all_of_them_are_pictures_as_reception_takes_for_granted() -> None:
    for stage in stages.STAGES.values():
        for name in stage.files:
            assert (stage.params.model_fields[name].description or "").startswith("picture file"), (name, PICTURES)


def test_a_recipe_names_what_was_given_and_nothing_else_changes() -> None:
    recipe = load_recipe("prop", {"cutout": {"margin": 0.2}})
    named = with_files(recipe, {"cutout.mask": "m.png", "picture_0": "a.png", "model": "b.glb"})
    assert named.as_data() == {**recipe.as_data(), "cutout": {**recipe.as_data()["cutout"], "mask": "m.png"}}
    assert with_files(recipe.from_model(), {"cutout.mask": "m.png"}) == recipe.from_model()
