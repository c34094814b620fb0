"""Scikit-learn's own checks of estimators, which compile a flow for each width of table."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from tfp_maf.sklearn import FlowDensity, FlowOutlierDetector, GenerativeClassifier

TINY = {
    "num_layers": 1,
    "hidden_units": (8,),
    "learning_rate": 1e-2,
    "batch_size": 32,
    "max_epochs": 2,
    "random_state": 0,
}
CROSS_FITTED = FlowOutlierDetector(cv=2, **TINY)
EXACT = "a cross-fitted threshold flags about contamination * N of the training rows, not exactly"


def expected_failures(estimator):
    if not isinstance(estimator, FlowOutlierDetector) or estimator.cv is None:
        return {}
    return dict.fromkeys(["check_outliers_train", "check_outliers_fit_predict"], EXACT)


@parametrize_with_checks(
    [FlowDensity(**TINY), CROSS_FITTED, GenerativeClassifier(**TINY | {"max_epochs": 10})],
    expected_failed_checks=expected_failures,
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@parametrize_with_checks([FlowOutlierDetector(cv=None, **TINY)])
def test_scikit_learns_checks_with_a_threshold_from_training_rows(estimator, check):
    # The others are the same with folds.
    if "outlier" in check.func.__name__:
        check(estimator)
