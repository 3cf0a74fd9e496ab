"""``erosion ledger official``: a list of the province on the banks of a real run."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd

from erosion.alerts import ledger
from tests.conftest import Command

SCHEME = """
scheme: QĐ 01/2011
legal_basis: QĐ 01/2011/QĐ-TTg
classes:
  - {code: NH, vi: nguy hiểm, en: dangerous}
  - {code: BT, vi: bình thường, en: ordinary}
fields: {official_id: STT, title: Ten, class_code: Muc, bank: Bo, from_km: Tu, to_km: Den}
"""


def test_a_list_is_matched_entered_once_and_changed_by_a_new_one(crop: Path, tmp_path: Path, erosion: Command) -> None:
    out, file = tmp_path / "out", tmp_path / "list.csv"
    (tmp_path / "scheme.yaml").write_text(SCHEME, encoding="utf-8")
    file.write_text("STT;Ten;Muc;Bo;Tu;Den\n1;Bờ thử;NH;trái;0,5;1,5\n2;Xa;NH;phải;900;901\n", encoding="utf-8")
    at = ("--out", out)
    assert erosion("run", crop, "--date", "2009-08-16", *at).returncode == 0
    people = ("ledger", "people", "add")
    assert erosion(*people, "chu@x.vn", "--name", "Chủ", "--role", "administrator", *at).returncode == 0
    assert (
        erosion(*people, "an@x.vn", "--name", "An", "--role", "duty_officer", "--by", "chu@x.vn", *at).returncode == 0
    )

    def enter(*more: object):
        return erosion(
            "ledger", "official", file, "--scheme", tmp_path / "scheme.yaml", "--region", "mamore_crop", "--decision", "QĐ 12",
            "--from", "2009-01-01", "--by", "an@x.vn", *more, *at,
        )  # fmt: skip

    shown = enter("--try")
    assert shown.returncode == 2 and "1\tNH\tbank L of mamore_crop, km 0.500 to 1.500\tBờ thử" in shown.stdout
    assert "2 Xa: the run has no bank R between km 900 and 901" in shown.stderr
    refused = enter()
    assert refused.returncode == 1 and "administrator" in refused.stderr
    done = enter("--scheme-by", "chu@x.vn")
    assert done.returncode == 2 and "1 of 1 entered" in done.stderr + done.stdout
    again = enter()
    assert "0 of 1 entered" in again.stderr + again.stdout
    file.write_text(file.read_text("utf-8").replace("1;Bờ thử;NH", "1;Bờ thử;BT"), encoding="utf-8")
    changed = enter()
    assert "1 of 1 entered" in changed.stderr + changed.stdout

    engine = ledger.open_ledger(out / "ledger.sqlite")
    with ledger.querying(engine) as connection:
        table = ledger.official.classes_on(connection, "mamore_crop", pd.Timestamp("2009-06-01").date())
        assert ledger.audit.verify(connection, None).fault is None
    engine.dispose()
    assert table[["official_id", "class_code", "bank", "from_m"]].to_numpy().tolist() == [["1", "BT", "L", 500.0]]
    segments = gpd.read_parquet(next((out / "mamore_crop").glob("2009*/segments_1y.parquet")))
    assert segments["chainage_m"].between(500.0, 1_500.0).any()
