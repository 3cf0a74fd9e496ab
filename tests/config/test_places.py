"""Reference layers in a region file: every mistake is named with its mend, all together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from erosion.config.places import SETTLEMENTS
from erosion.config.problems import CatalogError
from erosion.config.region import load_region
from tests.places.made_places import entry_of, region_of


def test_a_layer_is_read_with_its_terms_and_need_not_be_there(tmp_path: Path) -> None:
    region = region_of(tmp_path, {"names": entry_of("names", "sub/names.gpkg", optional=True, simulated=True)})
    assert region.places is not None and list(region.places.given) == ["names"]
    names = region.places.names
    assert names is not None and names.path == tmp_path / "sub" / "names.gpkg"
    assert names.optional and names.simulated and names.settlements == SETTLEMENTS
    assert names.columns == {"name": "name", "kind": "kind"} and names.title == {"vi": "Lớp", "en": "Layer"}


def test_a_region_without_places_has_none(tmp_path: Path) -> None:
    assert region_of(tmp_path, None).places is None


def test_the_places_of_an_giang_name_their_licence_and_where_the_files_come_from() -> None:
    places = load_region("an-giang").places
    assert places is not None and len(places.given) == 6
    assert places.communes is not None and places.communes.path.is_file() and not places.communes.optional
    for kind, entry in places.given.items():
        assert entry.licence and entry.attribution and entry.url and not entry.simulated, kind
    assert {entry.licence for entry in places.given.values()} >= {"ODbL 1.0", "CC BY 4.0"}


@pytest.mark.parametrize(
    ("places", "says"),
    [
        ({}, "places: has no layer"),
        ({"road": {}}, "places.road: unknown key; did you mean places.roads?"),
        ({"roads": {"path": "a.gpkg"}}, "places.roads.licence: is missing"),
        ({"communes": {**entry_of("", "a.gpkg")}}, "places.communes.fields: is missing"),
        ({"communes": entry_of("", "a.gpkg", fields={"name": "a"})}, "places.communes.fields.code: is missing"),
        ({"communes": entry_of("", "a", fields={"name": 1, "code": "c"})}, "places.communes.fields.name: must be text"),
        ({"names": entry_of("", "a", fields={"name": " "})}, "places.names.fields.name: is empty"),
        ({"names": entry_of("", "a", fields={"name": "n"}, settlements=["x"])}, "needs fields.kind"),
        ({"roads": entry_of("roads", "a.gpkg", title={"en": "Roads"})}, "places.roads.title.vi: is missing"),
        ({"buildings": entry_of("", "a.gpkg", fields={"name": "a"})}, "places.buildings.fields: unknown key"),
        ({"population": entry_of("", "a.tif", where="a > 1")}, "places.population.where: unknown key"),
        ({"population": entry_of("", "a.tif", nodata_is_nobody="yes")}, "must be true or false"),
        ({"roads": entry_of("roads", "")}, "places.roads.path: is empty"),
    ],
)
def test_a_mistake_is_named_with_its_mend(tmp_path: Path, places: dict[str, Any], says: str) -> None:
    with pytest.raises(CatalogError) as err:
        region_of(tmp_path, places)
    assert any(says in problem and str(tmp_path / "r.yaml") in problem for problem in err.value.problems)


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    broken = {"roads": {"path": "a.gpkg"}, "names": entry_of("", "a", fields={})}
    with pytest.raises(CatalogError) as err:
        region_of(tmp_path, broken, timezone="Nowhere", pixel_m="wide")
    text = "\n".join(err.value.problems)
    for key in ("places.roads.title", "places.roads.licence", "places.roads.attribution", "places.names.fields.name"):
        assert f"{key}: is missing" in text
    assert "pixel_m" in text
