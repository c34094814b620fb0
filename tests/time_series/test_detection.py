"""Thresholds in time: steps, windows, and stretches of windows."""

import numpy as np
import pytest

from tfp_maf.time_series.detection import Thresholds, runs_of, window_means


def test_window_means_skip_gaps():
    x = np.array([1.0, 2.0, np.nan, 4.0, np.nan, np.nan, 7.0])
    found = window_means(x, 3)
    np.testing.assert_allclose(found, [np.nan, 1.5, 1.5, 3, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(window_means(x, 1), x)


def test_the_rate_is_kept_on_new_steps():
    rng = np.random.default_rng(0)
    thresholds = Thresholds.of(
        [rng.normal(size=6000), rng.normal(size=6000)], width=5, false_alarms=0.02
    )
    step, window = thresholds.flags(rng.normal(size=50_000))
    assert step.mean() == pytest.approx(0.02, abs=0.005)
    assert window.mean() == pytest.approx(0.02, abs=0.006)
    assert thresholds.step < thresholds.low < 0 < thresholds.high  # means vary less
    for level in (-1.5, 1.5):  # no step is one, the window is
        step, window = thresholds.flags(np.full(10, level))
        assert not step.any() and window[5:].all()


def test_stretches_of_windows():
    flags = np.zeros(20, bool)
    flags[[6, 7, 15]] = True
    assert runs_of(flags, width=3) == [(4, 7), (13, 15)]
    assert runs_of(flags) == [(6, 7), (15, 15)]
    assert runs_of(np.zeros(3, bool)) == []


def test_too_few_steps():
    with pytest.raises(ValueError, match="cannot fix a false-alarm rate"):
        Thresholds.of([np.zeros(20)], width=2, false_alarms=0.01)
