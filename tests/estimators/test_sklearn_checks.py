"""Scikit-learn's own checks of estimators."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from tfp_maf.sklearn import FlowDensity, FlowOutlierDetector, GenerativeClassifier

QUICK = {
    "num_layers": 2,
    "hidden_units": (16,),
    "learning_rate": 1e-2,
    "batch_size": 32,
    "max_epochs": 5,
    "random_state": 0,
}
ESTIMATORS = [
    FlowDensity(**QUICK),
    FlowOutlierDetector(cv=None, **QUICK),
    FlowOutlierDetector(cv=2, **QUICK),
    GenerativeClassifier(**QUICK),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
