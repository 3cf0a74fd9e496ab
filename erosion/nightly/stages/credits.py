"""Who is named for the data of a run, and under which licence they stand."""

from __future__ import annotations

from erosion.config.region import Region


def credits_of(region: Region) -> list[dict[str, object]]:
    """Return ``title``, ``licence``, ``attribution`` and ``url`` of each source of water and gauge that is there.

    Those of the reference layers stand in the manifest (:class:`erosion.publish.manifest.PlacesEntry`).
    """
    sources = (region.sources[name] for name in (*region.water, *region.gauges))
    return [
        {"title": one.title, "licence": one.licence, "attribution": one.attribution, "url": one.url}
        for one in sources
        if one.is_there
    ]
