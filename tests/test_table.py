import numpy as np
import pandas as pd
import pytest

from data_prep import table

X = np.random.default_rng(0).normal(size=[100, 3]) * [1, 10, 0.1] + [0, 5, -3]
FRAME = pd.DataFrame(X, columns=["x1", "x2", "x3"])


def write(folder, frame, suffix):
    path = folder / f"rows{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".npy":
        np.save(path, frame.to_numpy())
    else:
        frame.to_csv(path, index=False, sep=table.SEPARATORS[suffix])
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".npy"])
def test_every_format_gives_the_same_splits(tmp_path, suffix):
    splits = table.load(write(tmp_path, FRAME, suffix), seed=4)
    assert splits.scaler.columns == ("x1", "x2", "x3")
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (81, 9, 10)
    shuffled = X[np.random.default_rng(4).permutation(100)]
    mean, deviation = shuffled[:81].mean(axis=0), shuffled[:81].std(axis=0)
    np.testing.assert_allclose(splits.test, (shuffled[90:] - mean) / deviation, atol=1e-5)


def test_columns_without_numbers_are_left_out_and_said(tmp_path):
    path = write(tmp_path, FRAME.assign(name="n", day="2026-01-02"), ".csv")
    splits = table.load(path, drop=["x2"])
    assert splits.scaler.columns == ("x1", "x3")
    assert splits.left_out == ("name", "day", "x2")
    assert splits.notes[0] == "column 'name' left out: no numbers"
    with pytest.raises(ValueError, match="no column 'x9' to drop; it has 'x1'"):
        table.load(path, drop=["x9"])


def test_rows_to_score_are_in_the_models_order(tmp_path):
    path = write(tmp_path, FRAME[["x3", "x1", "x2"]].assign(name="n"), ".csv")
    rows = table.read_rows(path, ["x1", "x2", "x3"], left_out=["name"])
    np.testing.assert_allclose(rows, X)
    with pytest.raises(ValueError, match="a column 'name' that the model does not know"):
        table.read_rows(path, ["x1", "x2", "x3"])
    with pytest.raises(ValueError, match="has no column 'x4'"):
        table.read_rows(path, ["x1", "x4"])
    with pytest.raises(ValueError, match="has 3 columns, but the model takes 2"):
        table.read_rows(write(tmp_path, FRAME, ".npy"), ["x1", "x2"])


GOOD = "a,b\n" + "1,2\n3,1\n2,7\n" * 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n", "a header but no rows"),
        (GOOD + "7", "the last line is cut short, 1 of 2"),
        (GOOD + "x,2\n", "row 61, column 'a': 'x' is not a finite number"),
        (GOOD + ",2\n", "row 61, column 'a': the value is missing"),
        (GOOD + "1,nan\n", "row 61, column 'b'"),
        (GOOD + "1,-inf\n", "row 61, column 'b'"),
        (GOOD + "1,2,3\n", "number of fields"),
        ("1,2\n3,4\n", "the first line holds numbers"),
        ("a,b\n" + "1,2\n1,3\n" * 20, "column 'a' is constant"),
        ("a,b\n" + "1,-3\n2,-5\n5,-11\n" * 20, "'b' repeats 'a'"),
        ("a,b\n" + "1,2\n3,1\n" * 3, "6 rows are too few"),
        ("a,b\nx,y\n", "no column of numbers left"),
    ],
)
def test_bad_tables(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        table.load(path)
    assert str(path) in str(caught.value)


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        table.load(tmp_path / "no.csv")
    with pytest.raises(OSError, match="is a folder"):
        table.load(tmp_path)
    (tmp_path / "x.xlsx").write_bytes(b"PK")
    with pytest.raises(ValueError, match="can't read .xlsx; give .csv"):
        table.load(tmp_path / "x.xlsx")
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00\x9c")
    with pytest.raises(ValueError, match="is not a text file"):
        table.load(tmp_path / "x.csv")


@pytest.mark.parametrize("suffix", [".npy", ".parquet"])
def test_truncated_binary_files(tmp_path, suffix):
    path = write(tmp_path, FRAME, suffix)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match="is not a whole"):
        table.load(path)


def test_npy_of_objects_is_not_unpickled(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[object()]]), allow_pickle=True)
    with pytest.raises(ValueError, match="is not a whole .npy file: Object arrays"):
        table.load(tmp_path / "x.npy")
    np.save(tmp_path / "x.npy", np.zeros(5))
    with pytest.raises(ValueError, match=r"numbers of shape \[N, D\]"):
        table.load(tmp_path / "x.npy")
