"""What a server offers to choose from: the calls of `pipeline.catalogue`."""

from __future__ import annotations

from typing import Any

from kiln.faces.remote.address import Address
from kiln.faces.remote.connection import Connection


class RemoteCatalogue:
    """The lists of one server."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def recipe_table(self) -> list[dict[str, Any]]:
        """As pipeline.catalogue.recipe_table."""
        return self._list("recipes")

    def backend_table(self) -> list[dict[str, Any]]:
        """As pipeline.catalogue.backend_table."""
        return self._list("backends")

    def stage_table(self) -> list[dict[str, Any]]:
        """As pipeline.catalogue.stage_table."""
        return [{**stage, "parameters": stage["parameters"].get("properties", {})} for stage in self._list("stages")]

    def contract_table(self) -> list[dict[str, Any]]:
        """As pipeline.catalogue.contract_table."""
        return self._list("contracts")

    def _list(self, what: str) -> list[dict[str, Any]]:
        with Connection(self._address) as connection:
            return list(connection.get(f"/v1/{what}"))
