"""Files, seeds, precision and distributed processes: helpers that every other package may use."""
