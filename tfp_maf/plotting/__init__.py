"""Figures of training runs, flows and recordings."""
