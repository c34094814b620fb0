"""Evaluation: log-likelihoods of data sets, baselines, detection metrics."""
