"""The first page of the day: changes, counts, the worst, and ages by today's clock."""

import json
import re
import sqlite3

import geopandas as gpd
import pandas as pd
import pytest

DAY = pd.Timedelta(days=1)


def stretches_of(folder, date="2024-06-30"):
    (path,) = (folder / "song-thu").glob(f"{date}-*/stretches_1y.parquet")
    return path, gpd.read_parquet(path)


def live(folder, *days_ago):
    """Say that the newest runs were made on their own days, so long before now, and return the newest's date."""
    path = folder / "song-thu" / "published.json"
    content, now = json.loads(path.read_text("utf-8")), pd.Timestamp.now("UTC")
    for run, days in zip(content["runs"][-len(days_ago) :], days_ago, strict=True):
        at = now - days * DAY
        run["as_of"], run["finished_at"] = f"{at:%Y-%m-%d}", at.isoformat()
    path.write_text(json.dumps(content), "utf-8")
    (folder / "song-thu" / "last_attempt.json").unlink()
    return content["runs"][-1]["as_of"]


def test_changes_are_the_ledgers(published, open_page, text_of):
    text = text_of(open_page("today", published, region="song-thu"))
    with sqlite3.connect(published / "ledger.sqlite") as connection:
        rows = connection.execute(
            "SELECT kind, from_level, other_id, reason FROM stretch_transitions WHERE run_id = 'song-thu-2024-06-30-abc2'"
        ).fetchall()
    said = re.search(r'data-testid="changes">(.*?)</div>', text)[1]
    wanted = {
        "tăng mức": sum(kind == "raised" and level > 0 for kind, level, *_ in rows),
        "giảm mức": sum(kind == "lowered" for kind, *_ in rows),
        "dài ra": sum(kind == "grown" for kind, *_ in rows),
        "ngắn lại": sum(kind == "shrunk" for kind, *_ in rows),
        "đoạn bờ mới": sum(kind == "issued" and other is None for kind, _, other, _ in rows),
        "tách ra": sum(kind == "issued" and other is not None for kind, _, other, _ in rows),
        "đã kết thúc": sum(kind == "closed" and reason != "merged" for kind, *_, reason in rows),
        "đã gộp vào đoạn khác": sum(kind == "closed" and reason == "merged" for kind, *_, reason in rows),
        "mất dữ liệu": sum(kind == "unknown" for kind, *_ in rows),
    }
    assert sum(wanted.values()) == len(rows) > 0
    for words, n in wanted.items():
        assert (f"{n} {words}<" in said) == (n > 0), words
    assert "Thay đổi so với lần chạy trước (30/06/2023)" in text


def test_counts_by_level(published, open_page, text_of):
    _, file = stretches_of(published)
    text = text_of(open_page("today", published, region="song-thu"))
    for level, word in ((4, "rất cao"), (3, "cao"), (2, "trung bình")):
        mine = file[file["level"] == level]
        km = f"{mine['length_m'].sum() / 1000:.1f}".replace(".", ",")
        assert f"</span>{word} <small>{len(mine)} đoạn bờ · {km} km</small>" in text


def test_the_ten_worst(published, open_page):
    _, file = stretches_of(published)
    file = file.sort_values(["level", "p_event", "stretch_id"], ascending=[False, False, True])
    at = open_page("today", published, region="song-thu")
    table = next(frame.value for frame in at.dataframe if frame.key.startswith("worst-"))
    assert table["Xác suất"].tolist() == file["p_event"].head(10).tolist()
    assert table["Mức"].tolist() == file["level"].head(10).tolist()


def test_nothing_changed_is_said_with_the_time(own, open_page, text_of):
    path, file = stretches_of(own, "2023-06-30")
    file.assign(change="", previous_level=file["level"], split_from=None).to_parquet(path)
    (own / "ledger.sqlite").unlink()
    text = text_of(open_page("today", own))
    assert "Không có thay đổi; dữ liệu cập nhật lúc 08:01 01/07/2024." in text
    assert "đoạn bờ đã kết thúc hoặc đã gộp không nêu ở đây" in text, "without the ledger that is not known"


def test_the_first_run_has_nothing_to_be_compared_with(published, open_page, text_of):
    text = text_of(open_page("today", published, region="song-thu", **{"date song-thu": "2022-06-30"}))
    assert "Đây là lần chạy đầu tiên" in text and 'data-testid="changes"' not in text


# --- ages ------------------------------------------------------------------------------------------------------------


def test_a_replay_says_how_old_it_is_and_raises_no_alarm(own, open_page, text_of):
    attempt = own / "song-thu" / "last_attempt.json"
    attempt.write_text(json.dumps(json.loads(attempt.read_text("utf-8")) | {"as_of": "2023-06-30"}), "utf-8")
    text = text_of(open_page("today", own))  # dates of 2022 and 2023, made in July 2024
    days = (pd.Timestamp.now("UTC") - pd.Timestamp("2023-06-30", tz="UTC")).days
    assert re.search(
        rf"Sản phẩm mới nhất tính đến ngày 30/06/2023, cách hôm nay {days // 1000}.{days % 1000:03d} ngày", text
    )
    assert "không có lần chạy nào" not in text and "quá cũ" not in text and "er-banner er-bad" not in text


@pytest.mark.parametrize("page", ["today", "map", "list", "results", "operations"])
def test_a_job_that_stopped_is_as_loud_as_one_that_failed(own, open_page, text_of, page):
    live(own, 3.5, 2.5)
    text = text_of(open_page(page, own))
    assert 'er-bad" role="alert"><b>Đã 2,5 ngày không có lần chạy nào: lần cuối lúc' in text


def test_a_job_that_ran_last_night_is_quiet(own, open_page, text_of):
    live(own, 1.4, 0.4)
    text = text_of(open_page("today", own))
    assert "không có lần chạy nào" not in text and "cách hôm nay" not in text


def test_ages_are_against_the_clock_and_not_the_date_on_the_page(own, open_page, text_of):
    newest = live(own, 1.4, 0.4)
    path = own / "song-thu" / "published.json"
    content = json.loads(path.read_text("utf-8"))
    content["stale_after_days"] = 30.0
    titles = {"tien": "Sông Tiền", "hau": "Sông Hậu"}
    content["reaches"] = [{"name": name, "title": {"vi": title, "en": name}} for name, title in titles.items()]
    run = content["runs"][-1]
    path.write_text(json.dumps(content), "utf-8")
    manifest = own / "song-thu" / run["directory"] / "manifest.json"
    now = pd.Timestamp.now("UTC").normalize()
    reaches = {"tien": f"{now - 9 * DAY:%Y-%m-%d}", "hau": f"{now - 45 * DAY:%Y-%m-%d}"}
    entry = {"missing": None, "accepted": []}
    stored = json.loads(manifest.read_text("utf-8"))
    stored["reaches"] = {name: {**entry, "newest_epoch": date} for name, date in reaches.items()}
    manifest.write_text(json.dumps(stored), "utf-8")
    first = content["runs"][0]["as_of"]
    for date in (newest, first):
        text = text_of(open_page("today", own, **{"date song-thu": date}))
        ages = text.split('data-testid="ages"')[1]
        assert "<b>9 ngày trước</b>" in ages
        assert "<div class=er-old><span>Ảnh bờ mới nhất: Sông Hậu" in ages and "⚠ quá cũ: 45 ngày trước" in ages


def test_a_gauge_that_went_silent_after_the_run_is_old(own, open_page, text_of):
    newest = live(own, 1.4, 0.4)
    content = json.loads((own / "song-thu" / "published.json").read_text("utf-8"))
    directory = own / "song-thu" / content["runs"][-1]["directory"]
    assert content["runs"][-1]["as_of"] == newest

    def gauge(name, hours):
        time = (pd.Timestamp.now("UTC") - pd.Timedelta(hours=hours)).isoformat()
        reading = {"time": time, "value": 2.0, "suspect": False}
        return {
            "gauge_id": name, "title": f"Trạm {name} <b>", "reaches": [], "main_of": [], "quantity": "stage", "datum": None,
            "alarm_levels": [], "alarm_source": None, "last_reading": reading, "last_usable": reading, "stale": False,
            "max_age_hours": 48.0, "cadence_days": 1.0, "sources": [], "flag_counts": {}, "forecast": None,
        }  # fmt: skip

    listed = {"gauges": [gauge("a", 30.4), gauge("b", 80.4)]}
    (directory / "gauges.json").write_text(json.dumps(listed), "utf-8")
    text = text_of(open_page("today", own))
    assert "Trạm a &lt;b&gt; · mực nước" in text and "<b>30 giờ trước</b>" in text
    assert "<b>⚠ quá cũ: 3 ngày trước</b>" in text
    (directory / "gauges.json").write_text("{}", "utf-8")
    assert "gauges.json" in text_of(open_page("today", own))
