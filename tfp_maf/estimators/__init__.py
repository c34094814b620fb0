"""Estimators built on flows: anomaly detectors, sequence densities, whitening."""
