"""One executor for all tests of a module."""

from __future__ import annotations

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
