"""The column description: to numbers and categories, and back as the table came."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from tfp_maf.data_prep import table
from tfp_maf.data_prep.columns import cells, date_columns, infer_columns, row_noise
from tfp_maf.data_prep.columns.category_columns import CategoryColumn
from tfp_maf.data_prep.columns.date_columns import DateColumn
from tfp_maf.data_prep.columns.number_columns import NumberColumn, within_cells
from tfp_maf.data_prep.columns.schema import Schema
from tfp_maf.data_prep.columns.spelling import Spelling

N = 400
COMMA = str.maketrans(",.", ".,")


def adult_like(n=N, seed=0):
    """A table with columns of every kind."""
    rng = np.random.default_rng(seed)
    age = rng.integers(17, 90, n)
    hours = np.where(rng.random(n) < 0.5, 40, rng.integers(1, 99, n))
    gain = np.where(rng.random(n) < 0.8, 0, np.round(np.exp(rng.normal(7, 2, n))))
    return pd.DataFrame(
        {
            "age": age,
            "work": rng.choice(["Private", "Self-emp", "State-gov"], n, p=[0.7, 0.2, 0.1]),
            "height": np.round(rng.normal(170, 10, n), 1),
            "gain": gain.astype(int),
            "hours": hours,
            "rich": rng.random(n) < 0.3,
            "when": pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 90 * 24, n), "h"),
            "country": "X",
            "age_in_months": 12 * age,
            "weight": np.exp(rng.normal(4, 1.2, n)),
        }
    )


@pytest.fixture
def load(tmp_path):
    def load(frame, name="t.csv", **options):
        path = tmp_path / name
        frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
        return table.load(path, **options)

    return load


def kinds(splits):
    return {column.name: column for column in splits.schema.columns}


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_each_column_is_described_by_its_kind(load, name):
    splits = load(adult_like(), name)
    found = kinds(splits)
    assert isinstance(found["work"], CategoryColumn)
    assert found["work"].categories == ("Private", "Self-emp", "State-gov")
    assert isinstance(found["rich"], CategoryColumn)
    assert isinstance(found["when"], DateColumn)
    assert (found["when"].has_time, found["when"].has_weekday, found["when"].step) == (
        True,
        True,
        3600,
    )
    assert (found["age"].step, found["age"].decimals) == (1, 0)
    assert found["height"].step == pytest.approx(0.1)
    assert found["gain"].special == (0,)
    assert found["hours"].special == (40,)
    assert found["weight"].transform == "log"
    rules = {rule.name: rule for rule in splits.schema.derived}
    assert rules["country"].offset == "X"
    assert rules["age_in_months"].weights == {"age": 12.0}
    assert not splits.left_out


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_rows_come_back_as_they_came(load, name, tmp_path):
    frame = adult_like()
    splits = load(frame, name)
    schema = splits.schema
    read = pd.read_csv(tmp_path / name) if name == "t.csv" else frame
    encoded = schema.encode(read)
    assert (encoded.reasons == "").all()
    back = schema.decode(encoded.numbers, encoded.codes)
    assert list(back.columns) == list(frame.columns)
    for column in frame.columns:
        if column == "when":
            assert (pd.to_datetime(back[column]) == frame[column]).all()
        elif column == "weight":
            np.testing.assert_allclose(back[column], frame[column], rtol=1e-9)
        else:
            assert (back[column] == frame[column]).all(), column
    again = Schema.from_json(json.loads(json.dumps(schema.to_json())))
    assert again == schema


def test_the_scale_of_a_density_is_that_of_the_values(load):
    """The change of variables from values to standardised numbers, by finite differences."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": np.exp(rng.normal(0, 2, N)), "y": rng.standard_t(1.2, N) * 3 + 5})
    splits = load(frame)
    assert [column.transform for column in splits.schema.columns] == ["log", "asinh"]

    def rows_of(values):
        encoded = splits.schema.encode(values)
        return splits.schema.standardised(encoded, splits.scaler), encoded.numbers

    rows, _ = rows_of(frame)
    step = 1e-6
    log_slopes = np.zeros(N)
    for place, name in enumerate(frame.columns):
        above, below = (
            rows_of(frame.assign(**{name: frame[name] * (1 + sign * step)}))[1] for sign in (1, -1)
        )
        slope = (above - below)[:, place] / (2 * step * frame[name].to_numpy())
        log_slopes += np.log(slope) - np.log(splits.scaler.scale[place])
    np.testing.assert_allclose(rows.log_det + rows.to_units, log_slopes, atol=1e-6)


@pytest.mark.parametrize(
    "column",
    [
        NumberColumn("x", 0, 10, step=0.5, decimals=1),
        NumberColumn("x", 0, 10, step=0.5, transform="log", parameters=(-0.25, 1)),
        NumberColumn("x", 0, 10, step=0.5, transform="logit", parameters=(-0.25, 10.25)),
        NumberColumn("x", 0, 10, transform="asinh", parameters=(2.0, 0.3)),
        NumberColumn("x", 0, 10, step=0.5, special=(0.0, 10.0), has_missing=True),
    ],
)
def test_numbers_go_there_and_back(column):
    values = np.linspace(0, 10, 21)
    missing = np.zeros(21, bool)
    if column.has_missing:
        values, missing = np.append(values, np.nan), np.append(missing, True)
    encoded = column.encode(values, missing, row_noise.keys(values[:, None]))
    assert (encoded.reasons == "").all()
    back = column.decode(encoded.numbers, encoded.codes).to_numpy(float, na_value=np.nan)
    np.testing.assert_allclose(back, values, atol=1e-9)
    # A value stands for all that round to it, not for itself.
    if column.step and column.transform == "none":
        noise = encoded.numbers[:, 0] - values
        assert np.nanmax(np.abs(noise)) < 0.25
        assert np.nanstd(noise) == pytest.approx(0.5 / np.sqrt(12), rel=0.4)


def test_dates_go_there_and_back():
    units = [
        ("D", 300),
        ("h", 900),
        ("s", 500),
        ("15min", 3000),
        ("7D", 60),
        ("us", 99),
        ("ms", 99),
    ]
    for unit, count in [*units, ("36500D", 30), ("7h7s7us", 900)]:
        times = pd.Series(pd.date_range("2019-02-28 12:00", periods=count, freq=unit, unit="us"))
        none = np.zeros(count, bool)
        seconds = date_columns.seconds_of(times)
        column = date_columns.infer("t", seconds, "", has_missing=False)
        encoded = column.encode(seconds, none, row_noise.keys(seconds[:, None]))
        assert (column.decode(encoded.numbers, encoded.codes) == times).all(), unit


@pytest.mark.parametrize(
    "text",
    [
        "%d.%m.%Y",
        "%Y-%m-%d %H:%M",
        "%m/%d/%Y",
        "%d/%m/%Y",
        "%d/%m/%y",
        "%H:%M",
        "%I:%M %p",
        "%d-%b-%y",
    ]
    + ["%Y-%m-%dT%H:%M:%S" + end for end in ("Z", "+0000", "+02:00", " UTC", ".250", ".000125")],
)
def test_dates_keep_their_format(load, text):
    rng = np.random.default_rng(1)
    times = pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 2000, N), "h")
    frame = pd.DataFrame({"t": times.strftime(text), "x": rng.normal(size=N)})
    splits = load(frame)
    encoded = splits.schema.encode(frame)
    back = splits.schema.decode(encoded.numbers, encoded.codes)
    assert (back["t"] == frame["t"]).all()


@pytest.mark.parametrize(
    ("write", "text_format"),
    [
        (lambda t: f"{t.day}/{t.month}/{t.year}", "%-d/%-m/%Y"),
        (lambda t: f"{t.month}/{t.day}/{t.year % 100} {t:%H:%M}", "%-m/%-d/%y %H:%M"),
        (lambda t: f"{t.day}.{t.month}.{t.year} {t.hour}:{t:%M}", "%-d.%-m.%Y %-H:%M"),
        (lambda t: f"{t:%d-%m-%y}", "%d-%m-%y"),
        (lambda t: f"{t:%d/%m/%Y}" if t.hour else "unknown", "%d/%m/%Y"),
        (lambda t: f"{t:%Y-%m-%dT%H:%M:%S}{'Z' if t.day % 2 else '+01:00'}", ""),
    ],
)
def test_all_dates_of_a_column_are_read_alike(load, write, text_format):
    """Pandas by itself takes 5/2 for the second of May, and 25/2 for a day in February."""
    rng = np.random.default_rng(1)
    times = pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 9000, N), "h")
    frame = pd.DataFrame({"t": [write(t) for t in times], "x": rng.normal(size=N)})
    splits = load(frame, missing="model")
    column = splits.schema.columns[0]
    assert column.format == text_format
    fits = frame["t"] != "unknown"
    encoded = splits.schema.encode(frame[fits])
    back = splits.schema.decode(encoded.numbers, encoded.codes)["t"]
    if text_format:
        assert (back.to_numpy() == frame["t"][fits].to_numpy()).all()


def test_times_of_the_day_do_not_depend_on_today_and_durations_stay_durations(tmp_path):
    rng = np.random.default_rng(1)
    spans = pd.Series(pd.to_timedelta(rng.integers(-900_000, 900_000, N), "s"))
    clock = (pd.Timestamp("2020-01-01") + spans).dt.time
    frame = pd.DataFrame({"clock": clock, "span": spans, "x": rng.normal(size=N)})
    frame.to_parquet(tmp_path / "t.parquet")
    schema = table.load(tmp_path / "t.parquet").schema
    encoded = schema.encode(frame)
    back = schema.decode(encoded.numbers, encoded.codes)
    assert list(back["clock"]) == [f"{time:%H:%M:%S}" for time in clock]
    assert (back["span"] == spans).all()
    assert "durations from" in schema.describe()[1]
    assert (
        date_columns.seconds_of(pd.Series(["5:30 am", "05:30"]))
        == date_columns.seconds_of(pd.Series(["1900-01-01 05:30"]))[0]
    ).all()


def test_durations_in_text_come_back_as_they_are(load, tmp_path):
    spans = pd.to_timedelta(np.arange(-40, 40) * 5000.5, "s")
    frame = pd.DataFrame({"span": spans, "x": np.arange(80) ** 2})
    schema = load(frame).schema
    texts = pd.read_csv(tmp_path / "t.csv")
    encoded = schema.encode(texts)
    schema.decode(encoded.numbers, encoded.codes).to_csv(tmp_path / "back.csv", index=False)
    assert list(pd.read_csv(tmp_path / "back.csv")["span"]) == list(texts["span"])


@pytest.mark.skipif(pd.__version__ < "3", reason="earlier times count nanoseconds, until 2262")
def test_dates_far_away_are_dates_and_fractions_are_not(load):
    rng = np.random.default_rng(1)
    days = (pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 900, N), "D")).astype(str)
    frame = pd.DataFrame(
        {"x": rng.normal(size=N), "old": [f"1{y}-05-17" for y in range(500, 500 + N)]}
    )
    frame["open"] = np.where(rng.random(N) < 0.2, "9999-12-31", days)
    frame["part"] = [f"{a}/{b}" for a, b in rng.integers(1, 13, [N, 2])]
    schema = load(frame).schema
    assert [column.name for column in schema.columns] == ["x", "old", "open"]
    encoded = schema.encode(frame)
    back = schema.decode(encoded.numbers, encoded.codes)
    assert (back[["old", "open"]] == frame[["old", "open"]]).all().all()


def test_days_and_months_that_cannot_be_told_apart_are_said(load):
    days = pd.date_range("2021-01-01", periods=400, freq="D")
    days = days[days.day <= 12]
    frame = pd.DataFrame({"x": np.arange(len(days)) ** 2, "when": days.strftime("%d/%m/%Y")})
    splits = load(frame)
    assert "read as %m/%d/%Y; --schema can give another format" in "\n".join(splits.notes)
    given = load(frame, schema={"when": {"format": "%d/%m/%Y"}})
    assert "told apart" not in "\n".join(given.notes)
    (column,) = (c for c in given.schema.columns if c.name == "when")
    assert column.high == date_columns.seconds_of(pd.Series(days[-1:]))[0]
    frame["when"] = days.strftime("%d/%m/%Y").where(days.day != 12, "25/01/2021")
    assert "told apart" not in "\n".join(load(frame).notes)


@pytest.mark.parametrize(
    ("freq", "text_format", "has_month", "words"),
    [
        ("MS", "%Y-%m-%d", True, "year, month of dates from 1990-01-01"),
        ("ME", "%d.%m.%Y", True, "year, month of dates from 1990-01-31"),
        ("MS", "%d/%m/%Y", True, "year, month of dates from 1990-01-01"),
        ("MS", "%m/%d/%Y", True, "year, month of dates from 1990-01-01"),
        ("QS", "%Y-%m-%d", True, "year, month of dates from 1990-01-01"),
        ("YS", "%Y-%m-%d", False, "year of dates from 1990-01-01"),
        ("MS", "%b-%y", True, "year, month of dates from 1990-01-01"),
        ("MS", "%B %Y", True, "year, month of dates from 1990-01-01"),
        ("MS", "%YM%m", True, "year, month of dates from 1990-01-01"),
        ("MS", None, True, "year, month of dates from 1990-01-01"),
    ],
)
def test_monthly_dates_stay_at_their_day(load, freq, text_format, has_month, words):
    days = pd.Series(pd.date_range("1990-01-01", periods=72, freq=freq))
    when = days if text_format is None else days.dt.strftime(text_format)
    name = "t.parquet" if text_format is None else "t.csv"
    splits = load(pd.DataFrame({"when": when, "x": np.arange(72) ** 2}), name=name)
    assert splits.notes == ()  # no doubt about days and months
    schema = Schema.from_json(json.loads(json.dumps(splits.schema.to_json())))
    column = schema.columns[0]
    assert column.has_month == has_month
    assert words in column.describe()
    encoded = schema.encode(pd.DataFrame({"when": when, "x": np.arange(72) ** 2}))
    back = schema.decode(encoded.numbers, encoded.codes)
    assert (back["when"].to_numpy() == when.to_numpy()).all()
    rng = np.random.default_rng(0)  # as a model draws them
    numbers = np.stack([rng.uniform(-99, 99, 500), np.zeros(500)], axis=1)
    codes = rng.integers(0, 12, [500, encoded.codes.shape[1]])
    drawn = date_columns.parsed(schema.decode(numbers, codes)["when"], column.format)
    assert drawn.between(days.iloc[0], days.iloc[-1]).all()
    ends = drawn.dt.is_month_end if freq == "ME" else drawn.dt.is_month_start
    assert ends.all()


def test_monthly_dates_may_be_missing_or_described_as_any_others(load):
    days = pd.date_range("1990-01-01", periods=72, freq="MS").strftime("%Y-%m-%d").to_series()
    frame = pd.DataFrame({"when": days.where(np.arange(72) % 5 > 0), "x": np.arange(72) ** 2})
    schema = load(frame).schema
    encoded = schema.encode(frame)
    assert (encoded.reasons == "").all()
    back = schema.decode(encoded.numbers, encoded.codes)
    assert list(back["when"].fillna("")) == list(frame["when"].fillna(""))
    assert schema.columns[0].describe().endswith(", or missing")
    bad = schema.encode(frame.assign(when="never"))
    assert set(bad.codes[:, -1]) == {1}
    assert load(frame, schema={"when": {"kind": "date"}}).schema.columns[0].kind == "date"


def test_the_first_days_of_a_year_are_no_months(load):
    """A thousand times are looked at, and these are all in January."""
    times = pd.date_range("2021-01-01", periods=3000, freq="10min")
    frame = pd.DataFrame({"when": times.strftime("%Y-%m-%dT%H:%M:%SZ"), "x": np.arange(3000) ** 2})
    splits = load(frame)
    assert splits.notes == ()
    (column,) = (c for c in splits.schema.columns if c.name == "when")
    assert column.high == date_columns.seconds_of(pd.Series(times[-1:]))[0]
    days = pd.date_range("2021-01-01", periods=12).strftime("%m/%d/%Y")
    (column, _) = load(pd.DataFrame({"when": days, "x": np.arange(12) ** 2})).schema.columns
    assert column.format == "%m/%d/%Y"


def test_dates_with_zeros_in_front_in_some_rows_are_read_alike(load):
    days = pd.date_range("2021-01-01", periods=300, freq="D")
    texts = [f"{d.month:02}/{d.day:02}/{d.year}" for d in days[:150]]
    texts += [f"{d.month}/{d.day}/{d.year}" for d in days[150:]]
    (column,) = load(pd.DataFrame({"when": texts})).schema.columns
    assert column.format == "%m/%d/%Y"
    seconds = date_columns.seconds_of(pd.Series(texts), column.format)
    np.testing.assert_array_equal(seconds, date_columns.seconds_of(pd.Series(days)))
    assert column.high == seconds[-1]


def test_zeros_in_front_come_back(load):
    codes = [f"{n:05}" for n in np.random.default_rng(0).integers(0, 30_000, 300)]
    splits = load(pd.DataFrame({"zip": codes, "x": np.arange(300) ** 2}))
    assert "column 'zip': numbers of 5 digits" in "\n".join(splits.notes)
    numbers = splits.scaler.unstandardise(splits.train)
    decoded = splits.schema.decode(numbers, np.empty([len(numbers), 0], int))
    back = splits.schema.spelled(decoded)["zip"]
    assert set(back) <= set(codes) and any(text.startswith("0") for text in back)


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (lambda x: f"${x:,.2f}", r"-?\$\d{1,3}(,\d{3})*\.\d\d"),
        (lambda x: f"$ {x:,.2f}".replace("$ -", "-$ "), r"-?\$ \d{1,3}(,\d{3})*\.\d\d"),
        (lambda x: f"{x:.1f} %", r"-?\d+\.\d %"),
        (lambda x: f"{x:,.2f} €".translate(COMMA), r"-?\d{1,3}(\.\d{3})*,\d\d €"),
        (lambda x: f"{x:,.0f}".replace(",", "\u202f"), "-?\\d{1,3}(\u202f\\d{3})*"),
    ],
)  # fmt: skip
def test_signs_of_numbers_come_back(load, write, read):
    values = np.random.default_rng(0).normal(2_000, 3_000, 300)
    frame = pd.DataFrame({"price": map(write, values), "x": np.arange(300) ** 2})
    splits = load(frame)
    schema = Schema.from_json(json.loads(json.dumps(splits.schema.to_json())))
    encoded = schema.encode(frame)
    back = schema.spelled(schema.decode(encoded.numbers, encoded.codes))
    assert all(re.fullmatch(read, text) for text in back["price"])
    np.testing.assert_allclose(
        cells.parse(back["price"]).numbers, cells.parse(frame["price"]).numbers, atol=1e-9
    )
    assert list(back["price"]) == list(frame["price"].str.replace("$-", "-$"))


def test_spelled_numbers_may_be_missing():
    texts = Spelling("$", places=2).write(pd.Series([-0.001, 7, None, -1234.5]))
    assert list(texts.fillna("?")) == ["$0.00", "$7.00", "?", "-$1234.50"]
    texts = Spelling(thousands=",").write(pd.Series([1e15, 1234567.25, 0.1, 1e-7]))
    assert list(texts) == ["1,000,000,000,000,000", "1,234,567.25", "0.1", "0.0000001"]
    assert list(Spelling(places=0, width=3).write(pd.Series([7, 1000]))) == ["007", "1000"]


@pytest.mark.parametrize("how", ["standardised", "five digits", "prices"])
def test_values_that_repeat_off_a_step_come_back(load, how):
    rng = np.random.default_rng(0)
    whole = rng.binomial(60, 0.4, 3_000).astype(float)
    values = {
        "standardised": (whole - whole.mean()) / whole.std(),
        "five digits": np.array([float(f"{x:.5g}") for x in whole - 23.5378]),
        "prices": np.round(1.13**whole - 0.01, 2),
    }[how]
    frame = pd.DataFrame({"x": values, "y": rng.normal(size=3_000)})
    splits = load(frame)
    column = splits.schema.columns[0]
    assert column.grid == tuple(np.unique(values)) and column.step is None
    assert f"{len(column.grid)} values that repeat" in column.describe()
    encoded = splits.schema.encode(frame)
    assert len(np.unique(encoded.numbers[:, 0])) > 2_900  # noise within the cells
    back = splits.schema.decode(encoded.numbers, encoded.codes)
    np.testing.assert_array_equal(back["x"], values)
    moved = splits.schema.decode(encoded.numbers + 0.01, encoded.codes)
    assert set(moved["x"]) <= set(values)


@pytest.mark.parametrize(
    "values",
    [
        lambda rng: rng.poisson(30, 3_000),
        lambda rng: np.round(rng.lognormal(5, 1.5, 3_000)),  # most values once or twice
        lambda rng: rng.normal(size=3_000),
        lambda rng: np.round(rng.normal(size=3_000), 2),
    ],
)
def test_other_values_have_no_grid(load, values):
    frame = pd.DataFrame({"x": values(np.random.default_rng(0)), "y": range(0, 9_000, 3)})
    assert load(frame).schema.columns[0].grid == ()


def test_cells_have_the_density_of_their_values():
    grid = np.array([0.0, 1.0, 4.0])
    u = np.linspace(0.001, 0.999, 999)
    for value, (low, high) in zip(grid, [(-0.5, 0.5), (0.5, 2.5), (2.5, 5.5)], strict=True):
        cell = within_cells(np.full(999, value), grid, u)
        np.testing.assert_allclose(cell, low + (high - low) * u)
    np.testing.assert_array_equal(within_cells(np.array([2.2, np.nan]), grid, u[:2]), [2.2, np.nan])


def test_columns_named_by_the_same_letters_have_their_own_noise(load):
    values = np.random.default_rng(0).integers(0, 60, [400, 2])
    frame = pd.DataFrame(values, columns=["ab", "ba"])
    encoded = load(frame).schema.encode(frame)
    noise = encoded.numbers - values
    assert (np.abs(noise) <= 0.5).all()
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.15


def test_what_counts_as_missing_in_training_is_missing_in_scoring(load):
    rng = np.random.default_rng(1)
    days = (pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 900, N), "D")).astype(str)
    frame = pd.DataFrame(
        {"x": rng.normal(size=N), "when": days, "y": rng.normal(size=N).astype(str)}
    )
    frame["few"] = rng.integers(0, 3, N).astype(str)
    for name in ("when", "y", "few"):
        frame.loc[rng.random(N) < 0.1, name] = "unclear"
    dropped = load(frame, missing="drop")
    rows = (frame != "unclear").all(axis=1).sum()
    assert sum(map(len, dropped.parts.values())) == rows
    assert (dropped.schema.encode(frame).reasons == "").sum() == rows
    assert any(
        "column 'when': " in note and "count as missing: no dates" in note for note in dropped.notes
    )
    for missing in ("model", "fill"):
        splits = load(frame, missing=missing)
        assert sum(map(len, splits.parts.values())) == N
        assert (splits.schema.encode(frame).reasons == "").all()


@pytest.mark.parametrize("outlier", [1e6, 1e12, -1e12, 1e300])
@pytest.mark.parametrize("row", range(0, 40, 13))
def test_an_outlier_does_not_round_the_others(load, outlier, row):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=40), "y": rng.normal(size=40)})
    frame.loc[row, "y"] = outlier
    try:
        splits = load(frame)
    except ValueError as error:
        assert outlier == 1e300
        assert "'y'" in str(error)
        return
    encoded = splits.schema.encode(frame)
    back = splits.schema.decode(encoded.numbers, encoded.codes)
    np.testing.assert_allclose(back["y"], frame["y"], rtol=1e-9)


def test_unknown_categories_missing_cells_and_values_out_of_range_have_reasons(load):
    splits = load(adult_like())
    frame = adult_like().head(5)
    frame["weight"] = [1.0, 0.0, np.nan, 1.0, 1.0]
    frame["work"] = ["Private", "Private", "Private", "Astronaut", None]
    reasons = splits.schema.encode(frame).reasons
    assert reasons[0] == ""
    assert reasons[1] == "column 'weight': the value is out of range"
    assert reasons[2] == "column 'weight': the value is missing"
    assert reasons[3] == "column 'work': unknown category 'Astronaut'"
    assert reasons[4] == "column 'work': the value is missing"


def test_missing_values_are_dropped_filled_or_modelled_and_counted(load):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=[N, 2]), columns=["a", "b"])
    frame["c"] = rng.choice(list("xyz"), N)
    frame.loc[rng.random(N) < 0.3, "a"] = np.nan
    frame.loc[rng.random(N) < 0.1, "c"] = np.nan
    gaps = frame.isna()
    names = f"'a' ({gaps['a'].sum()}), 'c' ({gaps['c'].sum()})"
    rows = gaps.any(axis=1).sum()
    dropped = load(frame, missing="drop")
    assert f"{rows} of {N} rows left out: values are missing in {names}" in dropped.notes
    assert sum(map(len, (dropped.train, dropped.validation, dropped.test))) == N - rows
    filled = load(frame, missing="fill")
    assert f"{rows} of {N} rows have missing values, which are filled, in {names}" in filled.notes
    assert filled.schema.fills["a"] == pytest.approx(frame["a"].median(), abs=0.05)
    assert filled.schema.fills["c"] == frame["c"].mode()[0]
    modelled = load(frame)
    assert (
        f"{rows} of {N} rows have missing values, which are modelled, in {names}" in modelled.notes
    )
    assert dict(modelled.schema.category_sizes) == {"a is": 2, "c": 4}
    encoded = modelled.schema.encode(frame)
    back = modelled.schema.decode(encoded.numbers, encoded.codes)
    assert (back.isna() == gaps[back.columns]).all().all()
    few = frame.assign(a=np.where(np.arange(N) < 8, np.nan, rng.normal(size=N)), c="x")
    assert f"8 of {N} rows left out: values are missing in 'a' (8)" in load(few).notes


def test_a_missing_number_leaves_the_density_of_the_others(load):
    """Its place is taken by noise whose own density is taken off again."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=[N, 2]), columns=["a", "b"])
    frame.loc[::2, "a"] = np.nan
    splits = load(frame)
    rows = splits.schema.standardised(splits.schema.encode(frame), splits.scaler)
    normal = -0.5 * rows.z**2 - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose((normal.sum(axis=1) + rows.log_det)[::2], normal[::2, 1], atol=1e-5)
    scale = np.log(splits.scaler.scale)
    np.testing.assert_allclose(rows.to_units[::2], -scale[1])
    np.testing.assert_allclose(rows.to_units[1::2], -scale.sum())


def test_a_broken_rule_lowers_the_score(load):
    frame = adult_like()
    splits = load(frame)
    broken = frame.head(3).copy()
    broken.loc[1, "age_in_months"] += 6
    broken.loc[2, "country"] = "Y"
    penalty = splits.schema.encode(broken).penalty
    assert penalty[0] == 0
    assert penalty[1] < -10
    assert penalty[2] < -10


def test_a_schema_replaces_what_is_inferred(load):
    frame = adult_like()
    wanted = {
        "age": {"kind": "category"},
        "height": {"step": None},
        "weight": {"transform": "none"},
    }
    found = kinds(load(frame, schema=wanted))
    assert isinstance(found["age"], CategoryColumn)
    assert found["height"].step is None
    assert found["weight"].transform == "none"
    for bad, message in [
        ({"zip": {}}, "has no column 'zip' to describe"),
        ({"age": {"colour": 1}}, "a number has the attributes .*, not colour"),
        ({"age": {"kind": "date"}}, "column 'age' can't be a date: it is a number"),
        ({"age": {"transform": "sqrt"}}, "transform 'sqrt' is none of"),
    ]:
        with pytest.raises(ValueError, match=message):
            load(frame, schema=bad)


def test_given_columns_must_be_there(load):
    frame = adult_like()
    splits = load(frame, given=("age", "work"))
    numbers, codes = splits.schema.is_given
    assert list(np.array(splits.schema.number_names)[numbers]) == ["age"]
    assert list(np.array(list(splits.schema.category_sizes))[codes]) == ["work"]
    with pytest.raises(ValueError, match="has no column 'z' that is given"):
        load(frame, given=("z",))
    with pytest.raises(ValueError, match="column 'country' can't be given"):
        load(frame, given=("country",))


@pytest.mark.parametrize(
    ("values", "decimals", "step"),
    [
        ([1, 4, 7], 0, 3),
        ([0.5, 1.0, 2.5], 1, 0.5),
        ([0.125, 0.375], 3, 0.25),
        ([1e300, 2.0], None, None),
        ([1e12, 0.3125, 0.71828], None, None),
        ([0.1 + 0.2, 1e6 / 10, 3.0], 1, 0.1),
        ([3 / 7, 1400.0, 1401.5], None, None),
        ([np.pi, np.e], None, None),
        ([-3.0, 5.0, 100.0], 0, 1),
    ],
)
def test_steps(values, decimals, step):
    distinct = np.unique(np.array(values, float))
    assert infer_columns.decimals_of(distinct) == decimals
    assert infer_columns.step_of(distinct, decimals) == step


@pytest.mark.parametrize(
    ("values", "step"),
    [(np.arange(1900, 1980), 1.0), (1970 + np.arange(80) / 4, 0.25), (np.arange(80) ** 2, None)],
)
def test_a_grid_that_is_filled_is_kept_in_samples(load, values, step):
    (column, _) = load(pd.DataFrame({"year": values, "flag": np.arange(80) % 2})).schema.columns
    assert column.step == step
    drawn = column.decode(np.linspace(0, 3000, 500)[:, None], np.zeros([500, 1], int))
    assert step is None or ((drawn % step) == 0).all()


def test_whole_categories_stay_whole_beside_missing_ones(load, tmp_path):
    values = pd.Series(np.arange(400) % 3).astype(object).where(np.arange(400) % 4 > 0)
    schema = load(pd.DataFrame({"grade": values, "flag": np.arange(400) % 2})).schema
    encoded = schema.encode(pd.read_csv(tmp_path / "t.csv"))
    assert schema.columns[0].kind == "category"
    schema.decode(encoded.numbers, encoded.codes).to_csv(tmp_path / "back.csv", index=False)
    assert (tmp_path / "back.csv").read_text() == (tmp_path / "t.csv").read_text()


def test_a_smooth_peak_has_no_special_value():
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(0, 3, 2000))
    none = np.empty(0)
    assert infer_columns.numbers("x", x, none, none, few=False).special == ()
    spiked = np.where(rng.random(2000) < 0.2, 7, x)
    assert infer_columns.numbers("x", spiked, none, none, few=False).special == (7,)


def test_continuous_takes_numbers_as_they_are(load):
    splits = load(adult_like().drop(columns="when"), continuous=True)
    assert not splits.schema.category_sizes
    assert all(column.transform == "none" for column in splits.schema.columns)
    frame = adult_like()
    z = (frame["height"] - splits.scaler.mean[1]) / splits.scaler.scale[1]
    rows = splits.schema.standardised(
        splits.schema.encode(frame.astype({"rich": int})), splits.scaler
    )
    np.testing.assert_allclose(rows.z[:, 1], z, atol=1e-5)
    np.testing.assert_allclose(rows.log_det, 0, atol=1e-9)


@pytest.mark.parametrize(
    ("kinds", "rows", "kept"),
    [(5, 24, True), (10, 20, True), (10, 19, False), (11, 54, False), (100, 500, True),
     (101, 5_000, False), (101, 5_050, True), (1_000, 50_000, True), (1_001, 60_000, False)],
)  # fmt: skip
def test_frequent_texts_are_categories(kinds, rows, kept):
    cities = pd.Series([f"city {i % kinds}" for i in range(rows)])
    found = infer_columns.texts("city", cities, has_missing=False)
    if kept:
        assert len(found.categories) == kinds
    else:
        assert found == f"it has {kinds} different texts in {rows} rows, too many for categories"
