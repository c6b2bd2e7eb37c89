"""Files, seeds, precision and distributed processes: what every other package may use, and that knows none of them."""
