"""The shelf of finished assets at a server: found, looked at, and fetched."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

from kiln.errors import InputError
from kiln.faces.remote.address import Address
from kiln.faces.remote.connection import Connection
from kiln.faces.remote.download import RemoteFile, checked_path, fetch
from kiln.formats.names import safe_name

_PATH: Final = "/v1/assets"


class RemoteShelf:
    """One server's shelf."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def search(self, text: str, *, cursor: str | None, limit: int) -> Mapping[str, Any]:
        """A page of assets, the newest first: {"assets": [...], "cursor": ..., "damaged": [...]}."""
        with Connection(self._address) as connection:
            page: Mapping[str, Any] = connection.get(_PATH, q=text or None, cursor=cursor, limit=limit)
        return page

    def get(self, asset_id: str, *, ttl_s: int | None) -> dict[str, Any]:
        """All that is known of an asset; with any time to live also "urls", which live as long as the server says."""
        with Connection(self._address) as connection:
            asset = self._get(connection, asset_id)
        return asset if ttl_s is not None else {name: value for name, value in asset.items() if name != "urls"}

    def take_down(self, asset_id: str, *, into: Path) -> Path:
        """Write the asset's package, verified and whole, or not at all; returns the folder. As pipeline.shelving.take_down."""
        from kiln.formats.package import new_package

        with Connection(self._address) as connection:
            asset = self._get(connection, asset_id)
            target = into / safe_name(str(asset["name"]))
            with new_package(target) as draft:
                for file in asset["files"]:
                    wanted = RemoteFile(id="", name=file["name"], role="", sha256=file["sha256"], size=file["size"])
                    draft.write(checked_path(file["name"]), fetch(connection, wanted, url=asset["urls"][file["name"]]))
        return target

    def _get(self, connection: Connection, asset_id: str) -> dict[str, Any]:
        if not asset_id.replace("-", "").isalnum() or not asset_id.isascii():
            raise InputError(f"{asset_id[:80]!r} is no id of an asset: `kiln assets list` shows them")
        asset = connection.get(f"{_PATH}/{asset_id}")
        files = asset.pop("files")
        listed = [{"name": name, "sha256": file["sha256"], "size": file["size"]} for name, file in files.items()]
        urls = {name: urljoin(f"{self._address.url}/", file["url"]) for name, file in files.items()}
        return {**asset, "files": listed, "urls": urls}
