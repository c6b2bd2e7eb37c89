"""Runs: a recipe is trained, and all results are written into a run directory."""
