"""Training: optimiser, schedule, precision and loop. It reads and writes no files; results go to a listener."""
