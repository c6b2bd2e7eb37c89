"""File formats of data: arrays and images in files, labels, and the usual names of splits."""
