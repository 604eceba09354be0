"""What tests of the whole service share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs import postgres
from service.harness import House, house


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    with postgres.server() as server:
        yield server


@pytest.fixture(scope="module")
def kiln(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with one server for a whole module, which each test must leave usable; at the end every promise must have been kept."""
    with house(tmp_path_factory.mktemp("house")) as built:
        built.serve("--gpu", "0")
        yield built
        assert built.server is not None and built.server.process.poll() is None
        built.assert_sound()
