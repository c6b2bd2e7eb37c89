"""The report: a run as one self-contained HTML file, with a latent space to explore."""
