"""Sweeps: many runs of a recipe that differ in some fields and in the seed, as one table and one figure."""
