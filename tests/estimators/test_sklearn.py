import copy
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from rows import chain_rows
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tfp_maf.sklearn import FlowDensity, FlowOutlierDetector, GenerativeClassifier
from tfp_maf.sklearn.base import batch_of, hold_out
from tfp_maf.xla import compiled

TINY = {
    "num_layers": 2,
    "hidden_units": (16,),
    "learning_rate": 1e-2,
    "batch_size": 32,
    "max_epochs": 5,
    "random_state": 0,
}
ROWS, _ = chain_rows(300, 3, seed=0)
LABELS = np.where(ROWS[:, 1] > np.median(ROWS[:, 1]), "high", "low")
ESTIMATORS = [FlowDensity(**TINY), FlowOutlierDetector(cv=2, **TINY), GenerativeClassifier(**TINY)]


@pytest.fixture(scope="module")
def density():
    return FlowDensity(**TINY).fit(ROWS)


@pytest.fixture(scope="module", params=[False, True], ids=["conditional", "per_class"])
def classifier(request):
    return GenerativeClassifier(per_class=request.param, priors=[0.3, 0.7], **TINY).fit(
        ROWS, LABELS
    )


# Density


def test_scores_are_the_flows_log_likelihoods_in_the_tables_units(density):
    expected = density.flow_.log_prob(ROWS).numpy()
    np.testing.assert_array_equal(density.score_samples(ROWS), expected)
    assert density.score(ROWS) == pytest.approx(expected.mean(), abs=1e-5)
    scaled = FlowDensity(**TINY).fit(ROWS * [1, 1000, 1])
    shift = scaled.score_samples(ROWS * [1, 1000, 1]) - density.score_samples(ROWS)
    np.testing.assert_allclose(shift, -np.log(1000), atol=1e-3)


def test_a_gaussians_likelihood_is_found():
    rng = np.random.default_rng(0)
    mean, factor = np.array([100.0, -3.0]), np.array([[20.0, 0.0], [0.3, 0.1]])
    x = mean + rng.normal(size=[2000, 2]) @ factor.T
    density = FlowDensity(**TINY | {"max_epochs": 30}).fit(x[:1000])
    u = (x[1000:] - mean) @ np.linalg.inv(factor).T
    true = -0.5 * (u**2).sum(axis=1) - np.log(2 * np.pi) - np.log(20 * 0.1)
    assert density.score(x[1000:]) == pytest.approx(true.mean(), abs=0.03)


@pytest.mark.parametrize("model", ["maf", "made_mog", "nsf"])
@pytest.mark.filterwarnings("ignore:model='maf' of one column")
def test_a_density_of_one_column_integrates_to_one(model):
    rng = np.random.default_rng(0)
    x = 500 + 100 * rng.choice([-1, 1], 200) + 30 * rng.normal(size=200)
    density = FlowDensity(model=model, **TINY | {"num_layers": 1}).fit(x[:, None])
    grid = np.linspace(-1000, 2000, 6001)
    total = np.exp(density.score_samples(grid[:, None])).sum() * (grid[1] - grid[0])
    assert total == pytest.approx(1, abs=1e-3)


def test_samples_follow_the_seed(density):
    samples = density.sample(50, random_state=1)
    assert samples.shape == (50, 3)
    assert samples.dtype == np.float64
    np.testing.assert_array_equal(samples, density.sample(50, random_state=1))
    np.testing.assert_array_equal(density.sample(5), density.sample(5))
    assert (samples != density.sample(50, random_state=2)).any()
    rng = np.random.RandomState(0)
    assert (density.sample(5, random_state=rng) != density.sample(5, random_state=rng)).any()
    with pytest.raises(ValueError, match="n_samples must be a positive integer, got 0"):
        density.sample(0)


def test_an_estimator_trained_again_is_the_same(density):
    again = clone(density).fit(ROWS)
    np.testing.assert_array_equal(density.score_samples(ROWS), again.score_samples(ROWS))
    other = clone(density).set_params(random_state=1).fit(ROWS)
    assert (density.score_samples(ROWS) != other.score_samples(ROWS)).any()


def test_a_tables_names_are_kept_and_asked_for():
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    density = FlowDensity(**TINY).fit(frame)
    assert density.feature_names_in_.tolist() == ["a", "b", "c"]
    assert density.n_features_in_ == 3
    with pytest.raises(ValueError, match="same order"):
        density.score(frame[["b", "a", "c"]])


# Outliers


def test_the_threshold_is_of_rows_not_trained_on():
    x, _ = chain_rows(1300, 3, seed=1)
    options = TINY | {"hidden_units": (64,), "max_epochs": 60, "patience": 60}
    detector = FlowOutlierDetector(contamination=0.2, cv=4, **options).fit(x[:80])
    assert detector.held_out_scores_.shape == (80,)
    assert (detector.held_out_scores_ < detector.offset_).sum() == 16
    flagged = (detector.predict(x[300:]) == -1).mean()
    naive = clone(detector).set_params(cv=None).fit(x[:80])
    assert not hasattr(naive, "held_out_scores_")
    assert (naive.predict(x[:80]) == -1).sum() == 16
    too_many = (naive.predict(x[300:]) == -1).mean()
    assert abs(flagged - 0.2) < 0.12  # 80 scores: three standard errors are .13
    assert too_many > flagged + 0.03


def test_outliers_score_below_zero():
    detector = FlowOutlierDetector(cv=2, **TINY)
    found = detector.fit_predict(ROWS)
    np.testing.assert_array_equal(found, detector.predict(ROWS))
    assert set(found) == {-1, 1}
    decision = detector.decision_function(ROWS)
    np.testing.assert_array_equal(decision, detector.score_samples(ROWS) - detector.offset_)
    np.testing.assert_array_equal(found == -1, decision < 0)
    assert detector.predict([[50.0, -50.0, 50.0]]) == [-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"contamination": 0}, "contamination must be above 0"),
        ({"contamination": 0.6}, "at most 0.5, got 0.6"),
        ({"cv": 1}, "cv must be None or at least 2"),
    ],
)
def test_a_detectors_parameters_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        FlowOutlierDetector(**options).fit(ROWS)


# Classifier


def test_probabilities_follow_bayes_rule(classifier):
    assert classifier.classes_.tolist() == ["high", "low"]
    if classifier.per_class:
        log_prob = [flow.log_prob(ROWS) for flow in classifier.flows_]
    else:
        (flow,) = classifier.flows_
        log_prob = [flow.log_prob(ROWS, np.full(len(ROWS), k)) for k in range(2)]
    joint = np.stack(log_prob, axis=1).astype(np.float64) + np.log([0.3, 0.7])
    posterior = joint - logsumexp(joint, axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_joint_log_proba(ROWS), joint, atol=1e-5)
    np.testing.assert_allclose(classifier.predict_log_proba(ROWS), posterior, atol=1e-5)
    np.testing.assert_allclose(classifier.predict_proba(ROWS), np.exp(posterior), atol=1e-5)
    best = classifier.classes_[posterior.argmax(axis=1)]
    np.testing.assert_array_equal(classifier.predict(ROWS), best)
    assert classifier.score(ROWS, LABELS) > 0.8


def test_log_probabilities_sum_to_one_also_where_no_class_fits(classifier):
    far = np.concatenate([ROWS[:5], np.full([1, 3], 1e12), np.full([1, 3], 1e30)])
    log_prob = classifier.predict_log_proba(far)
    np.testing.assert_allclose(logsumexp(log_prob, axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(np.exp(log_prob[-1]), classifier.priors_)
    assert classifier.predict(far)[-1] == "low"


def test_priors_are_frequencies_by_default():
    y = np.r_[np.zeros(200), np.ones(100)]
    classifier = GenerativeClassifier(**TINY).fit(ROWS, y)
    np.testing.assert_allclose(classifier.priors_, [2 / 3, 1 / 3])


@pytest.mark.parametrize("priors", [[0.5], [0.5, 0.6], [0.0, 1.0]])
def test_priors_are_checked(priors):
    with pytest.raises(ValueError, match="priors must be"):
        GenerativeClassifier(priors=priors, **TINY).fit(ROWS, LABELS)


def test_a_class_of_one_row():
    y = np.concatenate([["rare"], LABELS[1:]])
    with pytest.raises(ValueError, match="class rare has only one sample"):
        GenerativeClassifier(per_class=True, **TINY).fit(ROWS, y)
    classifier = GenerativeClassifier(**TINY).fit(ROWS, y)
    assert classifier.predict_proba(ROWS).shape == (300, 3)


# All three


def scores(estimator):
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(ROWS)
    return estimator.score_samples(ROWS)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_copies_score_the_same(estimator, tmp_path):
    fitted = clone(estimator).fit(ROWS, LABELS)
    joblib.dump(fitted, tmp_path / "estimator.joblib")
    for again in (
        pickle.loads(pickle.dumps(fitted)),
        copy.deepcopy(fitted),
        joblib.load(tmp_path / "estimator.joblib"),
    ):
        assert again is not fitted
        np.testing.assert_array_equal(scores(again), scores(fitted))
    assert not hasattr(clone(fitted), "n_features_in_")


@pytest.mark.filterwarnings("ignore:model='maf' of one column")
@pytest.mark.filterwarnings("ignore:columns .* are constant")
@pytest.mark.parametrize("rows", [5, 20])
@pytest.mark.parametrize("kind", ["one column", "constant", "repeated"])
def test_small_tables(rows, kind):
    x = ROWS[:rows, :1]
    if kind != "one column":
        x = np.hstack([x, x if kind == "repeated" else np.full([rows, 1], 7.0)])
    for estimator in ESTIMATORS:
        fitted = clone(estimator).set_params(num_layers=1).fit(x, np.arange(rows) % 2)
        name = "predict_proba" if hasattr(fitted, "predict_proba") else "score_samples"
        assert np.isfinite(getattr(fitted, name)(x)).all()


def test_what_has_no_density_is_warned_of():
    with pytest.warns(UserWarning, match=r"columns \[1\] .* are constant and have no density"):
        FlowDensity(**TINY).fit(np.c_[ROWS[:20, 0], np.ones(20)])
    with pytest.warns(UserWarning, match="model='maf' of one column is a Gaussian"):
        FlowDensity(**TINY).fit(ROWS[:20, :1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "gaussian"}, "model must be one of"),
        ({"num_layers": 0}, "num_layers must be a positive integer"),
        ({"learning_rate": -1.0}, "learning_rate must be a finite number above 0"),
        ({"batch_size": 0}, "batch_size must be a positive integer"),
        ({"validation_fraction": 1.0}, "validation_fraction must be between 0 and 1, got 1.0"),
    ],
)
def test_parameters_are_checked_in_fit(options, message):
    with pytest.raises(ValueError, match=message):
        FlowDensity(**options).fit(ROWS)


@pytest.fixture
def compilations(monkeypatch):
    """A function that returns how many programs were compiled since the test began."""
    made, function = [], tf.function

    def counted(*arguments, **options):
        made.append(bool(options.get("jit_compile")))
        return function(*arguments, **options)

    def traced():
        shared = [f for f in compiled._shared.values() if hasattr(f, "python_function")]
        return sum(f.experimental_get_tracing_count() - 1 for f in shared)

    monkeypatch.setattr(tf, "function", counted)
    before = traced()
    return lambda: sum(made) + traced() - before


# Folds of 66 and 67 rows; of 15 and 16, whose batch is smaller than that of all 23.
@pytest.mark.parametrize(("rows", "batches"), [(100, 1), (23, 2)])
def test_a_search_compiles_once_per_batch_size(rows, batches, compilations):
    pipeline = make_pipeline(StandardScaler(), FlowDensity(**TINY))
    pipeline.fit(ROWS[:rows]).score(ROWS[:rows])
    before = compilations()
    grid = {
        "flowdensity__learning_rate": [1e-3, 1e-2],
        "flowdensity__validation_fraction": [0.1, 0.2],
    }
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(ROWS[:rows])
    assert np.isfinite(search.best_score_)
    assert compilations() == before + batches - 1


def test_cross_validation_scores_accuracy():
    scores = cross_val_score(GenerativeClassifier(**TINY), ROWS, LABELS, cv=2, error_score="raise")
    assert (scores > 0.8).all()


def test_batches_of_small_tables_are_powers_of_two():
    assert [batch_of(100, n) for n in (1, 2, 3, 63, 64, 99, 100, 1000)] == [
        *(1, 2, 2, 32, 64, 64, 100, 100)
    ]


def test_held_out_rows_leave_every_label_some():
    labels = np.array([0] * 30 + [1] * 10 + [2])
    kept, held_out = hold_out(41, 0.2, labels=labels, seed=0)
    assert sorted([*kept, *held_out]) == list(range(41))
    assert np.bincount(labels[held_out], minlength=3).tolist() == [6, 2, 0]
    assert [len(part) for part in hold_out(2, 0.1, labels=None, seed=0)] == [1, 1]
    assert [len(part) for part in hold_out(2, 0.9, labels=None, seed=0)] == [1, 1]


# Without scikit-learn


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_package_does_not_import_scikit_learn():
    done = run("import tfp_maf, sys; assert 'sklearn' not in sys.modules")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("model", ["categories", "gaussian_mixture", "gaussian"])
def test_builders_that_are_not_trained_on_numbers_are_refused(model):
    with pytest.raises(ValueError, match="model must be"):
        FlowDensity(model=model).fit(np.eye(4))
