"""Log-likelihoods of data sets, baselines, detection metrics."""
