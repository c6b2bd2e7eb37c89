"""Layers: blocks, activations, normalisations, conditions, and the heads of distributions."""
