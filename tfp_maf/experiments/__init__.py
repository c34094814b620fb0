"""Training runs on tables as folders: train, score, sample, plot."""
