"""Scores of forecasts against closed forms."""

import numpy as np
import pytest
from scipy.stats import norm

from tfp_maf.evaluation.forecasts import QUANTILES, coverage, crps_sum, energy_score, quantiles_of


def test_quantiles_are_samples_at_their_ranks():
    paths = np.arange(101.0)[None, ::-1]
    np.testing.assert_array_equal(
        quantiles_of(paths, np.array([0, 0.05, 0.5, 1]))[:, 0], [0, 5, 50, 100]
    )


def test_crps_sum_of_a_point_is_its_absolute_error():
    truth = np.array([[[1.0, 2.0]], [[3.0, -1.0]]])
    paths = np.repeat(truth[:, None] + 0.5, 9, axis=1)
    # The sums miss by 1 each, of sizes 3 and 2; a point's mean loss over the levels is its error.
    assert crps_sum(paths, truth) == pytest.approx(2 / 5)
    assert crps_sum(np.repeat(truth[:, None], 9, axis=1), truth) == 0


def test_crps_sum_of_a_normal():
    rng = np.random.default_rng(0)
    truth, paths = np.full([1, 1, 2], 3.0), 3.5 + rng.normal(size=[1, 40_000, 1, 2])
    deviation = np.sqrt(2)
    at = 7 + deviation * norm.ppf(QUANTILES)
    losses = 2 * np.abs((6 - at) * ((at >= 6) - QUANTILES))
    assert crps_sum(paths, truth) == pytest.approx(losses.mean() / 6, rel=0.02)


def test_energy_score_of_one_column_is_its_crps():
    rng = np.random.default_rng(0)
    y, paths = np.full([1, 1, 1], 0.7), rng.normal(size=[1, 40_000, 1, 1])
    closed = 0.7 * (2 * norm.cdf(0.7) - 1) + 2 * norm.pdf(0.7) - 1 / np.sqrt(np.pi)
    assert energy_score(paths, y, scale=np.ones(1)) == pytest.approx(closed, abs=0.01)
    halves = energy_score(2 * paths, 2 * y, scale=np.full(1, 2.0))
    assert halves == pytest.approx(closed, abs=0.01)


def test_a_true_forecast_is_better_than_a_wrong_one_and_covers():
    rng = np.random.default_rng(1)
    truth, paths = rng.normal(size=[400, 1, 3]), rng.normal(size=[400, 200, 1, 3])
    right = energy_score(paths, truth, scale=np.ones(3))
    assert right < energy_score(2 * paths, truth, scale=np.ones(3))
    assert right < energy_score(0 * paths, truth, scale=np.ones(3))
    assert coverage(paths, truth) == pytest.approx(0.8, abs=0.03)
