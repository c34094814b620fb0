"""Preparation of data sets, from raw files to standardised splits, without TensorFlow."""
