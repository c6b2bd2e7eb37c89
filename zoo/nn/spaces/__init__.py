"""Spaces of latents other than Euclidean space: the sphere and the Poincaré ball."""
