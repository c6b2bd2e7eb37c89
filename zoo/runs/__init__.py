"""Runs: a recipe is trained into a directory that holds all its results."""
