"""Densities of the noise."""
