"""How the files of a catalogue are reached: signed, with a token, over a network that fails."""

from __future__ import annotations

from typing import Any

from erosion.core.http.session import Answer, Web
from erosion.satellite.signing import Signer
from erosion.satellite.stac_entry import StacCollection


class RemoteFiles:
    """Files of a STAC source: signed, with a token, over a network that fails."""

    def __init__(self, source: StacCollection, web: Web) -> None:
        self.retry = web.retry
        self._source, self._web = source, web
        self._signer = None
        if source.signing == "planetary_computer":
            self._signer = Signer(source.collection, web.retry)

    def address(self, href: str) -> str:
        """Address to open."""
        return href if self._signer is None else self._signer.sign(href)

    def options(self, address: str) -> dict[str, Any]:
        """GDAL options: one try, short limits, no listing of folders; waiting and trying again is done above it."""
        if "://" not in address:
            return {}
        options: dict[str, Any] = {
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
            "GDAL_HTTP_MAX_RETRY": "0",
            "GDAL_HTTP_CONNECTTIMEOUT": f"{max(round(self.retry.connect_s), 1)}",
            "GDAL_HTTP_TIMEOUT": f"{max(round(self.retry.read_s), 1)}",
            "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
            "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
        }
        token = self._web.token_for(address)
        if token is not None:
            options |= {"GDAL_HTTP_AUTH": "BEARER", "GDAL_HTTP_BEARER": token}
        return options

    def look(self, address: str) -> Answer | None:
        """Ask the server about an address."""
        return self._web.look(address) if address.startswith(("http://", "https://")) else None

    def refused(self) -> bool:
        """Drop a token that was refused; another one is fetched for the next try."""
        if self._signer is None:
            return False
        self._signer.forget()
        return True
