"""The chart of a gauge, as the browser gets it."""

from erosion.core.contracts import LEVEL_COLOURS
from erosion.ui.hydrograph import chart
from erosion.ui.products.gauges import read_gauges, read_hydrograph
from erosion.ui.products.regions import read_region
from tests.ui.made_gauges import AS_OF
from tests.ui.test_browser import address, browser, open_page, outside, pick, settle  # noqa: F401


def drawn(folder, number, language="vi", *, simulated=False, change=lambda table: table):
    """The chart of a gauge as the browser gets it."""
    run = next(run for run in read_region(folder / "song-thu").runs if run.as_of == AS_OF)
    gauge = read_gauges(run)[number]
    made = chart.chart(gauge, change(read_hydrograph(run, gauge)), AS_OF, language, simulated=simulated)
    return None if made is None else made.to_dict()


def layers(spec, **mark):
    """Data of the layers whose mark has these properties."""
    flat = [layer for part in spec["layer"] for layer in part.get("layer", [part])]
    found = [layer for layer in flat if all(layer["mark"].get(key) == value for key, value in mark.items())]
    return [spec["datasets"][layer["data"]["name"]] for layer in found]


def test_alarm_levels_are_lines_with_their_names_in_the_colours_of_levels(published):
    spec = drawn(published, 0)
    lines = layers(spec, type="rule", strokeWidth=2)[0]
    assert [row["label"] for row in lines] == ["BĐ1 3,50 m", "BĐ2 4,00 m", "BĐ3 4,50 m"]
    assert [row["colour"] for row in lines] == [LEVEL_COLOURS[level] for level in (2, 3, 4)]
    assert [row["label"] for row in layers(drawn(published, 0, "en"), type="rule", strokeWidth=2)[0]] == [
        "Alarm 1 3.50 m", "Alarm 2 4.00 m", "Alarm 3 4.50 m",
    ]  # fmt: skip


def test_a_wild_suspect_value_does_not_stretch_the_picture_and_is_shown(published):
    spec = drawn(published, 0)
    (points,) = layers(spec, type="point", color=chart.SUSPECT)
    assert sorted(row["shape"] for row in points) == ["circle", "circle", "circle", "triangle-down"]
    (low, high) = next(
        layer["encoding"]["y"]["scale"]["domain"]
        for layer in spec["layer"]
        if "scale" in layer.get("encoding", {}).get("y", {})
    )
    assert low > -1.0
    assert 4.5 < high < 6.0
    assert min(row["value"] for row in points) == low
    day = next(row for row in layers(spec, type="rule", strokeWidth=7)[0] if row["date"] == "16/06/2024")
    assert day["suspect"] == "−9.999,00 m"


def test_the_line_breaks_where_days_are_missing_and_not_at_filled_ones(published):
    (line,) = layers(drawn(published, 0), type="line", color=chart.WATER)
    pieces = {row["when"][:10]: row["piece"] for row in line}
    assert pieces["2024-04-09"] != pieces["2024-04-17"]
    assert "2024-04-12" not in pieces
    assert pieces["2024-05-15"] == pieces["2024-05-21"] == pieces["2024-06-20"]
    (squares,) = layers(drawn(published, 0), shape="square")
    assert [row["when"][:10] for row in squares] == [f"2024-05-{day}" for day in (20, 21, 22, 23)]


def test_days_reach_the_browser_as_its_own_midnights(published):
    spec = drawn(published, 0)
    for rows in spec["datasets"].values():
        assert all(row["when"].endswith("T00:00:00") for row in rows)


def test_only_the_last_120_and_the_next_ten_days_are_drawn(published):
    spec = drawn(published, 0)
    days = sorted({row["when"][:10] for row in layers(spec, type="rule", strokeWidth=7)[0]})
    assert (days[0], days[-1]) == ("2024-03-03", "2024-07-10")
    (forecast,) = layers(spec, type="line", color=chart.FORECAST)
    assert [row["when"][:10] for row in forecast] == [f"2024-07-{day:02d}" for day in range(1, 11)]


def test_without_recent_days_there_is_no_chart(published):
    assert drawn(published, 0, change=lambda table: table[table["day"] < "2024-01-01"]) is None


def test_a_picture_of_an_exercise_says_so(published):
    assert drawn(published, 0, simulated=True)["title"]["text"] == "MÔ PHỎNG · SIMULATED"
    assert "title" not in drawn(published, 0)


def test_a_gauge_with_nothing_but_suspect_values_is_drawn(published):
    spec = drawn(published, 0, change=lambda table: table[table["suspect"]])
    assert len(layers(spec, type="point", color=chart.SUSPECT)[0]) == 4
    assert layers(spec, type="line", color=chart.WATER) == [[]] or not layers(spec, type="line", color=chart.WATER)[0]
