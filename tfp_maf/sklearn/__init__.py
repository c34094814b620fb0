"""Scikit-learn estimators made of flows: a density, an outlier detector and a classifier.

They need scikit-learn, which ``pip install 'tfp_maf[sklearn]'`` installs.
"""

try:
    from sklearn.utils.validation import validate_data  # noqa: F401  new in scikit-learn 1.6
except ImportError as error:
    raise ImportError(
        "tfp_maf.sklearn needs scikit-learn 1.6 or newer: pip install 'tfp_maf[sklearn]'"
    ) from error

from tfp_maf.sklearn.classifier import GenerativeClassifier
from tfp_maf.sklearn.density import FlowDensity
from tfp_maf.sklearn.outliers import FlowOutlierDetector

__all__ = ["FlowDensity", "FlowOutlierDetector", "GenerativeClassifier"]
