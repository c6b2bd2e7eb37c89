"""Invertible maps, the networks that return their parameters, and the distributions that they make."""
