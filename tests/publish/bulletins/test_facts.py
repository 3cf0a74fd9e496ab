"""What a bulletin takes from a run, and when there is none to be made."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import geopandas as gpd
import pytest
import shapely

from erosion.core.files import sha256_of
from erosion.publish.bulletins.content import Source, source_lines
from erosion.publish.bulletins.errors import BulletinError
from erosion.publish.bulletins.facts import area_of, communes, read_facts
from erosion.publish.bulletins.officer import MAX_TEXT, Officer, issued_text
from tests.publish.bulletins.made_runs import AS_OF, publish_run, settings, stretches


def test_the_newest_run_and_first_target_are_read_worst_first(tmp_path):
    table = stretches(9, level=[2, 3, 4] * 3)
    facts = read_facts(publish_run(tmp_path, table))
    assert facts.run["as_of"] == AS_OF and facts.target["name"] == "1y"
    assert facts.stretches["level"].tolist() == [4, 4, 4, 3, 3, 3, 2, 2, 2]
    assert facts.stretches["stretch_id"].iloc[0] == "hau-0002", "equal levels keep the published order"
    assert facts.stretches.crs.to_epsg() == facts.segments.crs.to_epsg() == 9208


def test_a_commune_has_the_stretches_that_lie_in_it_or_touch_it(tmp_path):
    table = stretches(6, communes=["30001 30002", "30002", "30003", "30001", "30002 30004", "30003"])
    facts = read_facts(publish_run(tmp_path, table))
    named = communes(facts, "vi")
    assert named["30001"] == "Xã Mỹ Hòa Hưng (cũ: Xã Mỹ Hòa Hưng; Phường Bình Đức (phần))"
    assert named["30002"] == "Phường Long Xuyên" and named["30004"] == "30004"
    area = area_of(facts, "30002", "vi")
    assert area.stretches["stretch_id"].tolist() == ["hau-0000", "hau-0001", "hau-0004"]
    assert area.stretches["no"].tolist() == [1, 2, 3] and area.title == "Phường Long Xuyên"
    assert area_of(facts, "phường long xuyên", "vi").code == "30002"
    assert area_of(facts, "30004", "vi").stretches["stretch_id"].tolist() == ["hau-0004"]
    assert len(area_of(facts, None, "vi").stretches) == 6 and area_of(facts, None, "en").title == "Hậu at Long Xuyên"
    with pytest.raises(BulletinError, match=r"'30009': this run knows no such commune. Communes of this run: .*30003"):
        area_of(facts, "30009", "vi")


def test_communes_of_the_reference_layers_have_their_name_without_a_stretch(tmp_path):
    home = publish_run(tmp_path, stretches(3, communes=["30001 30002", "30002", "30003"], commune_code="30001"))
    names = {"30001": "Xã Mỹ Hòa Hưng", "30002": "Phường Long Xuyên", "30009": "Xã An Hòa"}
    layer = gpd.GeoDataFrame(
        {"name": list(names.values()), "code": list(names), "former": ["Xã A; Xã B", "", None]},
        geometry=[shapely.box(0, 0, 1, 1)] * 3, crs="EPSG:32648",
    )  # fmt: skip
    (home / "places").mkdir()
    path = home / "places" / "abc.gpkg"
    layer.to_file(path, layer="communes")
    file = home / f"{AS_OF}-abcd" / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    terms = {
        "title": {"vi": "Xã, phường", "en": "Communes"},
        "licence": "MIT",
        "attribution": "© A",
        "url": None,
        "simulated": True,
    }
    manifest["places"] = {"file": "places/abc.gpkg", "sha256": sha256_of(path), "layers": {"communes": terms}}
    file.write_text(json.dumps(manifest), encoding="utf-8")
    facts = read_facts(home)
    named = communes(facts, "vi")
    assert named["30001"] == "Xã Mỹ Hòa Hưng (cũ: Xã A; Xã B)" and named["30002"] == "Phường Long Xuyên"
    area = area_of(facts, "xã an hòa", "vi")
    assert area.code == "30009" and area.stretches.empty
    source = Source(facts, area, Officer(), settings(), "vi")
    assert "Xã, phường, © A, MIT, MÔ PHỎNG / SIMULATED." in source_lines(source)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BulletinError, match=r"abc.gpkg is not what was published"):
        read_facts(home)


def test_two_communes_of_one_name_are_told_apart_by_code(tmp_path):
    table = stretches(3, commune="Xã Tân Hòa", commune_former=None)
    facts = read_facts(publish_run(tmp_path, table))
    with pytest.raises(BulletinError, match="several communes have this name, give the code"):
        area_of(facts, "Xã Tân Hòa", "vi")


def test_a_run_without_names_is_read_and_names_no_commune(tmp_path):
    table = stretches(3)
    later = [name for name in table if name.startswith(("commune", "place_", "buildings_"))]
    facts = read_facts(publish_run(tmp_path, table.drop(columns=later)))
    assert communes(facts, "vi") == {}
    with pytest.raises(BulletinError, match="none: this run names no communes"):
        area_of(facts, "30001", "vi")


def test_no_bulletin_without_a_run_or_from_damaged_files(tmp_path):
    home = publish_run(tmp_path, stretches(2))
    with pytest.raises(BulletinError, match=r"has no published.json.*erosion run"):
        read_facts(tmp_path / "nowhere")
    with pytest.raises(BulletinError, match=r"nothing of 2023-01-01 is published.*newest date is 2024-06-30"):
        read_facts(home, "2023-01-01")
    with pytest.raises(BulletinError, match="no forecast target 9y; there is 1y"):
        read_facts(home, target="9y")
    path = home / f"{AS_OF}-abcd" / "stretches_1y.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(
        BulletinError, match=r"no bulletin is made of damaged files.*stretches_1y.parquet is not what was"
    ):
        read_facts(home)
    manifest = json.loads((path.parent / "manifest.json").read_text(encoding="utf-8"))
    del manifest["outputs"]["stretches_1y.parquet"]
    (path.parent / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    path.unlink()
    with pytest.raises(BulletinError, match="knew no stretches of bank"):
        read_facts(home)


def test_the_time_of_issue_has_the_offset_of_its_zone():
    time = datetime(2026, 11, 30, 0, 30, tzinfo=UTC)
    assert issued_text(time, "vi", "Asia/Ho_Chi_Minh") == "Tin phát lúc 07:30 30/11/2026 (+07:00)"
    assert issued_text(time, "en", "America/La_Paz") == "Issued at 20:30 2026-11-29 (-04:00)"
    assert "……" in issued_text(None, "vi", "Asia/Ho_Chi_Minh")
    with pytest.raises(BulletinError, match="has no zone"):
        issued_text(datetime(2026, 11, 30), "vi", "Asia/Ho_Chi_Minh")


def test_a_text_that_no_page_holds_is_refused_and_never_cut():
    with pytest.raises(BulletinError, match=r"warning: 6,001 characters.*Shorten it"):
        Officer(warning="x" * (MAX_TEXT + 1)).lines("warning")
    with pytest.raises(BulletinError, match="61 lines"):
        Officer(now="a\n" * 61).lines("now")
    assert Officer(now=" a\u202eb \r\n\n\x00 \nc").lines("now") == ("ab", "c")
