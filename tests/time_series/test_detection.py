"""Thresholds in time: steps, windows, and stretches of windows."""

import numpy as np
import pytest

from tfp_maf.time_series.detection import (
    Scored,
    Thresholds,
    alarm_rates,
    recent_thresholds,
    runs_of,
    window_means,
)


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


def drifting(steps, *, begin, seed):
    """Noise whose scale grows slowly."""
    noise = np.random.default_rng(seed).normal(size=[steps, 1])
    noise *= 1 + (begin + np.arange(steps))[:, None] / 10_000
    return Scored(-0.5 * (noise**2).sum(axis=1), noise)


def test_what_drifts_is_compared_to_what_was_just_before():
    earlier, later = drifting(3000, begin=0, seed=0), drifting(20_000, begin=3000, seed=1)
    thresholds = Thresholds.of([earlier], width=10, false_alarms=0.01)
    assert (later.log_prob < thresholds.step).mean() > 0.1
    step, window = alarm_rates([earlier], [later], width=10, false_alarms=0.01)
    assert 0.008 < step < 0.02
    assert window < 0.3 * (thresholds.distances(later) > thresholds.window).mean()


def test_recent_thresholds():
    before = np.arange(9.0)  # the lowest of 9 has a share of 0.1 below it
    scores = np.array([-5, np.nan, 20, 20])
    found = recent_thresholds(before, scores, 0.1)
    np.testing.assert_allclose(found, [0, np.nan, -5, -5])
    np.testing.assert_allclose(recent_thresholds(before, np.zeros(0), 0.1), [])
    one = Thresholds.of([normal(500)], width=5, false_alarms=0.05)
    next_step = recent_thresholds(one.steps, np.zeros(1), 0.05)
    assert next_step[0] == pytest.approx(one.step)


def test_alarm_rates_need_later_steps():
    none = Scored(np.full(5, np.nan), np.full([5, 2], np.nan))
    with pytest.raises(ValueError, match="no later steps have scores"):
        alarm_rates([normal(500)], [none], width=5, false_alarms=0.05)


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
