import numpy as np
import pandas as pd
import pytest

from tfp_maf.data_prep import power

ROWS = 40


@pytest.fixture
def lines():
    rng = np.random.default_rng(0)
    return [power.HEADER] + [
        f"16/12/2006;17:{minute:02}:00;{rng.uniform(0, 5):.3f};0.100;{rng.uniform(230, 250):.3f};"
        f"18.400;{minute % 2}.000;{minute % 3}.000;{minute % 5}.000"
        for minute in range(ROWS)
    ]


@pytest.fixture
def write(tmp_path):
    def write(lines):
        path = tmp_path / power.FILE
        path.write_text("\n".join(lines))
        return path

    return write


def authors_splits(path):
    """What the authors' ``datasets/power.py`` does, written again with pandas and numpy.

    Also the split and the mean and deviation; returns the eight columns' six.
    """
    frame = pd.read_csv(path, sep=";", dtype=str)
    frame = frame[~(frame == "?").any(axis=1)]
    clock = frame["Time"].str.split(":", expand=True).astype(int)
    data = frame.iloc[:, 2:].astype(float).to_numpy()
    data = np.column_stack([data, clock[0] * 60 + clock[1]])
    rng = np.random.RandomState(42)
    rng.shuffle(data)
    n = len(data)
    data = np.delete(data, 3, axis=1)
    data = np.delete(data, 1, axis=1)
    voltage_noise = 0.01 * rng.rand(n, 1)
    active_power_noise = 0.001 * rng.rand(n, 1)
    sub_metering_noise = rng.rand(n, 3)
    time_noise = np.zeros((n, 1))
    data = data + np.hstack([active_power_noise, voltage_noise, sub_metering_noise, time_noise])
    n_test = int(0.1 * n)
    test, data = data[-n_test:], data[:-n_test]
    n_validation = int(0.1 * len(data))
    validation, train = data[-n_validation:], data[:-n_validation]
    mean, scale = data.mean(axis=0), data.std(axis=0)
    return [(part - mean) / scale for part in (train, validation, test)]


def assert_as_authors(splits, path):
    ours = splits.train, splits.validation, splits.test
    for mine, theirs in zip(ours, authors_splits(path), strict=True):
        assert mine.shape == theirs.shape
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5)


def test_real_data_are_prepared_as_the_authors_do(real_data):
    splits = power.load(real_data / "power")
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [30200, 3355, 3728]
    assert splits.scaler.columns == power.COLUMNS
    assert splits.scaler.labels[:2] == ["Global_active_power (kW)", "Voltage (V)"]
    assert_as_authors(splits, real_data / "power" / power.FILE)


def test_rows_with_a_question_mark_are_dropped(lines, write):
    missing = "16/12/2006;18:00:00;?;?;?;?;?;?;"
    path = write([*lines[:6], missing, *lines[6:], missing])
    splits = power.load(path)
    assert splits.notes == ("2 rows with a '?' dropped",)
    assert sum(map(len, (splits.train, splits.validation, splits.test))) == ROWS
    assert_as_authors(splits, path)


def test_chunks_change_nothing(lines, write, monkeypatch):
    path = write(lines)
    whole = power.load(path)
    monkeypatch.setattr(power, "CHUNK", 7)
    np.testing.assert_array_equal(power.load(path).train, whole.train)


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(lines, write):
    expected = power.load(write(lines))
    path = write([])
    path.write_bytes(("\ufeff" + "\r\n".join(lines) + "\r\n").encode())
    np.testing.assert_array_equal(power.load(path).train, expected.train)


def test_seed(lines, write):
    path = write(lines)
    np.testing.assert_array_equal(power.load(path).test, power.load(path, seed=42).test)
    assert not np.allclose(power.load(path).test, power.load(path, seed=1).test)


def test_user_units(lines, write):
    splits = power.load(write(lines))
    rows = splits.scaler.unstandardise(np.concatenate([splits.train, splits.validation]))
    assert ((rows[:, 1] > 230) & (rows[:, 1] < 250.01)).all()
    minutes = rows[:, 5]
    np.testing.assert_allclose(minutes, minutes.round(), atol=1e-3)
    assert minutes.min() > 17 * 60 - 0.5
    assert minutes.max() < 18 * 60


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="tfp-maf download power --to"):
        power.load(tmp_path)  # a folder without it


def test_empty_file(write):
    with pytest.raises(ValueError, match="is empty"):
        power.load(write([]))


def test_other_header(lines, write):
    with pytest.raises(ValueError, match="is not UCI's household_power.*but is 'a;b'"):
        power.load(write(["a;b", *lines[1:]]))


def test_binary_file(tmp_path):
    path = tmp_path / power.FILE
    path.write_bytes(b"\xff\xfe\x00" * 20)
    with pytest.raises(ValueError, match="is not a text file"):
        power.load(path)


def test_truncated_last_line(lines, write):
    with pytest.raises(ValueError, match="last line is cut short, 4 of 9 fields"):
        power.load(write([*lines, "16/12/2006;17:40:00;4.2;0.1"]))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (";17:06:00;", ";25:06:00;", "row 7, column 'Time_of_day': '25:06:00' is not"),
        (";17:06:00;", ";17:06:00;x", r"row 7, column 'Global_active_power': 'x\d.* is not"),
        (";17:06:00;", ";17:06:00;inf", "row 7, column 'Global_active_power': 'inf.* is not"),
        ("0.000;0.000;1.000", "0.000;;1.000", "row 7, column 'Sub_metering_2': the value is"),
        ("0.000;0.000;1.000", "0.000;0.000;1.000;9", "rows differ in their number of fields"),
    ],
)
def test_a_bad_row_is_named(lines, write, monkeypatch, old, new, message):
    monkeypatch.setattr(power, "CHUNK", 5)  # rows are counted across chunks
    assert old in lines[7]
    with pytest.raises(ValueError, match=message):
        power.load(write([*lines[:7], lines[7].replace(old, new), *lines[8:]]))


def test_too_few_rows(lines, write):
    with pytest.raises(ValueError, match="5 rows are too few"):
        power.load(write(lines[:6]))
