"""Detectors and densities with a fit method."""
