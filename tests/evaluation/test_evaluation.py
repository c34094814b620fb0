import numpy as np
import pytest

import tfp_maf
from tfp_maf.evaluation import baselines, likelihood
from tfp_maf.evaluation.likelihood import Evaluation
from tfp_maf.experiments.report import report
from tfp_maf.flows.gaussian_mixture import fit_gaussian_mixture
from tfp_maf.utils import console


def test_mean_and_two_standard_errors(trained):
    flow, x, _ = trained
    log_prob = flow.log_prob(x).numpy().astype(np.float64)
    result = tfp_maf.evaluate(flow, x)
    assert result.mean == pytest.approx(log_prob.mean())
    assert result.two_standard_errors == pytest.approx(
        2 * np.sqrt(((log_prob - log_prob.mean()) ** 2).sum() / 999) / np.sqrt(1000)
    )
    assert result.rows == 1000
    assert str(result) == f"{result.mean:.2f} ± {result.two_standard_errors:.2f} nats"


def test_chunks_change_nothing(trained):
    flow, x, _ = trained
    np.testing.assert_allclose(
        likelihood.chunked_log_prob(flow, x, chunk_size=77), flow.log_prob(x), rtol=1e-4
    )


class Rows:
    """A million rows that are made when asked for, and the most asked for at once."""

    shape = (1_000_000, 4)
    most = 0

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, chunk):
        start, stop, _ = chunk.indices(len(self))
        self.most = max(self.most, stop - start)
        return np.zeros([stop - start, 4], np.float32)


def test_a_million_rows_are_never_held_at_once(trained):
    flow, _, _ = trained
    rows = Rows()
    result = tfp_maf.evaluate(flow, rows)
    assert rows.most == likelihood.CHUNK
    assert result.rows == 1_000_000
    assert result.mean == pytest.approx(float(flow.log_prob(np.zeros([1, 4]))[0]), rel=1e-5)


def test_a_bad_row_beyond_the_first_chunk_is_named(trained):
    flow, x, _ = trained
    x = np.tile(x, [12, 1])
    x[11_234, 2] = np.inf
    with pytest.raises(ValueError, match="inf at row 11234, column 2"):
        tfp_maf.evaluate(flow, x)


@pytest.mark.parametrize("x", [np.zeros([0, 4]), np.zeros(4)])
def test_no_rows(trained, x):
    with pytest.raises(ValueError, match=r"x must have shape \[N, 4\] with N > 0"):
        tfp_maf.evaluate(trained[0], x)


def test_baselines_equal_scipys():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    train = rng.normal(size=[500, 3]) @ rng.normal(size=[3, 3])
    x = train[:100] + 0.1
    density = stats.multivariate_normal(train.mean(axis=0), np.cov(train.T, ddof=0))
    assert baselines.gaussian(train, x).mean == pytest.approx(density.logpdf(x).mean())
    moved = baselines.gaussian(train, x, log_det=np.arange(100.0))
    assert moved.mean == pytest.approx(density.logpdf(x).mean() + 49.5)
    standard = stats.norm.logpdf(x).sum(axis=1).mean()
    assert baselines.standard_normal(x).mean == pytest.approx(standard)
    # One component is the Gaussian.
    mixture = fit_gaussian_mixture(train, x, components=(1,))
    assert np.mean(mixture.log_prob(x)) == pytest.approx(density.logpdf(x).mean(), abs=0.02)


def test_columns_that_are_linear_in_others_have_no_gaussian():
    x = np.random.default_rng(0).integers(0, 9, [50, 2]).astype(float)
    with pytest.raises(ValueError, match="linear combinations"):
        baselines.gaussian(np.column_stack([x, x[:, 0]]), np.zeros([5, 3]))


def test_a_single_row_is_reported_without_an_error_of_its_mean(capsys):
    console.show(True)
    report("model", Evaluation.of(np.array([-1.5])))
    report("model", Evaluation.of(np.array([-1.5, -2.5])))
    one, two = capsys.readouterr().out.splitlines()
    assert "-1.500 of 1 row, median" in one
    assert "-2.000 ± 1.000, median" in two
