"""Densities of time series: a flow of each step given the past; forecasts, scores, baselines."""
