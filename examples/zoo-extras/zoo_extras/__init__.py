"""A prior, an adversarial regulariser and a callback for latent-zoo."""
