import tracemalloc

import numpy as np
import pandas as pd
import pytest

from tfp_maf.data_prep import gas, power, simulate
from tfp_maf.data_prep.find_correlation import find_correlation

ROWS = 2000


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return simulate.write_ethylene_co(tmp_path_factory.mktemp("gas") / gas.FILE, rows=ROWS)


@pytest.fixture(scope="module")
def frame(path):
    """The sixteen sensors, read by other means."""
    return pd.DataFrame(np.loadtxt(path, skiprows=1)[:, 3:], columns=list(gas.SENSORS))


@pytest.fixture
def edited(path, tmp_path):
    """Writes the file with ``rows`` (from 1) replaced by what ``edit`` makes of their fields."""

    def edited(edit, rows):
        lines = path.read_text().splitlines()
        for row in rows:
            lines[row] = " ".join(edit(lines[row].split(" ")))
        (tmp_path / gas.FILE).write_text("\n".join(lines) + "\n")
        return tmp_path / gas.FILE

    return edited


def correlation_of(pairs):
    matrix = np.eye(16)
    for (i, j), value in pairs.items():
        matrix[i, j] = matrix[j, i] = value
    return matrix


def without(*names):
    return [name for name in gas.SENSORS if name not in names]


@pytest.mark.parametrize(
    ("pairs", "dropped"),
    [
        ({}, []),
        ({(0, 1): 0.98}, []),  # not above
        ({(0, 1): 0.981}, ["X4"]),  # the first, and the other stays
        ({(2, 9): -0.999}, []),  # signed
        ({(0, 1): 0.99, (1, 2): 0.99}, ["X4", "X5"]),
        ({(0, 2): 0.99, (0, 5): 0.99}, ["X4"]),  # nothing left to repeat
        ({(0, 2): 0.99, (2, 5): 0.97, (3, 15): 1.0}, ["X4", "X7"]),
    ],
)
def test_the_papers_columns(pairs, dropped):
    assert gas.paper_columns(correlation_of(pairs)) == without(*dropped)


def authors_columns(frame):
    """The loop of the authors' ``datasets/gas.py``."""
    repeats = (frame.corr() > 0.98).to_numpy().sum(axis=1)
    while (repeats > 1).any():
        frame = frame.drop(columns=frame.columns[np.where(repeats > 1)[0][0]])
        repeats = (frame.corr() > 0.98).to_numpy().sum(axis=1)
    return frame


def test_paper(path, frame):
    splits = gas.load(path)
    kept = authors_columns(frame)
    assert 1 < kept.shape[1] < 16
    assert splits.scaler.columns == tuple(kept.columns)
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [1620, 180, 200]
    rows = np.concatenate([splits.train, splits.validation, splits.test])
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, (kept - kept.mean()) / kept.std(ddof=1), atol=1e-5)
    np.testing.assert_allclose(splits.scaler.unstandardise(rows), kept, rtol=1e-5, atol=0.01)
    assert all(name in splits.notes[0] for name in without(*kept.columns))


def test_post(path, frame):
    splits = gas.load(path.parent, recipe="post")
    names = ("X4", "X5", "X8", "X9", "X13", "X16", "X17", "X18")
    assert splits.scaler.columns == names
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [900, 100, 1000]
    kept = frame[list(names)]
    expected = ((kept - kept.mean()) / kept.std(ddof=1)).to_numpy()
    rows = np.concatenate([splits.train, splits.validation, splits.test])
    assert not np.allclose(rows, expected, atol=1e-3)  # shuffled
    order, expected_order = np.lexsort(rows.T[::-1]), np.lexsort(expected.T[::-1])
    np.testing.assert_allclose(rows[order], expected[expected_order], atol=1e-5)


@pytest.mark.parametrize("cutoff", [gas.POST_CUTOFF, 0.9])
def test_the_posts_columns_chosen(path, frame, monkeypatch, cutoff):
    monkeypatch.setattr(gas, "CHUNK", 777)
    splits = gas.load(path, recipe="post", cutoff=cutoff)
    dropped = find_correlation(frame, cutoff=cutoff, names=True)
    assert 0 < len(dropped) < 15
    assert splits.scaler.columns == tuple(without(*dropped))
    assert splits.test.shape == (1000, 16 - len(dropped))
    assert splits.notes[0].endswith(", ".join(name for name in gas.SENSORS if name in dropped))


def test_the_posts_columns_by_hand():
    # Sixth and tenth repeat each other with another sign; their averages tie, so the tenth goes.
    # The first repeats the second and is correlated with the third: it has the greatest average.
    pairs = {(5, 9): -0.99, (0, 1): 0.986, (0, 2): 0.5, (3, 4): 0.985}
    assert gas.post_columns(correlation_of(pairs)) == without("X4", "X9")
    assert gas.post_columns(correlation_of(pairs), 0.99) == list(gas.SENSORS)


def test_a_cutoff_out_of_place(tmp_path):
    with pytest.raises(ValueError, match="cutoff is for recipe 'post'"):
        gas.load(tmp_path, cutoff=0.98)
    with pytest.raises(ValueError, match=r"cutoff must be between 0 and 1, got 98"):
        gas.load(tmp_path, recipe="post", cutoff=98)


def test_the_posts_halves_are_random_by_seed(path):
    first, same, other = (gas.load(path, recipe="post", seed=seed).test for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("recipe", ["paper", "post"])
def test_chunks_change_nothing(path, monkeypatch, recipe):
    whole = gas.load(path, recipe=recipe)
    monkeypatch.setattr(gas, "CHUNK", 37)
    chunked = gas.load(path, recipe=recipe)
    assert chunked.scaler.columns == whole.scaler.columns
    np.testing.assert_allclose(chunked.train, whole.train, atol=1e-6)
    np.testing.assert_allclose(chunked.test, whole.test, atol=1e-6)


@pytest.mark.parametrize("recipe", ["paper", "post"])
def test_loading_takes_less_than_twice_the_rows_float32_size(tmp_path, monkeypatch, recipe):
    rows = 100_000
    path = simulate.write_ethylene_co(tmp_path / gas.FILE, rows=rows)
    monkeypatch.setattr(gas, "CHUNK", 500)
    tracemalloc.start()
    try:
        splits = gas.load(path, recipe=recipe)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * rows * splits.train.shape[1] * 4


def test_unknown_recipe(path):
    with pytest.raises(ValueError, match="recipe must be 'paper' or 'post', got 'mine'"):
        gas.load(path, recipe="mine")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"ethylene_CO\.txt: no such file"):
        gas.load(tmp_path)


def test_empty_file(tmp_path):
    (tmp_path / gas.FILE).touch()
    with pytest.raises(ValueError, match="is empty"):
        gas.load(tmp_path)


def test_powers_file(tmp_path):
    (tmp_path / power.FILE).write_text(power.HEADER + "\n16/12/2006;17:24:00;1;1;1;1;1;1;1\n")
    with pytest.raises(ValueError, match=r"is not UCI's ethylene_CO\.txt.*but is 'Date;Time;"):
        gas.load(tmp_path / power.FILE)


def test_truncated_last_line(edited):
    with pytest.raises(ValueError, match="last line is cut short, 7 of 19 fields"):
        gas.load(edited(lambda fields: fields[:7], [ROWS]))


@pytest.mark.parametrize(
    ("text", "message"),
    [("oops", "'oops' is not a finite"), ("NaN", "value is missing"), ("inf", "inf.* not finite")],
)
def test_a_bad_value_is_named(edited, monkeypatch, text, message):
    monkeypatch.setattr(gas, "CHUNK", 500)  # rows are counted across chunks
    path = edited(lambda fields: [*fields[:9], text, *fields[10:]], [1234])
    with pytest.raises(ValueError, match=f"row 1234, column 'X10': .*{message}"):
        gas.load(path)


def test_a_row_of_another_length(edited):
    with pytest.raises(ValueError, match="row 9, column 'X19': the value is missing"):
        gas.load(edited(lambda fields: fields[:-1], [9]))
    with pytest.raises(ValueError, match="number of fields: Expected 19 fields in line 10, saw 20"):
        gas.load(edited(lambda fields: [*fields, "1"], [9]))


def test_a_constant_sensor(edited):
    path = edited(lambda fields: [*fields[:3], "0.10", *fields[4:]], range(1, ROWS + 1))
    for recipe in ("paper", "post"):
        with pytest.raises(ValueError, match="'X4' is constant"):
            gas.load(path, recipe=recipe)
    with pytest.raises(ValueError, match=r"ethylene_CO\.txt: column 'X4' is constant"):
        gas.load(path, recipe="post", cutoff=gas.POST_CUTOFF)


@pytest.mark.parametrize(("recipe", "n"), [("paper", 10), ("post", 19)])
def test_too_few_rows(tmp_path, recipe, n):
    path = simulate.write_ethylene_co(tmp_path / gas.FILE, rows=n)
    with pytest.raises(ValueError, match=f"{n} rows are too few"):
        gas.load(path, recipe=recipe)
