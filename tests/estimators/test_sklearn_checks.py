"""Scikit-learn's own checks of estimators, which compile a flow for each width of table."""

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import (
    check_classifiers_classes,
    check_outliers_fit_predict,
    check_outliers_train,
    parametrize_with_checks,
)

from tfp_maf.sklearn import FlowDensity, FlowOutlierDetector, GenerativeClassifier

TINY = {
    "num_layers": 1,
    "hidden_units": (8,),
    "learning_rate": 1e-2,
    "batch_size": 32,
    "max_epochs": 2,
    "random_state": 0,
}
CLASSIFIER = GenerativeClassifier(**TINY | {"max_epochs": 10})
EXACT = "a cross-fitted threshold flags about contamination * N of the training rows, not exactly"


def expected_failures(estimator):
    if not isinstance(estimator, FlowOutlierDetector):
        return {}
    return {"check_outliers_train": EXACT, "check_outliers_fit_predict": EXACT}


@parametrize_with_checks(
    [FlowDensity(**TINY), FlowOutlierDetector(cv=2, **TINY), CLASSIFIER],
    expected_failed_checks=expected_failures,
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", [check_outliers_train, check_outliers_fit_predict])
def test_a_threshold_from_training_rows_flags_exactly_as_many(check):
    check("FlowOutlierDetector", FlowOutlierDetector(cv=None, **TINY))


def test_scikit_learns_check_of_classes_with_a_flow_per_class():
    check_classifiers_classes("GenerativeClassifier", clone(CLASSIFIER).set_params(per_class=True))
