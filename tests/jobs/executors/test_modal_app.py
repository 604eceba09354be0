"""The app that examples/ deploys: what it may cost is said, and its functions run stages."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from fake_modal import Cloud
from kiln.jobs.executors.modal_cloud import FUNCTIONS
from kiln.jobs.executors.modal_container import deployed_lane
from lanes import a_call, a_setup

modal = pytest.importorskip("modal", reason="Modal is not installed: pip install kiln3d[modal]")
FILE = Path(__file__).resolve().parents[3] / "examples" / "modal_app.py"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What the app's functions ask of Modal."""
    found: dict[str, dict[str, Any]] = {}
    function = modal.App.function

    def remember(app: Any, **asks: Any) -> Any:
        decorate = function(app, **asks)

        def decorated(raw: Any) -> Any:
            found[raw.__name__] = asks
            return decorate(raw)

        return decorated

    monkeypatch.setattr(modal.App, "function", remember)
    return found


def load_app() -> Any:
    spec = importlib.util.spec_from_file_location("modal_app", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_functions_are_those_that_the_executor_calls_and_their_cost_is_capped(asked: dict[str, dict[str, Any]]) -> None:
    app = load_app()
    assert set(asked) == set(FUNCTIONS.values())
    assert app.app.name == "kiln"
    for asks in asked.values():
        assert asks["retries"] == 0
        assert asks["timeout"] == app.LONGEST_S
        assert 1 <= asks["max_containers"] <= 10
    assert asked["run_gpu_stage"]["gpu"] == app.GPU
    assert "gpu" not in asked["run_cpu_stage"]


def test_a_function_runs_a_stage_in_a_lane_and_tells_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    app = load_app()
    cloud = Cloud(a_setup(tmp_path), tmp_path)
    monkeypatch.setattr(modal, "Queue", cloud.package().Queue)
    monkeypatch.setattr(modal, "current_function_call_id", lambda: "fc-1")
    monkeypatch.setenv("KILN_STORE", str(tmp_path / "store"))
    monkeypatch.setattr("kiln.jobs.executors.modal_container.configure_logging", lambda secrets: None)  # this process is not a container
    deployed_lane.cache_clear()
    end = json.loads(app.run_cpu_stage.local(a_call("no_such_stage").model_dump_json()))
    assert end["kind"] == "failed"
    assert "no_such_stage" in end["error"]["words"]
    assert json.loads(cloud.told["fc-1"][0])["kind"] == "begun"
    deployed_lane("cpu").close()
    deployed_lane.cache_clear()
