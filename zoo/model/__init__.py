"""Models: parts wired together, what is known of a batch, and the latents drawn for it."""
