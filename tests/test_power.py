import numpy as np
import pandas as pd
import pytest

from data_prep import power

GOOD = [
    f"16/12/2006;17:{m:02d}:00;{4 + m / 100};0.4;{234 + m % 7};18.4;{m % 3};{m % 4};{m % 5}"
    for m in range(40)
]


def write(folder, rows, *, header=power.HEADER, end="\n"):
    path = folder / power.FILE
    path.write_text("\n".join([header, *rows]) + end)
    return path


def authors_way(path):
    """The preparation of the authors' code, written out once more."""
    frame = pd.read_csv(path, sep=";", na_values="?", low_memory=False).dropna()
    time = frame["Time"].str.split(":", expand=True).astype(int)
    x = np.column_stack([frame.iloc[:, 2:].to_numpy(float), time[0] * 60 + time[1]])
    rng = np.random.RandomState(42)
    rng.shuffle(x)
    n = len(x)
    x = np.delete(x, 3, axis=1)  # intensity
    x = np.delete(x, 1, axis=1)  # reactive power
    voltage, active_power = 0.01 * rng.rand(n, 1), 0.001 * rng.rand(n, 1)
    x = x + np.hstack([active_power, voltage, rng.rand(n, 3), np.zeros([n, 1])])
    test = x[-(n // 10) :]
    rest = x[: -(n // 10)]
    mean, deviation = rest.mean(axis=0), rest.std(axis=0)
    validation, train = rest[-(len(rest) // 10) :], rest[: -(len(rest) // 10)]
    return [(part - mean) / deviation for part in (train, validation, test)]


def test_real_file_is_prepared_as_the_authors_do(real_data):
    splits = power.load(real_data / "power")
    parts = [splits.train, splits.validation, splits.test]
    assert [len(part) for part in parts] == [30_200, 3_355, 3_728]
    for ours, theirs in zip(parts, authors_way(real_data / "power" / power.FILE), strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_rows_with_a_question_mark_are_dropped_and_counted(tmp_path):
    missing = ["16/12/2006;18:00:00;?;?;?;?;?;?;"] * 3
    splits = power.load(write(tmp_path, [*GOOD[:20], *missing, *GOOD[20:]]))
    assert sum(map(len, (splits.train, splits.validation, splits.test))) == 40
    assert splits.notes == ("3 rows with a '?' dropped",)


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (GOOD, {"header": "a;b"}, "its first line should be"),
        ([*GOOD, "16/12/2006;17:50:00;4.2"], {"end": ""}, "last line is cut short, 3 of 9"),
        ([*GOOD, GOOD[0].replace("234", "abc")], {}, "row 41, column 'Voltage': 'abc' is not"),
        ([*GOOD, GOOD[0].replace("17:00", "25:61")], {}, "row 41, column 'Time_of_day'"),
        ([*GOOD, GOOD[0] + ";1;2"], {}, "number of fields"),
        (GOOD[:5], {}, "too few to split"),
    ],
)
def test_bad_files(tmp_path, rows, options, message):
    path = write(tmp_path, rows, **options)
    with pytest.raises(ValueError, match=message) as caught:
        power.load(path)
    assert str(path) in str(caught.value) or "too few" in message


def test_missing_and_empty_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        power.load(tmp_path)
    (tmp_path / power.FILE).write_text("")
    with pytest.raises(ValueError, match="is empty"):
        power.load(tmp_path)
