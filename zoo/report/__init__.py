"""The report: a run in one HTML file that asks no other host for anything, with a latent space to explore."""
