"""What a stranger's request may say: the words of the command line, and no file of the server's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiln.errors import InputError, RecipeError, SetupError
from kiln.jobs.reception.job_options import OPTIONS, CheckOptions, MakeOptions
from kiln.jobs.reception.wanted import Ceiling, Wanted, read_request
from kiln.jobs.records.job import Kind, Request
from kiln.pipeline.recipe import built_in, load_recipe
from kiln.stages import ORDER
from kiln.stages.bake import BakeParams


def read(kind: Kind = Kind.MAKE, recipe: str = "prop", **parameters: Any) -> Wanted:
    return read_request(Request(kind=kind, recipe=recipe, parameters=parameters))


def test_every_built_in_recipe_is_as_the_command_line_has_it() -> None:
    for name in built_in():
        for kind in (Kind.MAKE, Kind.PROCESS):
            assert read(kind, name).recipe == load_recipe(name)


def test_overrides_name_contract_and_limits_count() -> None:
    job = {"name": "Big sword", "contract": "unity", "limits": {"stage_seconds": 60}, "prompt": " a \x1b[1msword\x00 "}
    wanted = read(simplify={"triangles": 1234}, job=job)
    assert wanted.recipe is not None and wanted.recipe.terms is not None and isinstance(wanted.options, MakeOptions)
    data = wanted.recipe.as_data()
    assert (data["simplify"]["triangles"], data["export"]["name"]) == (1234, "Big sword")
    assert (wanted.recipe.terms.contract.name, wanted.recipe.limits.stage_seconds) == ("unity", 60)
    assert wanted.recipe.terms.ladder == (load_recipe("prop").terms or pytest.fail("prop has terms")).ladder
    assert wanted.options.prompt == "a [1msword"


def test_a_contract_may_be_none_or_data() -> None:
    assert (read(job={"contract": "none"}).recipe or pytest.fail("no recipe")).terms is None
    terms = (read(job={"contract": {"base": "sound", "triangles": "<= 5"}}).recipe or pytest.fail("no recipe")).terms
    assert terms is not None and terms.contract.limits["triangles"].words == "<= 5"


def test_a_check_has_a_contract_and_no_recipe() -> None:
    wanted = read(Kind.CHECK, "", job={"limits": ["triangles <= 5000"]})
    assert wanted.recipe is None and isinstance(wanted.options, CheckOptions)
    assert wanted.contract is not None and wanted.contract.limits["triangles"].bound == 5000


def test_a_recipe_may_be_data() -> None:
    given = {"stages": ["repair", "simplify", "export"], "simplify": {"triangles": 99}}
    recipe = read(Kind.PROCESS, "mine", job={"recipe_data": given}, repair={}).recipe
    assert recipe is not None and recipe.name == "mine"
    assert recipe.as_data()["simplify"]["triangles"] == 99


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"recipe": "porp"}, "no recipe called 'porp': did you mean 'prop'"),
        ({"recipe": "x\x1b[1m\n" * 900}, "no recipe called 'x"),
        ({"simplfy": {}}, "no stage of a job of kind make, did you mean 'simplify'"),
        ({"contract": {"triangles": "<= 1"}}, "'contract' is no stage"),
        ({"simplify": 3}, "simplify must be a table of parameters, not '3'"),
        ({"simplify": {"triangls": 3}}, "simplify.triangls: no such parameter, did you mean 'triangles'"),
        ({"simplify": {"triangles": -1}}, "simplify.triangles = -1: should be greater"),
        ({"generate": {"backend": "silhouete"}}, "no generator called 'silhouete': did you mean 'silhouette'"),
        ({"generate": {"backend": {}}}, "no generator called|generate.backend"),
        ({"cutout": {"backend": 1.5}}, "no cutter called|cutout.backend"),
        ({"cutout": {"options": True}}, "cutout"),
        ({"cutout": {"options": [1]}}, "cutout"),
        ({"recipe": "mobile", "place": {"pivot": "moon"}}, "place.pivot = 'moon'"),
        ({"kind": Kind.PROCESS, "cutout": {}}, "'cutout' is no stage of a job of kind process"),
        ({"kind": Kind.EXPORT, "simplify": {}}, "'simplify' is no stage of a job of kind export"),
        ({"kind": Kind.INSPECT, "export": {}}, "'export' is no stage of a job of kind inspect"),
        ({"job": []}, "job must be a table"),
        ({"job": {"nme": "x"}}, "job.nme: no such option of a job of kind make, did you mean 'name'"),
        ({"kind": Kind.INSPECT, "job": {"name": "x"}}, "job.name: no such option of a job of kind inspect, it has none"),
        ({"job": {"name": "../../etc/passwd"}}, "job.name = .*a plain name"),
        ({"job": {"name": "x" * 5000}}, "job.name = .*at most 120"),
        ({"job": {"views": ["front", "bck"]}}, "job.views.1 = 'bck': should be 'front'"),
        ({"job": {"prompt": "x" * 5000}}, "the prompt has 5,000 characters"),
        ({"job": {"limits": {"seconds": 1}}}, "job.limits.seconds: no such option"),
        ({"job": {"limits": {"stage_seconds": 1e9}}}, "more than this service allows: 3600"),
        ({"job": {"limits": {"stage_seconds": 0}}}, "job.limits.stage_seconds = '0'"),
        ({"job": {"contract": "unreel"}}, "no contract called 'unreel': did you mean 'unreal'"),
        ({"job": {"contract": {"base": "/etc/passwd"}}}, "is not built in"),
        ({"kind": Kind.CHECK, "job": {"limits": ["triangles"]}}, "'triangles' is no limit"),
        ({"job": {"recipe_data": {"stages": ["repair", "export"]}}}, "works on models: process a model with it"),
        ({"job": {"recipe_data": {"stages": ["simplify", "cutout"]}}, "kind": Kind.PROCESS}, "cutout cannot come after simplify"),
        ({"recipe": "", "job": {"recipe_data": {"stages": ["export"]}}}, "name is 1 to 80"),
        ({"simplify": {"x\n\x1b" * 9000: 1}}, "no such parameter|simplify"),
        ({"simplify": {"triangles": "9" * 90_000}}, "simplify.triangles"),
    ],
)
def test_what_is_wrong_is_said_shortly_and_with_the_cure(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read(**given)
    assert len(str(caught.value)) <= 1000
    assert str(caught.value).isprintable()


PATHS = [
    {"cutout": {"mask": "/etc/passwd"}},
    {"cutout": {"scribble": None}},
    {"export": {"out": "/root"}},
    {"recipe": "/srv/mine.toml"},
    {"recipe": "mine.toml"},
    {"job": {"contract": "/srv/mine.toml"}},
    {"job": {"recipe_data": {"stages": ["export"], "export": {"out": "/root"}}}, "kind": Kind.PROCESS},
    {"job": {"recipe_data": {"stages": ["export"], "contract": {"base": "/srv/mine.toml"}}}, "kind": Kind.PROCESS},
    {
        "job": {"recipe_data": {"stages": ["export"], "contract": {"ladder": [{"cures": ["uv_outside"], "export": {"out": "/"}}]}}},
        "kind": Kind.PROCESS,
    },
]


@pytest.mark.parametrize("given", PATHS)
def test_no_file_of_the_servers_is_ever_opened(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def open_none(self: Path, *_args: object, **_options: object) -> str:
        return pytest.fail(f"{self} was opened")

    monkeypatch.setattr(Path, "read_text", open_none) if "contract" not in str(given) else None
    with pytest.raises(RecipeError):
        read(**given)


def test_a_file_that_a_parameter_names_is_to_be_an_input() -> None:
    mask = {"cutout": {"mask": "a.png"}}
    for parameters in (mask, {"job": {"recipe_data": {"stages": ["cutout", "export"], **mask}}}):
        with pytest.raises(RecipeError, match=r"upload the file, and name it as the input 'cutout\.mask'"):
            read(**parameters)


def test_a_ladder_has_an_end() -> None:
    rung = {"cures": ["uv_outside"], "simplify": {"triangles": 5}}
    data = {"stages": ["simplify", "export"], "contract": {"base": "sound", "ladder": [rung] * 33}}
    with pytest.raises(RecipeError, match="33 rungs, and 32"):
        read(Kind.PROCESS, "mine", job={"recipe_data": data})


def test_deep_requests_are_refused_and_break_nothing() -> None:
    deep: list[object] = []
    for _ in range(850):
        deep = [deep]
    with pytest.raises(InputError):
        read(simplify={"triangles": deep})


def test_the_ceiling_holds_for_what_a_recipe_asks() -> None:
    data = {"stages": ["export"], "limits": {"stage_seconds": 99_999, "memory_gb": 64}}
    request = Request(kind=Kind.PROCESS, recipe="mine", parameters={"job": {"recipe_data": data}})
    recipe = read_request(request, ceiling=Ceiling(stage_seconds=100, memory_gb=4)).recipe
    assert recipe is not None and (recipe.limits.stage_seconds, recipe.limits.memory_gb) == (100, 4)


def test_options_have_schemas() -> None:
    for kind in Kind:
        fields = OPTIONS[kind].model_json_schema().get("properties", {})
        assert all(field.get("description") for field in fields.values())


NAMES = st.sampled_from(
    [*ORDER, "job", "name", "views", "contract", "limits", "recipe_data", "stages", "ladder", "cures", "base", "required"]
)
FIELDS = st.sampled_from(["backend", "options", "triangles", "pack", "engine", "maps", "size", "box", "foreground", "kind", "method"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8) | NAMES
TABLES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | FIELDS | st.text(), inner, max_size=4))


@given(kind=st.sampled_from(Kind), recipe=st.sampled_from(["prop", "mine"]), parameters=st.dictionaries(NAMES, TABLES, max_size=4))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_json_breaks_the_door(kind: Kind, recipe: str, parameters: dict[str, Any]) -> None:
    try:
        read_request(Request(kind=kind, recipe=recipe, parameters=parameters))
    except (InputError, SetupError) as refusal:
        assert len(str(refusal)) < 5000


def test_maps_are_not_paths() -> None:
    assert "maps" in BakeParams.model_fields
    assert read(bake={"maps": ["base_color"]}).recipe is not None
