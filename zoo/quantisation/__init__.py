"""Discrete codes: codebooks, distributions over grids of code numbers, and over the vectors of the codes."""
