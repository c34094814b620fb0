"""Figures of series show what they are given."""

import numpy as np
import pytest

from tfp_maf.plotting.series import plot_along_time, plot_fan


def test_a_fan_has_bands_median_past_and_truth_per_column():
    rng = np.random.default_rng(0)
    past, paths, truth = rng.normal(size=[5, 2]), rng.normal(size=[50, 3, 2]), np.ones([3, 2])
    figure = plot_fan(np.arange(8), past, paths, truth=truth, columns=["a", "b $"])
    assert [axis.get_ylabel() for axis in figure.axes] == ["a", r"b \$"]
    for i, axis in enumerate(figure.axes):
        assert len(axis.collections) == 3
        lines = {line.get_label(): line.get_ydata() for line in axis.lines}
        np.testing.assert_array_equal(lines["past"], past[:, i])
        np.testing.assert_allclose(lines["median"], np.median(paths[:, :, i], axis=0))
        np.testing.assert_array_equal(lines["what came next"], truth[:, i])
        widest = axis.collections[0].get_paths()[0].vertices[:, 1]
        assert widest.max() == pytest.approx(np.quantile(paths[:, :, i], 0.975, axis=0).max())


def test_the_least_likely_steps_are_marked():
    log_prob = np.array([-1.0, np.nan, -50.0, -2.0, -30.0])
    figure = plot_along_time(np.arange(5), log_prob, threshold=-20.0, marked=2)
    marks = figure.axes[0].lines[1]
    assert sorted(marks.get_xdata()) == [2, 4]
