"""Evaluation: metrics of a model on data."""
