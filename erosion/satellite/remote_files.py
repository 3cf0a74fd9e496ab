"""How the files of a catalogue are reached: signed, with a token, over a network that fails and that is not trusted."""

from __future__ import annotations

from typing import Any

from erosion.core.http.relay import shared_relay
from erosion.core.http.session import Answer, Web
from erosion.satellite.signing import Signer
from erosion.satellite.stac_entry import StacCollection


class RemoteFiles:
    """Files of a STAC source; those of a web server are read through a relay."""

    def __init__(self, source: StacCollection, web: Web) -> None:
        self.retry = web.retry
        self._web = web
        self._signer = None
        if source.signing == "planetary_computer":
            self._signer = Signer(source.collection, web.retry)
        self._relay = shared_relay(web.retry, web.token, source.catalog)
        self._relayed: dict[str, str] = {}  # address that GDAL is given -> address on the server
        self._given: dict[str, str] = {}

    def address(self, href: str) -> str:
        """Address to open."""
        url = href if self._signer is None else self._signer.sign(href)
        if not url.startswith(("http://", "https://")):
            return url
        if url not in self._given:
            self._web.check(url)
            given = self._relay.address(url)
            self._given[url], self._relayed[given] = given, url
        return self._given[url]

    def options(self, address: str) -> dict[str, Any]:
        """GDAL options: one try, short limits, no listing of folders; waiting and trying again is done above it."""
        if "://" not in address:
            return {}
        options = {
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
            "GDAL_HTTP_MAX_RETRY": "0",
            "GDAL_HTTP_CONNECTTIMEOUT": f"{max(round(self.retry.connect_s), 1)}",
            "GDAL_HTTP_TIMEOUT": f"{max(round(self.retry.read_s), 1)}",
            "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
            "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
        }
        if address in self._relayed:
            # No proxy to this machine; and no other file, which the content of this one might name.
            options |= {"GDAL_HTTP_PROXY": "", "CPL_VSIL_CURL_ALLOWED_FILENAME": f"/vsicurl/{address}"}
        return options

    def probe(self, address: str) -> Answer | None:
        """Answer of the server about an address, None for a store that cannot be asked; what was read of the file is forgotten."""
        url = self._relayed.get(address)
        if url is None:
            return None
        self._given.pop(url, None)
        failure = self._relay.failure(address)
        if failure is not None and failure.lasting:
            return Answer(None, None, failure.reason, lasting=True)
        return self._web.probe(url)

    def refused(self) -> bool:
        """Return whether another token will be fetched for one that was refused, which is dropped."""
        if self._signer is None:
            return False
        self._signer.forget()
        return True
