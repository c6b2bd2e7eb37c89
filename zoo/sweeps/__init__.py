"""Sweeps: many runs of a recipe with different values of some fields and different seeds, in one table and figure."""
