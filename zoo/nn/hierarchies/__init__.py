"""Several levels of latents, as vectors and as maps."""
