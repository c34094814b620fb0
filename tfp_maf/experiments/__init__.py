"""Training runs on tables, each kept in a folder: train, score, sample, plot."""
