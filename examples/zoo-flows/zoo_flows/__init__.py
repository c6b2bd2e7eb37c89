"""Normalising-flow posteriors for latent-zoo."""
