"""Tables in time order: the step, gaps, several series, the split, rounding, the calendar."""

import numpy as np
import pandas as pd
import pytest

from tfp_maf.data_prep.reading.reading import Reading
from tfp_maf.data_prep.time_axis import Axis
from tfp_maf.data_prep.time_table import MOST_GAP, TimeColumns, load, read_more

MINUTE = np.timedelta64(60, "s")


def table(rows=200, *, step=MINUTE, seed=0):
    """A table of two numbers, one of them rounded, minute by minute."""
    rng = np.random.default_rng(seed)
    times = np.datetime64("2024-03-01T22:00:00") + step * np.arange(rows)
    x = rng.normal(size=rows)
    return pd.DataFrame({"when": times, "x": x, "count": rng.integers(0, 5, rows)})


def written(frame, path, name="t.csv"):
    frame.to_csv(path / name, index=False)
    return path / name


def test_a_regular_table(tmp_path):
    frame = table()
    found = load(written(frame, tmp_path), time=["when"])
    columns = found.columns
    assert (columns.modelled, columns.axis.step, columns.axis.step_text) == (
        ("x", "count"),
        60,
        "1 min",
    )
    (series,) = found.series
    np.testing.assert_allclose(series.x, frame[["x", "count"]])
    np.testing.assert_array_equal(columns.axis.times(series.steps), frame["when"])
    assert [found.count(part) for part in ("train", "validation", "test")] == [160, 20, 20]
    assert columns.ends == (160, 180)
    assert found.notes == ()
    np.testing.assert_array_equal(columns.resolution, [0, 1])


def test_date_and_time_in_two_columns_of_a_days_first_minutes(tmp_path):
    times = pd.date_range("2006-12-01 00:00", periods=2000, freq="min")
    frame = pd.DataFrame({"Date": times.strftime("%d/%m/%Y"), "Time": times.strftime("%H:%M:%S")})
    frame["v"] = np.random.default_rng(0).normal(size=2000)
    found = load(written(frame, tmp_path), time=["Date", "Time"])
    assert found.columns.axis.step == 60
    np.testing.assert_array_equal(found.columns.axis.times([0, 1999]), times[[0, 1999]])


def test_dates_with_and_without_zeros_in_front(tmp_path):
    times = pd.date_range("2004-03-10 18:00", periods=3000, freq="h")
    dates = [f"{t.day}/{t.month:02}/{t.year}" for t in times]
    clocks = [f"{t.hour}:00:00" for t in times]
    dates[0] = "10/3/2004"
    frame = pd.DataFrame({"Date": dates, "Time": clocks})
    frame["v"] = np.random.default_rng(0).normal(size=3000)
    found = load(written(frame, tmp_path), time=["Date", "Time"])
    assert found.notes == ()
    np.testing.assert_array_equal(found.columns.axis.times([0, 2999]), times[[0, 2999]])


def test_rows_out_of_order_repeated_and_missing(tmp_path):
    frame = table()
    shuffled = frame.drop(index=[50, 51, 120]).sample(frac=1, random_state=0)
    again = pd.concat([shuffled, shuffled.iloc[:3]])
    found = load(written(again, tmp_path), time=["when"])
    (series,) = found.series
    assert np.flatnonzero(~series.is_row).tolist() == [50, 51, 120]
    assert np.isnan(series.x[50]).all()
    np.testing.assert_allclose(series.x[121], frame[["x", "count"]].iloc[121])
    text = "; ".join(found.notes)
    assert "put in time order" in text
    assert "3 rows left out: their step has a row before them" in text
    assert "2 gaps in time, the longest of 2 steps of 1 min" in text


def test_a_long_gap_starts_a_new_series(tmp_path):
    frame = table(400)
    frame.loc[100:, "when"] += MINUTE * (MOST_GAP + 1)
    found = load(written(frame, tmp_path), time=["when"])
    assert [len(series) for series in found.series] == [100, 300]
    assert found.series[1].steps[0] == 100 + MOST_GAP + 1


def test_irregular_times(tmp_path):
    frame = table()
    frame.loc[10, "when"] += np.timedelta64(7, "s")
    found = load(written(frame, tmp_path), time=["when"])
    assert "1 times moved to the grid of 1 min, by up to 0.12 steps" in found.notes
    seconds = np.cumsum(np.random.default_rng(0).uniform(1, 9, 200))
    with pytest.raises(ValueError, match="no regular step"):
        load(written(pd.DataFrame({"t": seconds, "x": seconds**0.5}), tmp_path), time=["t"])


def test_a_step_that_rounding_hides(tmp_path):
    seconds = np.round(4.0003 * np.arange(8000), 2)
    frame = pd.DataFrame({"t": seconds, "x": np.random.default_rng(0).normal(size=8000)})
    found = load(written(frame, tmp_path), time=["t"])
    assert found.columns.axis.step == pytest.approx(4.0003, abs=1e-5)
    assert len(found.series[0]) == 8000
    assert found.notes == ()


def test_numbers_as_times_and_several_series(tmp_path):
    parts = [
        pd.DataFrame({"t": np.arange(60) * 0.5, "who": who, "x": np.sin(np.arange(60) + i)})
        for i, who in enumerate("ab")
    ]
    found = load(written(pd.concat(parts), tmp_path), time=["t"], series="who")
    assert [series.name for series in found.series] == ["a", "b"]
    assert (found.columns.axis.step, found.columns.axis.is_clock) == (0.5, False)
    assert found.columns.known(found.series[0]).shape == (60, 0)
    np.testing.assert_allclose(found.series[1].x[:, 0], parts[1]["x"])
    assert [found.count(p) for p in ("train", "validation", "test")] == [96, 12, 12]


def test_what_is_left_out_is_said(tmp_path):
    frame = table()
    frame["word"], frame["flat"] = "a", 3.0
    frame["hole"] = np.where(np.arange(200) % 4, np.nan, frame["x"])
    found = load(written(frame, tmp_path), time=["when"], drop=["count"])
    assert found.columns.modelled == ("x",)
    text = "; ".join(found.notes)
    assert "'word' left out: it holds no numbers" in text
    assert "'flat' left out: it has one value only in training" in text
    assert "'hole' left out: 75% of its training values are missing" in text


def test_rounded_values_get_noise_of_their_step_and_lose_it_again(tmp_path):
    found = load(written(table(), tmp_path), time=["when"])
    (series,) = found.series
    noisy = found.columns.dequantised(series)
    added = noisy - series.x
    assert (added[:, 0] == 0).all()
    assert 0 < added[:, 1].min() < 0.1 and 0.9 < added[:, 1].max() < 1
    np.testing.assert_allclose(found.columns.rounded(noisy), series.x)
    part = table().iloc[50:]  # a part of the table has the same
    more = read_more(written(part, tmp_path, "part.csv"), found.columns)
    np.testing.assert_array_equal(found.columns.dequantised(more.series[0]), noisy[50:])


def test_given_columns_are_scaled_by_the_past_and_filled_from_it(tmp_path):
    frame = table()
    frame["price"] = np.arange(200.0)
    frame.loc[5, "price"] = np.nan
    found = load(written(frame, tmp_path), time=["when"], given=["price"])
    assert found.columns.modelled == ("x", "count")
    known = found.columns.known(found.series[0])[:, -1]
    assert known[5] == known[4]
    assert known[:160].mean() == pytest.approx(0, abs=1e-9)
    assert known[:160].std() == pytest.approx(1)
    assert any("'price' taken from the step before" in note for note in found.notes)


def test_columns_are_kept_in_a_file(tmp_path):
    found = load(written(table(), tmp_path), time=["when"])
    again = TimeColumns.from_json(found.columns.to_json())
    assert again.to_json() == found.columns.to_json()


def test_a_calendar_of_the_periods_that_there_are():
    axis = Axis(0.0, 3600.0, True, "", ("day", "week"))
    found = axis.calendar(np.arange(24 * 14))
    assert found.shape == (24 * 14, 6)
    np.testing.assert_allclose(found[:24, :4], found[24:48, :4], atol=1e-9)
    np.testing.assert_allclose(found[: 24 * 7], found[24 * 7 :], atol=1e-9)


def test_bad_tables(tmp_path):
    frame = table()
    path = written(frame, tmp_path)
    with pytest.raises(ValueError, match="no column 'date' of times"):
        load(path, time=["date"])
    with pytest.raises(ValueError, match="no column 'y' that is modelled"):
        columns = load(path, time=["when"]).columns
        others = TimeColumns.from_json(columns.to_json() | {"modelled": ["y", "count"]})
        read_more(path, others)
    late = np.random.default_rng(0).uniform(0, 50, 200)
    uneven = frame.assign(when=frame["when"] + (late * 1e6).astype("timedelta64[us]"))
    with pytest.raises(ValueError, match="of the times are not on the grid of 1 min from"):
        read_more(written(uneven, tmp_path, "uneven.csv"), columns)
    texts = frame.astype({"when": str})
    texts.loc[7, "when"] = "soon"
    with pytest.raises(ValueError, match="row 8: 'soon' is not a time"):
        load(written(texts, tmp_path), time=["when"])
    with pytest.raises(ValueError, match="20 rows are too few to split by time"):
        load(written(frame.head(20), tmp_path), time=["when"])
    with pytest.raises(ValueError, match="no column of numbers is left"):
        load(written(frame[["when"]].assign(a="b", x=1.5), tmp_path), time=["when"], given=["x"])


def test_power_and_air_quality(real_data):
    power = load(
        real_data / "power" / "household_power_consumption.txt", time=["Date", "Time"],
        drop=["Global_intensity", "Global_reactive_power"],
    )  # fmt: skip
    assert power.columns.axis.step_text == "1 min"
    assert sum(power.count(p) for p in ("train", "validation", "test")) == 37_283
    np.testing.assert_allclose(power.columns.resolution, [0.001, 0.01, 1, 1, 1])
    air = load(
        real_data / "air_quality" / "AirQualityUCI.csv", time=["Date", "Time"],
        reading=Reading(na=("-200",)),
    )  # fmt: skip
    (series,) = air.series
    assert len(series) == 9357 and series.is_row.all()
    assert str(air.columns.axis.times([0])[0]).startswith("2004-03-10T18:00")


def of_times(times, path, **more):
    """Load a table of these times and random values."""
    frame = pd.DataFrame({"t": list(times), "x": np.random.default_rng(0).normal(size=len(times))})
    return load(written(frame, path), time=["t"], **more)


@pytest.mark.parametrize(
    "times",
    [
        pd.date_range("1990-01-01", periods=60, freq="MS"),
        pd.date_range("1990-01-31", periods=60, freq="ME"),
        pd.date_range("1990-01-01", periods=60, freq="MS").strftime("%d/%m/%Y"),
        pd.date_range("1990-01-01", periods=60, freq="MS").strftime("%Y%m").astype(int),
        pd.date_range("1990-01-31", periods=60, freq="BME"),
        pd.date_range("1990-01-01", periods=60, freq="QS"),
        pd.date_range("1950-01-01", periods=60, freq="YS"),
    ],
)
def test_calendar_months_quarters_and_years(times, tmp_path):
    found = of_times(times, tmp_path)
    (series,) = found.series
    assert len(series) == 60
    (days,) = {len(times) for times in [times]}
    written_times = found.columns.axis.times(np.arange(days))
    wanted = (
        times
        if isinstance(times, pd.DatetimeIndex)
        else pd.date_range("1990", periods=60, freq="MS")
    )
    np.testing.assert_array_equal(
        written_times.astype("datetime64[M]"), wanted.to_numpy().astype("datetime64[M]")
    )
    assert found.columns.axis.step_text in ("1 month", "3 months", "1 year")


def test_places_of_months_are_inverted():
    axis = Axis(0.0, 1.0, True, months=1, day=31)
    steps = np.arange(-30, 50)
    np.testing.assert_allclose(axis.place(axis.seconds(steps)), steps, atol=1e-9)
    assert (axis.times(steps).astype("datetime64[D]") + 1).astype(str)[0].endswith("-01")


def test_iso_dates_never_have_the_day_first(tmp_path):
    times = pd.date_range("2020-01-01", periods=40, freq="MS").strftime("%Y-%m-%d")
    assert of_times(times, tmp_path).columns.axis.format == "%Y-%m-%d"


def test_dates_in_whole_numbers(tmp_path):
    times = pd.date_range("2020-01-01", periods=90, freq="D")
    found = of_times(times.strftime("%Y%m%d").astype(int), tmp_path)
    np.testing.assert_array_equal(found.columns.axis.times([0, 89]), times[[0, 89]])
    assert found.notes == ()


def test_summer_and_winter_time_in_offsets(tmp_path):
    times = pd.date_range("2024-03-20", periods=400, freq="h", tz="Europe/Berlin")
    texts = [time.isoformat() for time in times]
    found = of_times(texts, tmp_path)
    assert len(found.series[0]) == 400
    assert "times with a time zone are put in UTC" in found.notes
    winter = of_times(texts[:200], tmp_path)
    assert winter.columns.axis.format.endswith("+01:00")
    summer = pd.DataFrame({"t": texts[300:], "x": 1.5})
    more = read_more(written(summer, tmp_path, "s.csv"), winter.columns)
    assert more.series[0].steps.tolist() == list(range(300, 400))


def test_midnight_without_a_time_of_day(tmp_path):
    columns = of_times(pd.date_range("2024-01-01", periods=60, freq="h"), tmp_path).columns
    one = pd.DataFrame({"t": ["2024-01-02"], "x": [1.5]})
    assert read_more(written(one, tmp_path, "one.csv"), columns).series[0].steps.tolist() == [24]


def test_decimal_years_and_tiny_steps(tmp_path):
    months = np.array([0.042, 0.123, 0.204, 0.288, 0.371, 0.455, 0.538, 0.623, 0.707, 0.79, 0.874])
    years = (1749 + np.arange(20)[:, None] + np.append(months, 0.958)).ravel()
    found = of_times(years, tmp_path)
    assert len(found.series[0]) == 240
    assert (found.columns.axis.months, found.columns.axis.periods) == (1, ("year",))
    assert str(found.columns.axis.times([13])[0]).startswith("1750-02-01")
    assert "1949.083 as February 1949" in found.notes[0]
    begins = 1949 + np.arange(60) / 12
    assert of_times(begins.round(3), tmp_path).columns.axis.step_text == "1 month"
    assert of_times(1960 + np.arange(60) / 4, tmp_path).columns.axis.step_text == "3 months"
    assert of_times(1960 + np.arange(60) / 5, tmp_path).columns.axis.step_text == "0.2"
    assert of_times(2.5e-8 * np.arange(60), tmp_path).columns.axis.step == pytest.approx(2.5e-8)


def test_seconds_since_1970_are_told(tmp_path):
    found = of_times(1_700_000_000_000 + 60_000 * np.arange(60), tmp_path)
    assert "if they are milliseconds since 1970" in found.notes[0]


def test_series_that_were_forgotten(tmp_path):
    frame = pd.concat([table().assign(place="a"), table(seed=1).assign(place="b")])
    with pytest.raises(ValueError, match=r"200 of 400 rows share.*first \S+ \S+:00: .*--series"):
        load(written(frame, tmp_path), time=["when"])
    nameless = frame.assign(place=frame["place"].replace("b", ""))
    with pytest.raises(ValueError, match="200 rows have no value of 'place'.*first row 201"):
        load(written(nameless, tmp_path), time=["when"], series="place")
    half = frame.assign(
        when=frame["when"]
        + np.where(frame["place"] == "b", 30, 0) * 1_000_000 * np.timedelta64(1, "us")
    )
    found = load(written(half, tmp_path), time=["when"], series="place")
    assert [len(series) for series in found.series] == [200, 200]


def test_rows_that_hold_not_all_values(tmp_path):
    frame = table()
    is_even = np.arange(200) % 2 == 0
    frame = frame.assign(x=frame["x"].where(is_even), y=frame["x"].where(~is_even))
    with pytest.raises(ValueError, match="0 of 160 training rows hold all values.*'x' 50%"):
        load(written(frame, tmp_path), time=["when"])
    frame = frame.assign(y=np.where(np.arange(200) % 5, np.nan, 1.0))
    frame["y"] = np.where(np.arange(200) % 5 < 3, np.arange(200) * 0.1, np.nan)
    found = load(written(frame, tmp_path), time=["when"])
    assert any("training rows hold all values" in note for note in found.notes)


def test_rows_to_forecast_do_not_count(tmp_path):
    frame = table(260).assign(price=np.arange(260) % 7)
    frame.loc[200:, ["x", "count"]] = np.nan
    found = load(written(frame, tmp_path), time=["when"], given=["price", "price"])
    assert [found.count(part) for part in ("train", "validation", "test")] == [160, 20, 20]


def test_given_columns_that_cannot_be(tmp_path):
    path = written(table().assign(price=1.5, none=np.nan), tmp_path)
    with pytest.raises(ValueError, match="'none' is given, but has no value at all from"):
        load(path, time=["when"], given=["none"])
    with pytest.raises(ValueError, match="'price' can't be given and be one of --time"):
        load(path, time=["when"], given=["price"], drop=["price"])
    with pytest.raises(ValueError, match="--columns names no column to model"):
        load(path, time=["when"], reading=Reading(columns=("when",)))


def test_values_that_repeat_without_being_rounded(tmp_path):
    frame = table()
    frame.loc[50:90, "x"] = 0.25
    found = load(written(frame, tmp_path), time=["when"])
    assert found.columns.resolution[0] == pytest.approx(1e-4)
    assert "column 'x': values repeat, though it is not rounded" in found.notes[0]


def test_values_that_repeat_are_rounded_to_their_decimals(tmp_path):
    frame = table()
    cents = (1000 * frame["x"].abs()).round(2)
    few = (frame["x"] * 10).round(1)  # 137 different ones among 160
    frame["x"] = (frame["x"] * 5).round(1)  # 107 different ones among 160
    frame["rain"] = np.where(np.arange(200) % 3, 0.0, (1000 * frame["x"].abs()).round(2))
    found = load(written(frame.assign(few=few), tmp_path), time=["when"])
    assert found.columns.resolution[0] == pytest.approx(0.1)
    assert found.columns.resolution[2] == pytest.approx(1)
    assert found.columns.resolution[3] == pytest.approx(0.1)
    assert [note for note in found.notes if "noise" in note] == []
    frame["rain"] = np.where(np.arange(200) % 4, 0.0, cents)
    found = load(written(frame, tmp_path), time=["when"])
    assert found.columns.resolution[2] == pytest.approx(0.1)  # not a cent


def test_columns_that_are_sums_of_others_are_left_out(tmp_path):
    frame = table()[["when", "x"]]
    frame["trend"] = np.arange(200.0) + np.random.default_rng(1).normal(size=200)
    frame["growth"] = np.arange(200.0) + np.random.default_rng(2).normal(size=200)
    frame["total"] = frame["x"] + frame["trend"]
    found = load(written(frame, tmp_path), time=["when"])
    assert found.columns.modelled == ("x", "trend", "growth")
    assert "column 'total' left out: it is linear in 'x', 'trend'" in found.notes


def test_rows_without_a_value_are_counted(tmp_path):
    frame = table()
    frame.loc[3:9, "x"] = np.nan
    frame.loc[20:24, ["x", "count"]] = np.nan
    found = load(written(frame, tmp_path), time=["when"])
    assert "12 of 161 training rows lack a value: they are not learned" in found.notes[0]


def test_tables_to_score_have_the_same_step_and_numbers(tmp_path):
    path = written(table(), tmp_path)
    columns = load(path, time=["when"]).columns
    for step, far in ((30, "0.5"), (300, "5")):
        other = written(table(step=np.timedelta64(step, "s")), tmp_path, "o.csv")
        with pytest.raises(ValueError, match=f"{far} steps of 1 min apart, but the model knows"):
            read_more(other, columns)
    with pytest.raises(ValueError, match="'x' holds no numbers, as it did in training: row 1"):
        read_more(written(table().assign(x="abc"), tmp_path, "o.csv"), columns)
    frame = table().astype({"x": object})
    frame.loc[3, "x"] = "bad"
    more = read_more(written(frame, tmp_path, "o.csv"), columns)
    assert "1 value counts as missing: text, first 'bad' in row 4" in more.notes[0]
    frame = table().assign(when=table()["when"].dt.strftime("%d.%m.%Y %H:%M"))
    with pytest.raises(ValueError, match="row 1: .* is not a time of the format %Y-%m-%d %H:%M:%S"):
        read_more(written(frame, tmp_path, "o.csv"), columns)


def test_few_times_of_many_series(tmp_path):
    parts = [table(5).assign(place=i) for i in range(20)]
    with pytest.raises(ValueError, match="5 different times are too few to split 100 rows"):
        load(written(pd.concat(parts), tmp_path), time=["when"], series="place")


def test_rows_in_time_order_without_a_column_of_times(tmp_path):
    frame = table().drop(columns="when")
    path = written(frame, tmp_path)
    found = load(path, time=["order"])
    assert found.notes == ("rows are taken in time order, one step apart",)
    assert (found.columns.time, found.columns.axis.step_text) == ((), "1")
    assert found.series[0].x.shape == (200, 2)
    again = TimeColumns.from_json(found.columns.to_json())
    np.testing.assert_array_equal(read_more(path, again).series[0].x, found.series[0].x)
    two = pd.concat([frame.assign(place="a"), frame.assign(place="b")]).sort_index()
    found = load(written(two, tmp_path), time=["order"], series="place")
    assert [len(series) for series in found.series] == [200, 200]
    np.testing.assert_array_equal(found.series[1].x[:, 0], frame["x"])
    found = load(written(frame.assign(order=2.0 * np.arange(200)), tmp_path), time=["order"])
    assert found.columns.axis.step == 2


def test_quarters(tmp_path):
    years, quarters = np.divmod(np.arange(60), 4)
    spellings = {
        "1970 Q1": [f"{1970 + y} Q{q + 1}" for y, q in zip(years, quarters, strict=True)],
        "1970q1": [f"{1970 + y}q{q + 1}" for y, q in zip(years, quarters, strict=True)],
        "Q1-1970": [f"Q{q + 1}-{1970 + y}" for y, q in zip(years, quarters, strict=True)],
    }
    for texts in spellings.values():
        found = of_times(texts, tmp_path)
        assert (found.columns.axis.step_text, len(found.series[0])) == ("3 months", 60)
        assert str(found.columns.axis.times([5])[0]).startswith("1971-04-01")
    frame = pd.DataFrame({"year": 1970 + years, "quarter": quarters + 1, "x": np.sin(years)})
    found = load(written(frame, tmp_path), time=["year", "quarter"])
    assert found.columns.axis.step_text == "3 months"
    assert "times are taken as quarters, 1970 1 as Q1 of 1970" in found.notes
    more = read_more(written(frame.head(2), tmp_path, "two.csv"), found.columns)
    assert more.series[0].steps.tolist() == [0, 1]
    with pytest.raises(ValueError, match="row 1: '1970 5' is not a quarter"):
        read_more(written(frame.assign(quarter=5), tmp_path, "five.csv"), found.columns)
    months = frame.assign(quarter=np.arange(60) % 12 + 1, year=1970 + np.arange(60) // 12)
    found = load(written(months, tmp_path), time=["year", "quarter"])
    assert found.columns.axis.step_text == "1 month"


def test_dates_of_two_digit_years_in_numbers(tmp_path):
    times = pd.date_range("1999-12-20", periods=90, freq="D")
    for column in (times.strftime("%y%m%d"), times.strftime("%y%m%d").astype(int)):
        found = of_times(column, tmp_path)
        np.testing.assert_array_equal(found.columns.axis.times([0, 89]), times[[0, 89]])
        assert "two digits each" in found.notes[0]
    assert not of_times(np.arange(101_010, 101_070), tmp_path).columns.axis.is_clock


def test_business_days_have_no_weekends(tmp_path):
    times = pd.date_range("2024-01-01", periods=90, freq="B")
    found = of_times(times.delete([30, 31]), tmp_path)
    axis, (series,) = found.columns.axis, found.series
    assert (axis.step_text, axis.periods) == ("1 business day", ("week",))
    assert np.flatnonzero(~series.is_row).tolist() == [30, 31]
    ahead = pd.date_range(times[-1], periods=8, freq="B")
    np.testing.assert_array_equal(axis.times(89 + np.arange(8)), ahead)
    again = Axis(**axis.to_json())
    np.testing.assert_array_equal(again.place(again.seconds(np.arange(-9, 20))), np.arange(-9, 20))
    later = pd.date_range("2024-01-06", "2024-01-16")  # begins with a Saturday
    more = pd.DataFrame({"t": later, "x": np.arange(11.0)})
    with pytest.raises(ValueError, match="4 of 11 rows are on Sat, Sun, but steps are of 1 busin"):
        read_more(written(more, tmp_path, "more.csv"), found.columns)
    more = more.drop(index=[0, 7, 8])
    again = pd.concat([more, more[1:].assign(t=more["t"] + pd.Timedelta(7, "D"))])
    found = read_more(written(again.drop_duplicates("t"), tmp_path, "more.csv"), found.columns)
    assert "1 of 13 rows are on Sun and left out: steps are of 1 business day" in found.notes
    assert found.series[0].x[:3, 0].tolist() == [2, 3, 4]


def test_any_days_of_the_week(tmp_path):
    days = [t for t in pd.date_range("2024-01-01", periods=90) if t.weekday() not in (0, 3)]
    axis = of_times(days, tmp_path).columns.axis
    assert axis.step_text == "1 day of Tue, Wed, Fri, Sat, Sun"
    np.testing.assert_array_equal(axis.times(np.arange(len(days))), np.array(days))
    assert of_times(pd.date_range("2024-01-01", periods=90), tmp_path).columns.axis.weekdays == ()


def test_a_clock_that_is_set_anew(tmp_path):
    times = pd.date_range("2024-01-01", periods=300, freq="5min")
    late = np.select([np.arange(300) < 40, np.arange(300) < 160], [0, 120], 170)
    moved = times + pd.to_timedelta(late, "s")
    found = of_times(moved.delete([200]), tmp_path)
    (series,) = found.series
    assert np.flatnonzero(~series.is_row).tolist() == [160, 201]  # 170 s are nearer to the next
    assert found.columns.axis.step == 300
    assert found.notes[0] == (
        "times moved to the grid of 5 min, by up to 0.43 steps: 2 are no whole number of steps "
        "after the one before, as of a clock set anew"
    )
    other = pd.DataFrame({"t": times[:30] + pd.Timedelta("100s"), "x": 1.5})
    more = read_more(written(other, tmp_path, "o.csv"), found.columns)
    assert more.series[0].steps.tolist() == list(range(30))
    assert "times moved to the grid of 5 min, by up to 0.33 steps" in more.notes
