"""Training: optimiser, schedule, precision and loop. It knows no files; what it finds out goes to a listener."""
