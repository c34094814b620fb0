"""Tables in time order: the step, gaps, several series, the split, rounding, the calendar."""

import numpy as np
import pandas as pd
import pytest

from tfp_maf.data_prep.reading import Reading
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
    offset = frame.assign(when=frame["when"] + np.timedelta64(20, "s"))
    with pytest.raises(ValueError, match="100% of the times are not on the grid of 1 min from"):
        read_more(written(offset, tmp_path, "offset.csv"), columns)
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
