"""Invertible transformations with a tractable log-determinant."""
