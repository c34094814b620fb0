"""What a run's report measures, on rows whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from tfp_maf.evaluation.calibration import BINS, Calibration
from tfp_maf.evaluation.marginals import (
    MISSING,
    distance_of_categories,
    distance_of_numbers,
    shares_of,
)
from tfp_maf.evaluation.privacy import Privacy, copied, nearest
from tfp_maf.plotting.report import edges_of, embedded, plot_categories, plot_numbers

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=4000)


def test_standard_normal_noise_is_calibrated():
    found = Calibration.of(np.append(NORMAL, np.nan))
    assert found.rows == 4000
    assert found.low < 4000 / BINS < found.high
    assert found.outside <= 4 and found.distance < 0.03 and found.p_value > 0.01


@pytest.mark.parametrize("factor, high_bins", [(2.0, [0, -1]), (0.5, [9, 10])])
def test_wrong_widths_show(factor, high_bins):
    found = Calibration.of(factor * NORMAL)
    assert found.outside > 10 and found.p_value < 1e-6
    assert (found.counts[high_bins] > found.high).all()


def test_nothing_to_calibrate():
    with pytest.raises(ValueError, match="no finite noise"):
        Calibration.of(np.array([np.nan]))


def test_repeated_training_rows_are_found():
    train, held_out = RNG.normal(size=[500, 3]), RNG.normal(size=[400, 3])
    new = RNG.normal(size=[400, 3])
    repeated = train[:400] + 1e-3
    near, fair = (
        Privacy(nearest(train, x), nearest(train, held_out), 0.0, 0.0) for x in (repeated, new)
    )
    assert near.share_closer > 0.95
    assert 0.01 < fair.share_closer < 0.12
    assert fair.held_out_closer == pytest.approx(0.05, abs=0.003)


def test_equal_rows_of_many_columns_are_at_distance_zero():
    rows = RNG.normal(size=[300, 40]) + 100
    assert (nearest(rows, rows[:50]) == 0).all()


def test_equal_rows_are_counted_with_missing_cells():
    train = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": ["x", None, "y"]})
    rows = pd.DataFrame({"a": [2.0, np.nan, 1.0, 2.0], "b": [None, "y", "y", "x"]})
    assert copied(train, rows) == 0.5


def test_distances_of_columns():
    assert distance_of_numbers(np.array([0.0, 1]), np.array([2.0, 3, np.nan])) == 1
    assert distance_of_numbers(np.array([0.0]), np.array([np.nan])) is None
    a, b = pd.Series(["x", "x", None, "y"]), pd.Series(["x", "z", "z", "z"])
    assert shares_of(a).to_dict() == {"x": 0.5, MISSING: 0.25, "y": 0.25}
    assert distance_of_categories(a, b) == 0.75


def test_bins_hold_as_many_rounded_values_each():
    edges = edges_of(np.arange(100.0), 1.0)
    widths = np.diff(edges)
    assert np.allclose(widths, widths[0]) and float(widths[0]).is_integer()
    assert edges[0] % 1 == 0.5
    few = edges_of(np.array([3.0, 4, 5]), 1.0)
    assert few.tolist() == [2.5, 3.5, 4.5, 5.5]


@pytest.mark.parametrize("values", [[], [5.0], [5.0, 5.0], [1e300, -1e300], [np.nan]])
def test_any_numbers_are_drawn(values):
    assert embedded(plot_numbers(np.array(values), np.array(values))).startswith("data:image/svg")


def test_categories_are_drawn_as_text():
    names = ["$^$", "<b>", "\N{HIRAGANA LETTER A}", *map(str, range(20))]
    shares = pd.Series(1 / len(names), index=names)
    figure = plot_categories(shares, shares)
    assert embedded(figure).startswith("data:image/svg")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[0] == r"\$^\$" and labels[-1] == "11 others"


def test_categories_that_are_numbers_are_in_their_order():
    shares = pd.Series({"10": 0.5, MISSING: 0.2, "9": 0.2, "-1": 0.1})
    figure = plot_categories(shares, shares)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["-1", "9", "10", MISSING]
