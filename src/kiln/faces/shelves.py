"""Where a command looks for finished assets: in a store that this machine reaches, or at a server. Both answer in the same plain data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kiln.faces.place import asked_server

if TYPE_CHECKING:
    from kiln.storage.record import AssetRecord
    from kiln.storage.shelf import Shelf


class AssetShelf(Protocol):
    """Finished assets, to be found and fetched."""

    def search(self, text: str, *, cursor: str | None, limit: int) -> Mapping[str, Any]:
        """A page of assets, the newest first: {"assets": [...], "cursor": ..., "damaged": [...]}."""

    def get(self, asset_id: str, *, ttl_s: int | None) -> dict[str, Any]:
        """All that is known of an asset; with a time to live in seconds, under "urls" also a URL for each of its files."""

    def take_down(self, asset_id: str, *, into: Path) -> Path:
        """Write the asset's package, verified and whole, or not at all; returns the folder."""


class StoreShelf:
    """An AssetShelf in a store."""

    def __init__(self, url: str | None) -> None:
        self._shelf = open_shelf(url)

    def search(self, text: str, *, cursor: str | None, limit: int) -> Mapping[str, Any]:
        """As AssetShelf says."""
        found = self._shelf.search(text, cursor=cursor, limit=limit)
        return {"assets": list(map(plain, found.assets)), "cursor": found.cursor, "damaged": found.damaged}

    def get(self, asset_id: str, *, ttl_s: int | None) -> dict[str, Any]:
        """As AssetShelf says."""
        record = self._shelf.get(asset_id)
        return {**plain(record), **({} if ttl_s is None else {"urls": self._shelf.urls(record, ttl_s=ttl_s)})}

    def take_down(self, asset_id: str, *, into: Path) -> Path:
        """As AssetShelf says."""
        from kiln.pipeline.shelving import take_down

        return take_down(self._shelf, asset_id, into=into)


def shelf_at(store_url: str | None, *, server: str | None, api_key_file: Path | None) -> AssetShelf:
    """The shelf that a command means: of the store it names, else of the server, else of the usual store."""
    asked = asked_server(server) if store_url is None else server
    if asked is None:
        return StoreShelf(store_url)
    from kiln.faces.remote.address import read_address
    from kiln.faces.remote.shelf import RemoteShelf

    return RemoteShelf(read_address(asked, key_file=api_key_file))


def open_shelf(url: str | None) -> Shelf:
    """The shelf in a store, for what only its owner may do."""
    from kiln.storage import open_store
    from kiln.storage.shelf import Shelf

    return Shelf(open_store(url))


def plain(record: AssetRecord) -> dict[str, Any]:
    """A record as plain data."""
    return {**record.model_dump(mode="json"), "size": record.size}
