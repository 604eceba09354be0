"""The contract loop: what falls short is tried again, the best is kept, and what has not changed is not done again."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import Field

from kiln.asset import Asset, Package, Report
from kiln.errors import ContractError, PostconditionError, RecipeError, TimeLimitError
from kiln.pipeline.ladder import Climb, Terms, TryAgain, read_terms
from kiln.pipeline.recipe import Recipe, RecipeStep, load_recipe
from kiln.pipeline.run import Event, Run
from kiln.pipeline.watch import Limits
from kiln.stages import Context, Params, Stage
from kiln.stages.stage import stage
from shapes import cube

runs: list[str] = []


class SimplifyParams(Params):
    triangles: int = Field(12)


class UnwrapParams(Params):
    method: str = Field("auto")


class ExportParams(Params):
    allow_failing: bool = Field(False)


@stage(reads=("source",), writes=("source",))
def repair(asset: Asset, params: SimplifyParams, context: Context) -> Asset:
    """Is slow and never changes."""
    runs.append("repair")
    return replace(asset, source=cube())


@stage(reads=("source",), writes=("mesh", "atlas_size"))
def simplify(asset: Asset, params: SimplifyParams, context: Context) -> Asset:
    """Refuse what is too few."""
    runs.append("simplify")
    if params.triangles < 4:
        raise PostconditionError("simplify: too few")
    return replace(asset, mesh=replace(asset.source), atlas_size=params.triangles)


@stage(reads=("mesh",), writes=("mesh", "uvs"))
def unwrap(asset: Asset, params: UnwrapParams, context: Context) -> Asset:
    """Note the method."""
    runs.append("unwrap")
    context.note(params.method)
    return asset


@stage(reads=("source",))
def export(asset: Asset, params: ExportParams, context: Context) -> Package:
    """Measure what the parameters were."""
    method = next(step.notes[0] for step in asset.history if step.stage == "unwrap")
    measures = {"triangles": asset.atlas_size, "uv_utilization": {"auto": 0.5, "xatlas": 0.6, "box": 0.3}[method]}
    verdict = None if context.judge is None else context.judge(measures)
    report = Report(name="it", measures=measures, steps=asset.history, contract=verdict)
    return Package(name="it", folder=Path(), archive=None, files=(), report=report)


def recipe(*, ladder: list[dict[str, object]], allow_failing: bool = False, **limits: str) -> Recipe:
    params = {"export": {"allow_failing": allow_failing}}
    steps = tuple(RecipeStep(stage=s, params=s.params(**params.get(s.name, {}))) for s in (repair, simplify, unwrap, export))
    return Recipe(name="r", summary="", steps=steps, terms=read_terms("r", {**limits, "ladder": ladder}))


def made(chosen: Recipe, events: list[Event] | None = None) -> Report:
    runs.clear()
    run = Run(recipe=chosen, on_event=(events if events is not None else []).append)
    return run.from_asset(Asset(name="it", source=cube())).report


FINER = {"cures": ["triangles"], "simplify": {"triangles": 8}}
XATLAS = {"cures": ["uv_utilization"], "unwrap": {"method": "xatlas"}}
BOX = {"cures": ["uv_utilization"], "unwrap": {"method": "box"}}


def test_a_rung_that_mends_is_kept_and_only_what_it_changes_is_done_again() -> None:
    report = made(recipe(ladder=[BOX, FINER], triangles="<= 8", uv_utilization=">= 0.5"))
    assert report.contract is not None and report.contract.passed
    assert report.contract.attempts == ("simplify triangles = 8: 0 limits broken instead of 1, kept",)
    assert runs == ["repair", "simplify", "unwrap", "simplify", "unwrap"]
    assert [step.params for step in report.steps if step.stage == "simplify"] == [{"triangles": 8}]


def test_rungs_add_up_and_one_that_does_not_help_is_dropped() -> None:
    events: list[Event] = []
    report = made(recipe(ladder=[BOX, FINER, XATLAS], triangles="<= 8", uv_utilization=">= 0.6"), events)
    assert report.contract is not None and report.contract.passed
    assert [sentence.split(":")[0] for sentence in report.contract.attempts] == [
        "unwrap method = box",
        "simplify triangles = 8",
        "unwrap method = xatlas",
    ]
    assert "dropped" in report.contract.attempts[0]
    assert report.measures == {"triangles": 8, "uv_utilization": 0.6}
    assert [event.notes[0] for event in events if event.stage == "contract"] == [
        "2 limits broken; trying unwrap method = box",
        "2 limits broken; trying simplify triangles = 8",
        "1 limit broken; trying unwrap method = xatlas",
    ]
    assert runs.count("repair") == 1


def test_when_nothing_helps_nothing_is_written_and_the_error_says_all() -> None:
    with pytest.raises(
        ContractError, match=r"breaks 1 limit of contract r: Texture used 50.0 % \(limit >= 0.7\); tried: .*box.*xatlas"
    ) as caught:
        made(recipe(ladder=[BOX, XATLAS], uv_utilization=">= 0.7"))
    assert not caught.value.verdict.passed
    assert caught.value.exit_code == 6


def test_the_best_attempt_is_written_when_failing_is_allowed() -> None:
    report = made(recipe(ladder=[XATLAS, BOX], allow_failing=True, uv_utilization=">= 0.7", triangles="<= 12"))
    assert report.contract is not None and not report.contract.passed
    assert report.measures["uv_utilization"] == 0.5  # no rung broke fewer limits than the first attempt
    assert len(report.contract.attempts) == 2
    assert runs == ["repair", "simplify", "unwrap", "unwrap", "unwrap"]  # the first attempt's stages were remembered


def test_a_rung_that_makes_a_stage_fail_is_dropped_with_the_reason() -> None:
    fatal = {"cures": ["triangles"], "simplify": {"triangles": 2}}
    report = made(recipe(ladder=[fatal, FINER], triangles="<= 8"))
    assert report.contract is not None and report.contract.passed
    assert report.contract.attempts[0] == "simplify triangles = 2: failed, dropped (simplify: too few)"


def test_a_failure_that_no_rung_caused_is_the_runs_own() -> None:
    climb = Climb(terms=Terms(contract=read_terms("r", {"triangles": "<= 8"}).contract))
    with pytest.raises(PostconditionError, match="too few"):
        climb.stumble(PostconditionError("too few"))


def test_without_a_rung_for_what_is_broken_there_is_no_second_attempt() -> None:
    with pytest.raises(ContractError):
        made(recipe(ladder=[FINER], uv_utilization=">= 0.7"))
    assert runs == ["repair", "simplify", "unwrap"]
    with pytest.raises(TryAgain):
        Climb(terms=read_terms("r", {"triangles": "<= 8", "ladder": [FINER]})).judge({"triangles": 9})


def test_a_stage_that_hangs_is_given_up_at_its_limit() -> None:
    @stage(reads=("source",), writes=("mesh",))
    def simplify(asset: Asset, params: SimplifyParams, context: Context) -> Asset:
        """Never look up."""
        time.sleep(30)
        return asset

    def steps(*stages: Stage) -> tuple[RecipeStep, ...]:
        return tuple(RecipeStep(stage=s, params=s.params()) for s in stages)

    stuck = Run(recipe=Recipe(name="r", summary="", steps=steps(simplify, export), limits=Limits(stage_seconds=0.3)))
    started = time.monotonic()
    with pytest.raises(TimeLimitError, match=r"simplify was still busy after 0\.3 s"):
        stuck.from_asset(Asset(name="it", source=cube()))
    assert time.monotonic() - started < 15


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        ("ladder = [{ simplify = { triangles = 9 } }]", "needs cures"),
        ('ladder = [{ cures = ["triangels"], simplify = { triangles = 90 } }]', "did you mean 'triangles'"),
        ('ladder = [{ cures = ["triangles"], simplify = { triangels = 90 } }]', "did you mean 'triangles'"),
        ('ladder = [{ cures = ["triangles"], simplfy = { triangles = 90 } }]', "did you mean 'simplify'"),
        ("ladder = 3", "must be a list of tables"),
        ('nonsense = "<= 3"', "there is no measure"),
    ],
)
def test_a_wrong_ladder_is_refused_before_any_work(contract: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'stages = ["repair", "simplify", "export"]\n[contract]\n{contract}\n')
    with pytest.raises(RecipeError, match=message):
        load_recipe(str(file))
