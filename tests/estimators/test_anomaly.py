import numpy as np
import pytest
from rows import chain_rows

import tfp_maf
from tfp_maf.estimators.anomaly import threshold_of
from tfp_maf.estimators.whitening import Whitening

NORMAL, _ = chain_rows(1500, 4, seed=0)
RNG = np.random.default_rng(0)
# The same columns, each shuffled: as likely column by column, but together they don't belong.
STRANGE = np.stack([RNG.permutation(column) for column in NORMAL[:300].T], axis=1)
QUICK = {"max_epochs": 15, "progress": False}


@pytest.fixture(scope="module")
def detector():
    detector = tfp_maf.AnomalyDetector.fit(NORMAL[:1000], NORMAL[1000:1250], **QUICK)
    detector.calibrate(detector.score(NORMAL[1000:1250]), false_alarms=0.1)
    return detector


def test_whitening_gives_uncorrelated_components_of_unit_variance():
    x = NORMAL @ RNG.normal(size=[4, 4]) + 5
    z = Whitening.fit(x)(x)
    np.testing.assert_allclose(np.cov(z, rowvar=False, ddof=0), np.eye(4), atol=1e-4)
    two = Whitening.fit(x, components=2)
    assert two(x).shape == (1500, 2)
    np.testing.assert_allclose(np.abs(two(x)), np.abs(z[:, :2]), atol=1e-4)


def test_whitening_drops_directions_without_spread():
    x = np.hstack([NORMAL, NORMAL[:, :1] + NORMAL[:, 1:2]])
    assert Whitening.fit(x)(x).shape == (1500, 4)
    with pytest.raises(
        ValueError, match="5 components requested, but the rows vary in 4 directions"
    ):
        Whitening.fit(x, components=5)


def test_it_finds_what_does_not_belong(detector):
    from sklearn.metrics import roc_auc_score

    scores = detector.score(np.concatenate([NORMAL[1250:], STRANGE]))
    auc = roc_auc_score(np.r_[np.ones(250), np.zeros(300)], scores)
    assert auc > 0.8


def test_false_alarms_are_about_as_many_as_asked_for(detector):
    alarms = detector.predict(NORMAL[1250:]).mean()
    assert 0.04 < alarms < 0.2  # .1, and three standard errors of 250 rows either way
    assert detector.predict(NORMAL[1000:1250]).sum() == 25
    assert detector.predict(STRANGE).mean() > 3 * alarms


def test_a_score_is_the_density_of_the_whitened_rows(detector):
    x = NORMAL[:20]
    expected = detector.flows[0].log_prob(detector.whitening(x))
    np.testing.assert_allclose(detector.score(x), expected, atol=1e-5)


def test_a_background_is_taken_off_and_seeds_are_averaged():
    detector = tfp_maf.AnomalyDetector.fit(
        NORMAL[:500],
        NORMAL[500:700],
        background=STRANGE,
        weight=0.3,
        seeds=(0, 1),
        max_epochs=2,
        progress=False,
    )
    z = detector.whitening(STRANGE)
    target = np.mean([flow.log_prob(z) for flow in detector.flows], axis=0)
    everyday = np.mean([flow.log_prob(z) for flow in detector.background], axis=0)
    assert (len(detector.flows), len(detector.background)) == (2, 1)
    np.testing.assert_allclose(detector.score(STRANGE), target - 0.3 * everyday, atol=1e-4)


def test_save_and_load(detector, tmp_path):
    detector.save(tmp_path / "d")
    again = tfp_maf.AnomalyDetector.load(tmp_path / "d")
    np.testing.assert_array_equal(again.score(STRANGE), detector.score(STRANGE))
    np.testing.assert_array_equal(again.predict(STRANGE), detector.predict(STRANGE))
    for name in ("detector.json", "whitening.npz"):
        whole = (tmp_path / "d" / name).read_bytes()
        (tmp_path / "d" / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ValueError, match="is damaged"):
            tfp_maf.AnomalyDetector.load(tmp_path / "d")
        (tmp_path / "d" / name).write_bytes(whole)
    with pytest.raises(OSError, match="holds no detector"):
        tfp_maf.AnomalyDetector.load(tmp_path)


def test_bad_input(detector):
    with pytest.raises(ValueError, match=r"shape \[N, 4\], got \[5, 3\]"):
        detector.score(NORMAL[:5, :3])
    with pytest.raises(ValueError, match="nan at row 0"):
        detector.score(np.full([2, 4], np.nan))
    with pytest.raises(ValueError, match="between 0 and 1"):
        detector.calibrate(np.zeros(100), false_alarms=1.5)
    with pytest.raises(ValueError, match="at least 99 are needed"):
        detector.calibrate(np.zeros(98), false_alarms=0.01)
    fresh = tfp_maf.AnomalyDetector(detector.whitening, detector.flows)
    with pytest.raises(ValueError, match="no threshold yet"):
        fresh.predict(NORMAL[:2])
    with pytest.raises(ValueError, match="validation must have shape"):
        tfp_maf.AnomalyDetector.fit(NORMAL, NORMAL[:10, :2])


def test_the_threshold_keeps_its_promise():
    """Over many small sets of held-out scores, as many false alarms as were asked for."""
    rng = np.random.default_rng(0)
    for n, wanted in [(4, 0.2), (19, 0.05), (60, 0.05)]:
        thresholds = [threshold_of(rng.normal(size=n), wanted) for _ in range(4000)]
        alarms = np.mean([(rng.normal(size=100) < t).mean() for t in thresholds])
        assert alarms == pytest.approx(wanted, abs=0.01)
