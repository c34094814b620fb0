"""Bijectors: invertible transformations with a tractable log-determinant."""
