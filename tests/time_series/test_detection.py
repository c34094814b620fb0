"""Thresholds in time: steps, windows, and stretches of windows."""

import numpy as np
import pytest

from tfp_maf.time_series.detection import Scored, Thresholds, runs_of, window_means


def test_window_means_skip_gaps():
    x = np.array([1.0, 2.0, np.nan, 4.0, np.nan, np.nan, 7.0])
    found = window_means(x, 3)
    np.testing.assert_allclose(found, [np.nan, 1.5, 1.5, 3, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(window_means(x, 1), x)


def normal(steps, *, seed=0, columns=2):
    noise = np.random.default_rng(seed).normal(size=[steps, columns])
    return Scored(-0.5 * (noise**2).sum(axis=1), noise)


def test_the_rate_is_kept_on_new_steps():
    thresholds = Thresholds.of([normal(6000), normal(6000, seed=1)], width=10, false_alarms=0.02)
    step, window = thresholds.flags(normal(50_000, seed=2))
    assert step.mean() == pytest.approx(0.02, abs=0.005)
    assert window.mean() == pytest.approx(0.02, abs=0.008)


def test_a_sensor_that_is_stuck_or_shifted_is_found_by_its_window_only():
    thresholds = Thresholds.of([normal(6000)], width=40, false_alarms=0.01)
    usual = normal(60, seed=3)
    assert not thresholds.flags(usual)[1].any()
    for column in (0 * usual.noise[:, 0], usual.noise[:, 0] + 1):
        noise = np.stack([column, usual.noise[:, 1]], axis=1)
        step, window = thresholds.flags(Scored(-0.5 * (noise**2).sum(axis=1), noise))
        assert window[-1] and step.mean() < 0.1


def test_stretches_of_windows():
    flags = np.zeros(20, bool)
    flags[[6, 7, 15]] = True
    assert runs_of(flags, width=3) == [(4, 7), (13, 15)]
    assert runs_of(flags) == [(6, 7), (15, 15)]
    assert runs_of(np.zeros(3, bool)) == []


def test_too_few_steps():
    with pytest.raises(ValueError, match="cannot fix a false-alarm rate"):
        Thresholds.of([normal(20)], width=2, false_alarms=0.01)
    with pytest.raises(ValueError, match="no 300 held-out steps in a row"):
        Thresholds.of([normal(100)], width=300, false_alarms=0.1)
