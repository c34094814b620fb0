import numpy as np
import pytest

from tfp_maf.estimators import sequence_detector
from tfp_maf.estimators.sequence_detector import SequenceDetector
from tfp_maf.estimators.whitening import Whitening


def walks(n, *, seed=0):
    """Six frames of two features that walk away from 0: reversed, they come back to it."""
    return np.random.default_rng(seed).normal(size=[n, 6, 2]).cumsum(axis=1)


@pytest.fixture(scope="module")
def detector():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequence_detector, "MODEL", {"num_layers": 2, "hidden_units": (16,)})
        x, v = walks(800), walks(200, seed=1)
        return SequenceDetector.fit(
            x,
            v,
            background=x[:, ::-1],
            background_validation=v[:, ::-1],
            max_epochs=4,
            progress=False,
        )


def test_it_tells_the_direction_of_time(detector):
    x = walks(300, seed=2)
    forward, backward = detector.score(x), detector.score(x[:, ::-1])
    assert (forward > backward).mean() > 0.8


def test_save_and_load(detector, tmp_path):
    detector.save(tmp_path / "d")
    x = walks(20, seed=3)
    loaded = SequenceDetector.load(tmp_path / "d")
    np.testing.assert_allclose(loaded.score(x), detector.score(x), atol=1e-5)
    assert loaded.weight == detector.weight


def test_damage_is_named(detector, tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no detector"):
        SequenceDetector.load(tmp_path)
    detector.save(tmp_path / "d")
    weights = tmp_path / "d" / "flow" / "time_flow.npz"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match="is damaged"):
        SequenceDetector.load(tmp_path / "d")


def test_a_shrunk_whitening_is_of_the_shrunk_covariance():
    rows = np.random.default_rng(0).normal(size=[6, 10]) * np.arange(1, 11)
    whitening = Whitening.fit(rows, shrinkage=0.3)
    covariance = np.cov(rows.T, bias=True)
    shrunk = 0.7 * covariance + 0.3 * np.trace(covariance) / 10 * np.eye(10)
    product = whitening.directions.T @ shrunk @ whitening.directions
    np.testing.assert_allclose(product, np.eye(10), atol=1e-9)


def test_a_whitening_is_kept(tmp_path):
    whitening = Whitening.fit(np.random.default_rng(0).normal(size=[50, 4]), components=2)
    whitening.save(tmp_path / "w.npz")
    loaded = Whitening.load(tmp_path / "w.npz")
    np.testing.assert_array_equal(loaded.directions, whitening.directions)
    (tmp_path / "w.npz").write_bytes(b"PK nothing")
    with pytest.raises(ValueError):
        Whitening.load(tmp_path / "w.npz")
