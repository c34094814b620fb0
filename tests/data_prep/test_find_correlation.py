"""Against answers derived by hand from the description of caret's two algorithms.

In the derivations, S is the sum of a column's absolute correlations with the other columns that
are left, T the sum of all S, and n the number of columns left. Of a pair (i, j), the exact
algorithm compares the mean of i, S_i / (n - 1), to that of the rest, (T - S_j) / (n - 1)^2, and
removes i if the former is greater, otherwise j.
"""

import numpy as np
import pandas as pd
import pytest

from tfp_maf.data_prep.find_correlation import correlated_columns, find_correlation


def matrix(*upper):
    """The correlation matrix with these rows of its upper triangle."""
    result = np.eye(len(upper) + 1)
    for i, row in enumerate(upper):
        result[i, i + 1 :] = result[i + 1 :, i] = row
    return result


def rows_of(correlation, n=50, seed=0):
    """Rows whose sample correlation is the given matrix, in various units."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=[n, len(correlation)])
    independent, _ = np.linalg.qr(noise - noise.mean(axis=0))
    x = independent @ np.linalg.cholesky(correlation).T
    return x * rng.uniform(0.1, 100, len(correlation)) + rng.normal(0, 50, len(correlation))


# Averages tie, so exact removes the second of the pair and fast the first.
PAIR = matrix([0.99])
# Exact: (0, 1): .99 against .99, remove 1. (0, 2): the same, remove 2.
# Fast: the first of (0, 1), of (0, 2) and of (1, 2): 0, 0, 1.
TRIPLE = matrix([0.99, 0.99], [0.99])
# S = 2.91, 2.95, 2.95, 2.91; order 1, 2, 0, 3; T = 11.72.
# Exact: (1, 2): 2.95/3 = .983 against (11.72 - 2.95)/9 = .974, remove 1.
#   n = 3, S = 1.92, 1.96, 1.94 of 0, 2, 3 (without 1: .97 + .95, .97 + .99, .95 + .99); T = 5.82.
#   (2, 3): 1.96/2 = .98 against (5.82 - 1.94)/4 = .97, remove 2. (0, 3) is .95.
# Fast: (0, 1): 1. (1, 2): a tie, the first, 1. (2, 3): 2.
CHAIN = matrix([0.99, 0.97, 0.95], [0.99, 0.97], [0.99])
# The first example of caret's manual. S = 2.59, 1.93, 2.13, 2.07, 2.44; order 0, 4, 2, 3, 1;
# T = 11.16. Cutoff .6.
# Exact: (0, 4) .85: 2.59/4 = .6475 against (11.16 - 2.44)/16 = .545, remove 0.
#   n = 4, S = 1.07, 1.57, 1.75, 1.59 of 1, 2, 3, 4; T = 5.98.
#   (4, 2) .91: 1.59/3 = .53 against (5.98 - 1.57)/9 = .49, remove 4.
#   n = 3, S = .75, .66, 1.39 of 1, 2, 3; T = 2.8.
#   (2, 3) .65: .66/2 = .33 against (2.8 - 1.39)/4 = .3525, remove 3. (2, 1) is .01.
# Fast: (0, 1): 0. (1, 3): 3. (2, 3): 2. (0, 4): 0. (2, 4): 4. Those that are the second of a pair
#   come first: 3, 4; then 0, 2.
MANUAL_1 = matrix([0.86, 0.56, 0.32, 0.85], [0.01, 0.74, 0.32], [0.65, 0.91], [0.36])
# The second example of the manual: signs do not count. S = .67, .7, 1.4, .67, .7;
# order 2, 1, 4, 0, 3, where ties keep their order; T = 4.14. Cutoff .65.
# Exact: (2, 1): 1.4/4 = .35 against (4.14 - .7)/16 = .215, remove 2.
#   n = 4, S = .67, 0, .67, 0 of 0, 1, 3, 4; T = 1.34.
#   (0, 3): .67/3 = .223 against (1.34 - .67)/9 = .074, remove 0.
# Fast: (1, 2): 2. (0, 3): a tie, the first, 0. (2, 4): 2. The second of a pair: 2; the first: 0, 2.
MANUAL_2 = matrix([0, 0, -0.67, 0], [0.7, 0, 0], [0, -0.7], [0])
# The two algorithms keep different columns. S = 2.4, 2.2, 1.9, 2.1; order 0, 1, 3, 2; T = 8.6.
# Exact: (0, 1): 2.4/3 = .8 against (8.6 - 2.2)/9 = .711, remove 0.
#   n = 3, S = 1.3, 1.2, 1.3 of 1, 2, 3; T = 3.8.
#   (1, 3): 1.3/2 = .65 against (3.8 - 1.3)/4 = .625, remove 1.
#   (3, 2): .6 against .6, remove 2. In the order of averages: 0, 1, 2. Column 3 stays.
# Fast: 0 of (0, 1), (0, 2) and (0, 3); 1 of (1, 2) and (1, 3); 3 of (2, 3), where it is the
#   second: 3, 0, 1. Column 2 stays.
DIFFERENT = matrix([0.9, 0.7, 0.8], [0.6, 0.7], [0.6])

EXAMPLES = pytest.mark.parametrize(
    ("correlation", "cutoff", "exact", "fast"),
    [
        (PAIR, 0.985, [1], [0]),
        (TRIPLE, 0.985, [1, 2], [0, 1]),
        (CHAIN, 0.985, [1, 2], [1, 2]),
        (MANUAL_1, 0.6, [0, 4, 3], [3, 4, 0, 2]),
        (MANUAL_2, 0.65, [2, 0], [2, 0]),
        (DIFFERENT, 0.55, [0, 1, 2], [3, 0, 1]),
    ],
)


@EXAMPLES
def test_by_hand(correlation, cutoff, exact, fast):
    assert correlated_columns(correlation, cutoff=cutoff) == exact
    assert correlated_columns(np.abs(correlation), cutoff=cutoff) == exact
    assert correlated_columns(correlation, cutoff=cutoff, exact=False) == fast


def test_rows():
    x = rows_of(DIFFERENT)  # its averages differ, so rounding decides nothing
    np.testing.assert_allclose(np.corrcoef(x, rowvar=False), DIFFERENT, atol=1e-12)
    for rows in (x, pd.DataFrame(x), x * [1, -1, 1, -1], x[::-1]):
        assert find_correlation(rows, cutoff=0.55) == [0, 1, 2]
        assert find_correlation(rows, cutoff=0.55, exact=False) == [3, 0, 1]


def test_positions_are_plain_integers():
    for exact in (True, False):
        removed = find_correlation(rows_of(DIFFERENT), cutoff=0.55, exact=exact)
        assert {type(i) for i in removed} == {int}


def test_names_of_a_frame():
    frame = pd.DataFrame(rows_of(DIFFERENT), columns=["a", "b", "c", "d"])
    assert find_correlation(frame, cutoff=0.55, names=True) == ["a", "b", "c"]
    assert find_correlation(frame, cutoff=0.55, exact=False, names=True) == ["d", "a", "b"]
    assert find_correlation(frame, names=True) == []
    with pytest.raises(ValueError, match="names=True needs a data frame"):
        find_correlation(frame.to_numpy(), names=True)


@EXAMPLES
@pytest.mark.parametrize("is_exact", [True, False])
def test_nothing_is_removed_at_or_below_the_cutoff(correlation, cutoff, exact, fast, is_exact):
    highest = np.abs(np.triu(correlation, 1)).max()
    assert correlated_columns(correlation, cutoff=highest, exact=is_exact) == []
    assert correlated_columns(correlation, cutoff=highest - 1e-9, exact=is_exact) != []


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_no_pair_above_the_cutoff_is_left(seed, exact):
    rng = np.random.default_rng(seed)
    columns = int(rng.integers(2, 12))
    x = rng.normal(size=[60, columns]) + rng.uniform(0, 3) * rng.normal(size=[60, 1])
    correlation = np.corrcoef(x, rowvar=False)
    for cutoff in (0.2, 0.5, 0.8, 0.95):
        removed = find_correlation(x, cutoff=cutoff, exact=exact)
        assert len(set(removed)) == len(removed) < columns
        kept = np.setdiff1d(np.arange(columns), removed)
        assert np.abs(np.triu(correlation[np.ix_(kept, kept)], 1)).max(initial=0) <= cutoff
        if (np.abs(np.triu(correlation, 1)) <= cutoff).all():
            assert removed == []


@pytest.mark.parametrize("exact", [True, False])
def test_copies_of_one_column(exact):
    x = np.random.default_rng(0).normal(size=[30, 1]) * [1, -2, 3, 4]
    assert len(find_correlation(x, exact=exact)) == 3
    assert find_correlation(x, cutoff=1, exact=exact) == []  # rounding is not above 1


@pytest.mark.parametrize("exact", [True, False])
def test_one_column(exact):
    assert find_correlation([[1.0], [2.0]], exact=exact) == []
    assert correlated_columns(np.eye(1), exact=exact) == []
    assert find_correlation(np.empty([5, 0]), exact=exact) == []


def test_integers_and_missing_values_of_pandas():
    frame = pd.DataFrame({"a": [1, 2, 3, 4], "b": [2, 4, 6, 9]}, dtype="Int64")
    assert find_correlation(frame, cutoff=0.9) == [1]
    frame.loc[2, "b"] = pd.NA
    with pytest.raises(ValueError, match="row 3, column 'b': the value is missing or infinite"):
        find_correlation(frame)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite(value):
    x = rows_of(CHAIN)
    x[6, 2] = value
    with pytest.raises(ValueError, match="row 7, column 2: the value is missing or infinite"):
        find_correlation(x)
    with pytest.raises(ValueError, match="row 7, column 'c'"):
        find_correlation(pd.DataFrame(x, columns=list("abcd")))


def test_a_constant_column():
    x = rows_of(CHAIN)
    x[:, 1] = 0.1
    with pytest.raises(ValueError, match="column 1 is constant"):
        find_correlation(x)
    x[:, 3] = 7
    with pytest.raises(ValueError, match="column 'b', 'd' is constant"):
        find_correlation(pd.DataFrame(x, columns=list("abcd")))


@pytest.mark.parametrize("unit", [1e200, 1e-200])
def test_values_whose_squares_are_out_of_range(unit):
    with pytest.raises(ValueError, match="column 2 has no finite correlation with others"):
        find_correlation(rows_of(CHAIN) * [1, 1, unit, 1])


def test_a_column_of_text():
    with pytest.raises(ValueError, match="column 'b' is not numeric"):
        find_correlation(pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}))


@pytest.mark.parametrize("cutoff", [-0.1, 1.1, np.nan])
def test_a_cutoff_out_of_range(cutoff):
    with pytest.raises(ValueError, match="cutoff must be between 0 and 1"):
        find_correlation(rows_of(CHAIN), cutoff=cutoff)


def test_rows_of_another_shape():
    with pytest.raises(ValueError, match="1 rows, but a correlation needs at least 2"):
        find_correlation([[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"must have shape \[N, D\], got \(3,\)"):
        find_correlation([1.0, 2.0, 3.0])


def test_a_matrix_that_is_no_correlation():
    with pytest.raises(ValueError, match=r"square matrix, got shape \(2, 3\)"):
        correlated_columns(np.ones([2, 3]))
    with pytest.raises(ValueError, match="symmetric"):
        correlated_columns(np.array([[1, 0.9], [0.5, 1]]))
    with pytest.raises(ValueError, match="column 'b' has no finite correlation"):
        broken = CHAIN.copy()
        broken[1], broken[:, 1] = np.nan, np.nan
        correlated_columns(broken, labels=list("abcd"))
