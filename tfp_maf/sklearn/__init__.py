"""Scikit-learn estimators made of flows: a density, an outlier detector and a classifier."""

from tfp_maf.sklearn.classifier import GenerativeClassifier
from tfp_maf.sklearn.density import FlowDensity
from tfp_maf.sklearn.outliers import FlowOutlierDetector

__all__ = ["FlowDensity", "FlowOutlierDetector", "GenerativeClassifier"]
