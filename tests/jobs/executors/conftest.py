"""One executor for all tests of a module, and one Ray for all tests that need one."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator

import pytest

from kiln.jobs.executors.local import LocalExecutor
from lanes import a_setup


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    """With one lane, which each test must leave usable for the next."""
    folder = tmp_path_factory.mktemp("lanes")
    with LocalExecutor(a_setup(folder), data=folder, cpu_lanes=1) as executor:
        yield executor


@pytest.fixture(scope="session")
def own_ray() -> Iterator[None]:
    """A Ray of this process, with a GPU that is only a number; Ray ends its processes with it."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "")
        patch.delenv("RAY_AUTH_MODE")  # Ray sets it; it is as it was at the end
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else Ray writes one into the user's home
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        paths = {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}}
        ray.init(
            address="local", num_cpus=8, num_gpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False,
            object_store_memory=100 << 20, runtime_env=paths,
        )  # fmt: skip
        yield
        ray.shutdown()


@pytest.fixture(scope="module")
def ray_driver(request: pytest.FixtureRequest) -> None:
    """Ray, where tests of this module run on it."""
    if any("ray" in item.name for item in request.session.items if item.module is request.module):
        request.getfixturevalue("own_ray")
